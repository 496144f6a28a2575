"""What having templates by reference would save and change, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from reconciler.model.advice import (
    Advice,
    Frequent,
    InstallationAdvice,
    KindAdvice,
    Stays,
    Sum,
    TemplateAdvice,
)
from reconciler.model.note import Local
from reconciler.render import escape, words
from reconciler.render.terminal import Terminal
from reconciler.render.words import Say

# Of the installations of a template so many are named, those with customised rows first.
LISTED: Final = 500

_HEAD: Final = (
    "", "rows", "give way", "parts", "behind", "customised", "re-pointed", "saved", "indexes"
)  # fmt: skip
_STAYS: Final[dict[Local, str]] = {
    "edited": "edited by the tenant",
    "behind": "behind the template",
    "own": "of the tenant's own, or another template's",
    "parts": "with other parts than the template's",
    "in_use": "used by rows that cannot follow",
    "referred": "referred to by rows that stay",
    "elsewhere": "had nearer from another catalog",
    "twice": "standing twice",
    "deleted": "deleted by the tenant, and seen again",
}
_WIDEST: Final = 40
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


def text(advice: Advice, *, color: bool, width: int, verbose: bool) -> str:
    """All of it as text, ending in a newline."""
    return "\n".join(_lines(advice, Terminal(width, color, 0), verbose)) + "\n"


def markdown(advice: Advice, *, verbose: bool) -> str:
    """All of it as Markdown, ending in a newline."""
    return "\n\n".join(_blocks(advice, verbose)) + "\n"


def headline(one: TemplateAdvice, say: Say) -> str:
    """`Personal Finance (agent_pf) in org public-finance: 12 copies, 3 by reference`."""
    home = f" in org {say(one.organization.slug)}" if one.organization.slug else ""
    copies = words.count(one.copies, "copy", "copies")
    return f"{say(one.name)} ({say(one.agent_id)}){home}: {copies}, {one.by_reference} by reference"


def recommendation(one: TemplateAdvice, say: Say) -> str:
    """The one line by the one rule: `reference: 98 % of 24000 rows were never customised`."""
    rows = words.count(one.total.rows, "row")
    match one.because:
        case "uncustomised":
            return f"reference: {one.uncustomised} % of {rows} were never customised"
        case "customised":
            copies = words.count(one.copies, "installation")
            have = "has" if one.copies == 1 else "have"
            return f"copy: {one.customised_in} of {copies} {have} customised rows"
        case "few":
            return f"copy: only {one.uncustomised} % of {rows} were never customised"
        case "refused":
            return f"copy: {say(one.why)}"
        case "failed":
            return f"none, since installations could not be compared: {say(one.why)}"
        case "no_copies":
            return "none: there is no copy to convert"
        case _:
            assert_never(one.because)


def changes(one: TemplateAdvice, say: Say) -> Iterator[tuple[str, list[str]]]:
    """What would not give way, or would be otherwise than now: a line, and what is below it."""
    for kind in one.kinds:
        for stays in kind.stays:
            yield _stays(kind, stays), [_frequent(at, say) for at in stays.most]
    for left in one.left:
        rows = words.count(left.rows, "row")
        where = words.count(left.installations, "installation")
        belongs = "stays a copy" if left.rows == 1 else "stay copies"
        yield f"{left.kind}: {rows} in {where} {belongs}, which nothing brings up to date", []
    if one.conflicts_in:
        where = words.count(one.conflicts_in, "installation")
        have = "has" if one.conflicts_in == 1 else "have"
        yield f"{where} {have} conflicts, which a plan would have to resolve first", []


def _stays(kind: KindAdvice, stays: Stays) -> str:
    rows = words.count(stays.rows, "row")
    where = words.count(stays.installations, "installation")
    tables = [f"{escape.visible(table)} {number}" for table, number in stays.used_by.items()]
    used = f" ({', '.join(tables)})" if tables else ""
    return f"{kind.kind}: {rows} {_STAYS[stays.because]}{used}, in {where}"


def _frequent(one: Frequent, say: Say) -> str:
    columns = ", ".join(f"{say(column)} {number}" for column, number in one.columns.items())
    often = f"in {words.count(one.installations, 'installation')}"
    return f"{say(str(words.row(one.address)))} {often}" + (f" ({columns})" if columns else "")


def _size(number: int) -> str:
    """`812 bytes`, `18.2 KB`, `3.4 MB`."""
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{number} bytes"


def _cells(name: str, one: Sum, indexes: str) -> tuple[str, ...]:
    numbers = (one.rows, one.gives_way, one.parts, one.behind, one.customised, one.repointed)
    return (name, *map(str, numbers), _size(one.bytes), indexes)


def _table(one: TemplateAdvice) -> list[tuple[str, ...]]:
    """A line a kind, and one for all."""
    kinds = [_cells(escape.visible(kind.kind), kind, str(kind.indexes)) for kind in one.kinds]
    return [_HEAD, *kinds, _cells("all", one.total, "")]


def _installation(one: InstallationAdvice) -> str:
    parts = [
        words.count(one.rows, "row"),
        f"{one.gives_way} give way" if one.gives_way != 1 else "1 gives way",
        f"{one.behind} behind" if one.behind else "",
        f"{one.customised} customised" if one.customised else "",
        f"{one.repointed} re-pointed" if one.repointed else "",
        f"{_size(one.bytes)} saved" if one.bytes else "",
        words.count(one.conflicts, "conflict") if one.conflicts else "",
    ]
    return ", ".join(filter(None, parts))


def _shown(one: TemplateAdvice, verbose: bool) -> tuple[Sequence[InstallationAdvice], int]:
    first = sorted(one.installations, key=lambda each: not (each.customised or each.conflicts))
    shown = one.installations if verbose else first[:LISTED]
    return shown, len(one.installations) - len(shown)


def _lines(advice: Advice, out: Terminal, verbose: bool) -> Iterator[str]:
    if not advice.templates:
        yield "Nothing is installed."
    for number, one in enumerate(advice.templates):
        if number:
            yield ""
        yield out.paint("bold", headline(one, escape.name))
        yield from out.wrapped(f"Recommended: {recommendation(one, escape.visible)}")
        if one.hint:
            yield from out.wrapped(escape.visible(one.hint))
        if one.why or not one.copies:
            continue
        yield ""
        yield from _aligned(_table(one))
        told = list(changes(one, escape.visible))
        if told:
            yield ""
            yield "  What stays, or changes:"
        for line, below in told:
            yield from out.wrapped(line)
            for each in below:
                yield from (f"  {part}" for part in out.wrapped(each))
        shown, more = _shown(one, verbose)
        if shown:
            yield ""
        slugs = [escape.name(installation.organization.slug) for installation in shown]
        left = min(_WIDEST, max(map(len, slugs), default=0))
        for slug, installation in zip(slugs, shown, strict=True):
            symbol = words.CONFLICT if installation.conflicts else ""
            said = _installation(installation)
            yield f"{out.paint(symbol, f'{symbol:>3}')} {slug:<{left}}  {said}"
        if more:
            yield f"    … {more} more (--verbose lists them)"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}", *(f"{text:>{width}}" for text, width in rest)]
        yield "    " + "  ".join(cells).rstrip()


def _blocks(advice: Advice, verbose: bool) -> Iterator[str]:
    yield "# Copy or reference?"
    if not advice.templates:
        yield "Nothing is installed."
    for one in advice.templates:
        yield f"## {headline(one, escape.code)}"
        yield f"**Recommended:** {recommendation(one, escape.code)}."
        if one.hint:
            yield escape.code(one.hint)
        if one.why or not one.copies:
            continue
        yield "\n".join(_rows(_table(one)))
        told = list(changes(one, escape.code))
        if told:
            yield "### What stays, or changes"
            yield "\n".join(
                f"- {line}" + "".join(f"\n  - {each}" for each in below) for line, below in told
            )
        shown, more = _shown(one, verbose)
        if shown:
            yield "### Installations"
            lines = [f"- {escape.code(each.organization.slug)}: {_installation(each)}"
                     for each in shown]  # fmt: skip
            yield "\n".join([*lines, *([f"- … {more} more (`--verbose`)"] if more else [])])


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *rest = rows
    yield "| " + " | ".join(head) + " |"
    yield "|:--|" + "--:|" * (len(head) - 1)
    for row in rest:
        yield "| " + " | ".join(row) + " |"
