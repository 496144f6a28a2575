"""The status, for a terminal: one line first, then a line an installation, template by template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from reconciler.model.status import Condition, InstallationStatus, Status, TemplateStatus
from reconciler.render import escape, words
from reconciler.render.terminal import Terminal

# Of those that are up to date, and of the others, so many are named; the rest is counted.
LISTED: Final = 20
URGENT: Final = 500

_SUMMED: Final[dict[Condition, str]] = {
    "failed": "that could not be compared",
    "conflicts": "with conflicts",
    "behind": "behind",
    "attention": "to look at",
    "gone": "of a template that is gone",
    "unlinked": "without an installed agent",
    "refused": "that cannot be planned",
    "private": "of a private template",
    "up_to_date": "up to date",
}
# In a summary what is well comes first, and what is urgent follows.
_ORDER: Final[tuple[Condition, ...]] = (
    "up_to_date", "behind", "conflicts", "attention", "failed", "gone", "unlinked", "refused",
    "private",
)  # fmt: skip
_WIDEST_SLUG: Final = 40
_SYMBOLS: Final[dict[Condition, str]] = {
    "failed": words.CONFLICT,
    "conflicts": words.CONFLICT,
    "behind": "~",
    "attention": "?",
    "gone": "?",
    "unlinked": "?",
}


def render(status: Status, *, color: bool, width: int, verbose: bool) -> str:
    """The whole status, ending in a newline."""
    return "\n".join(_lines(status, Terminal(width, color, 0), verbose)) + "\n"


def summary(status: Status) -> str:
    """`417 installations of 3 templates: 402 up to date, 9 behind, 6 with conflicts`."""
    if not status.installations:
        return "Nothing is installed."
    parts = [
        f"{status.counts[condition]} {_SUMMED[condition]}"
        for condition in _ORDER
        if condition in status.counts
    ]
    installations = words.count(status.installations, "installation")
    templates = words.count(len(status.templates), "template")
    return f"{installations} of {templates}: {', '.join(parts)}"


def headline(template: TemplateStatus) -> str:
    """`Personal Finance (agent_pf) in org public-finance, 159 rows, fingerprint ad18ae…`."""
    home = template.organization.slug
    parts = [
        f"{escape.name(template.name)} ({escape.name(template.agent_id)})"
        + (f" in org {escape.name(home)}" if home else "")
    ]
    match template.availability:
        case "public":
            pass
        case "private":
            parts.append("private")
        case "installed":
            parts.append(f"itself installed from {escape.name(template.installed_from or '')}")
        case "gone":
            parts.append("which no longer exists")
        case _:
            assert_never(template.availability)
    if template.rows is not None:
        parts.append(words.count(template.rows, "row"))
    if template.fingerprint is not None:
        parts.append(f"fingerprint {escape.visible(template.fingerprint[:6])}…")
    return ", ".join(parts)


def condition(one: InstallationStatus) -> str:
    """How an installation is: `behind by 3 rows`."""
    match one.condition:
        case "failed":
            return "not compared"
        case "conflicts":
            behind = f", behind by {words.count(one.pending, 'row')}" if one.pending else ""
            return words.count(one.conflicts, "conflict") + behind
        case "behind":
            return f"behind by {words.count(one.pending, 'row')}"
        case "attention":
            return "up to date, rows to look at"
        case "gone":
            return f"template gone, {words.count(one.rows, 'row')} left"
        case "unlinked":
            return f"not installed, {words.count(one.rows, 'row')} left"
        case "refused":
            return f"cannot be planned, {words.count(one.rows, 'row')}"
        case "private":
            return f"not compared, {words.count(one.rows, 'row')}"
        case "up_to_date":
            return "up to date"
        case _:
            assert_never(one.condition)


def details(one: InstallationStatus) -> str:
    """What else there is to say of an installation; of many there is nothing."""
    drift = [
        f"{number} {what}"
        for number, what in ((one.overwritten, "to be overwritten"), (one.kept, "kept"))
        if number
    ]
    drifted = f"{one.drifted} drifted" + (f" ({', '.join(drift)})" if drift else "")
    parts = [
        drifted if one.drifted else "",
        f"{one.tombstones} deleted by the tenant" if one.tombstones else "",
        f"{one.pins} released" if one.pins else "",
        f"{one.orphaned} orphaned" if one.orphaned else "",
        f"{one.dangling} with an owner that is gone" if one.dangling else "",
    ]
    return ", ".join(filter(None, parts))


def _lines(status: Status, out: Terminal, verbose: bool) -> Iterator[str]:
    yield out.paint("bold", summary(status))
    for template in status.templates:
        yield ""
        yield out.paint("bold", headline(template))
        if template.why:
            yield from out.wrapped(f"It cannot be compared: {escape.visible(template.why)}")
        urgent = [one for one in template.installations if one.condition != "up_to_date"]
        well = [one for one in template.installations if one.condition == "up_to_date"]
        shown = template.installations
        if not verbose:
            named = {one.organization.id for one in (*urgent[:URGENT], *well[:LISTED])}
            shown = tuple(one for one in shown if one.organization.id in named)
        yield from _table(shown, out)
        if not verbose and len(well) > LISTED:
            yield f"    … {len(well) - LISTED} more up to date (--verbose lists them)"
        if not verbose and len(urgent) > URGENT:
            yield f"    … {len(urgent) - URGENT} more that are not (--verbose lists them)"


def _table(shown: Sequence[InstallationStatus], out: Terminal) -> Iterator[str]:
    """A line an installation, with aligned columns; what does not fit stands below."""
    slugs = [escape.name(one.organization.slug) for one in shown]
    conditions = [condition(one) for one in shown]
    left = min(_WIDEST_SLUG, max(map(len, slugs), default=0))
    middle = max(map(len, conditions), default=0)
    for one, slug, said in zip(shown, slugs, conditions, strict=True):
        symbol = _SYMBOLS.get(one.condition, "")
        revision = f"revision {one.revision}" if one.revision else "no revision"
        when = words.day(one.revised_at or "")
        last = ", ".join(filter(None, [revision, when, details(one)]))
        yield f"{out.paint(symbol, f'{symbol:>3}')} {slug:<{left}}  {said:<{middle}}  {last}"
