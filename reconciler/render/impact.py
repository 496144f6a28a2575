"""What a catalog's change would do, for a terminal and for a change ticket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from reconciler.model.impact import Finding, Impact, TenantImpact, TypeImpact
from reconciler.render import escape, words
from reconciler.render.page import Page
from reconciler.render.terminal import INDENT, Terminal
from reconciler.render.words import Say

# Of each type so many organisations are named, and so much is said of each; the rest is counted.
TENANTS: Final = 20
FINDINGS: Final = 10

_SYMBOLS: Final = {"new": "+", "changed": "~", "retired": "-"}
_LIMIT: Final = 60_000


def text(impact: Impact, *, color: bool, width: int, verbose: bool) -> str:
    """All of it as text, ending in a newline."""
    return "\n".join(_lines(impact, Terminal(width, color, 0), verbose)) + "\n"


def markdown(impact: Impact, *, verbose: bool) -> str:
    """All of it as Markdown of limited size, ending in a newline."""
    page = Page(_LIMIT, shows_all="--format text")
    page.append(f"# Change of the catalog {escape.code(impact.catalog.slug)}")
    page.append(summary(impact))
    page.append(f"Change: {escape.code(impact.change)}, {readers(impact)}.")
    page.section("Types", "type", ((_fitting(one, verbose), 1) for one in impact.types))
    return page.text()


def summary(impact: Impact) -> str:
    """`Catalog change: 1 new, 1 changed, 0 retired; 7 rows of 3 organisations would ...`."""
    if not impact.types:
        return "No changes: the catalog is so already."
    kinds = Counter(one.change for one in impact.types)
    counts = ", ".join(f"{kinds[one]} {one}" for one in ("new", "changed", "retired"))
    if not impact.broken:
        return f"Catalog change: {counts}; every row stays valid."
    whose = words.count(impact.organizations, "organisation")
    return (
        f"Catalog change: {counts}; {words.count(impact.broken, 'row')} of {whose} would no longer "
        "be valid."
    )


def readers(impact: Impact) -> str:
    """Who reads the catalog."""
    return f"read by {words.count(impact.readers, 'organisation')} by reference"


def _lines(impact: Impact, out: Terminal, verbose: bool) -> Iterator[str]:
    home = impact.catalog
    yield f"Catalog   {escape.name(home.slug)} ({escape.name(home.id)}), {readers(impact)}"
    yield f"Change    {escape.name(impact.change)}"
    for one in impact.types:
        yield ""
        yield out.headline(_SYMBOLS[one.change], words.row(one.address), [_headline(one)])
        if one.now_unjudged:
            yield from out.wrapped(_unjudged(one, escape.visible))
        shown, more = _shown(one.tenants, verbose)
        for line in _totals(one, escape.name) if more else ():
            yield from out.wrapped(line)
        for tenant in shown:
            symbol = words.CONFLICT if tenant.broken else ""
            said_of_it = _tenant(tenant, escape.name)
            yield f"{out.paint(symbol, f'{symbol:>3}')}   {said_of_it}"
            said, hidden = _said(tenant, escape.name, verbose)
            for line in said:
                yield from (f"  {part}" for part in out.wrapped(line))
            if hidden:
                yield " " * (INDENT + 2) + _more(hidden, "finding")
        if more:
            yield " " * INDENT + _more(more, "organisation")
    yield ""
    yield summary(impact)


def _fitting(one: TypeImpact, verbose: bool) -> str:
    full = _block(one, verbose)
    return full if len(full) < _LIMIT // 3 else _block(one, verbose=False)


def _block(one: TypeImpact, verbose: bool) -> str:
    name = escape.code(str(words.row(one.address)))
    lines = [f"### {_SYMBOLS[one.change]} {name}", "", f"{_headline(one)}"]
    if one.now_unjudged:
        lines += ["", _unjudged(one, escape.code)]
    shown, more = _shown(one.tenants, verbose)
    lines += [""] if shown else []
    lines += [f"- {line}" for line in _totals(one, escape.code)] if more else []
    for tenant in shown:
        lines.append(f"- {_tenant(tenant, escape.code)}")
        said, hidden = _said(tenant, escape.code, verbose)
        lines += [f"  - {line}" for line in said]
        lines += [f"  - {_more(hidden, 'finding')}"] if hidden else []
    lines += [f"- {_more(more, 'organisation')}"] if more else []
    return "\n".join(lines)


def _headline(one: TypeImpact) -> str:
    if one.change == "new":
        return "new"
    if not one.rows:
        return f"{one.change}, no row is of it"
    rows, whose = (
        words.count(one.rows, "row"),
        words.count(one.organizations, "organisation"),
    )
    return f"{one.change}, {rows} in {whose}"


def _unjudged(one: TypeImpact, say: Say) -> str:
    return (
        "Nobody can say which rows are valid now, so each that would not be is counted: "
        f"{say(one.now_unjudged)}."
    )


def _tenant(one: TenantImpact, say: Say) -> str:
    own = ", the catalog itself" if one.own else ""
    parts = []
    if one.broken:
        parts.append(f"{words.count(one.broken, 'row')} would no longer be valid")
    if one.already:
        parts.append(f"{words.count(one.already, 'row')} not valid already")
    if not parts:
        parts.append("would not see it")
    return f"{say(one.organization.slug)} ({say(one.organization.id)}{own}): {', '.join(parts)}"


def _shown(tenants: Sequence[TenantImpact], verbose: bool) -> tuple[Sequence[TenantImpact], int]:
    """The organisations that are named, the worst first, and how many are not."""
    worst = sorted(tenants, key=lambda one: -one.broken)
    shown = worst if verbose else worst[:TENANTS]
    return shown, len(worst) - len(shown)


def _totals(one: TypeImpact, say: Say) -> list[str]:
    """What is found, whosever the rows are, what weighs most first."""
    rows: Counter[str] = Counter()
    whose: Counter[str] = Counter()
    for tenant in one.tenants:
        for finding in tenant.findings:
            if finding.about != "shadowed":
                what = _what(finding, say)
                rows[what] += finding.rows
                whose[what] += 1
    return [
        f"{what}: {words.count(number, 'row')} in {words.count(whose[what], 'organisation')}"
        for what, number in rows.most_common(FINDINGS)
    ]


def _said(one: TenantImpact, say: Say, verbose: bool) -> tuple[list[str], int]:
    """What is said of an organisation, and how much is not."""
    shown = one.findings if verbose else one.findings[:FINDINGS]
    return [_finding(finding, say) for finding in shown], len(one.findings) - len(shown)


def _finding(one: Finding, say: Say) -> str:
    what = _what(one, say)
    return what if one.about == "shadowed" else f"{what}: {_rows(one.rows, one.ids, say)}"


def _what(one: Finding, say: Say) -> str:
    match one.about:
        case "in_use":
            return "of a type that goes"
        case "invalid":
            where = "in other places" if one.pointer is None else f"at {say(one.pointer)}"
            return f"{say(one.keyword)} {'as a whole' if one.pointer == '' else where}"
        case "no_rule":
            return f"no rule any more from {say(one.source)} to {say(one.target)}"
        case "unjudged":
            return f"nobody could judge, {say(one.why)}"
        case "shadowed":
            return f"a type of its own has this slug: id {say(one.id)}"
        case _:
            assert_never(one.about)


def _rows(rows: int, ids: Sequence[str], say: Say) -> str:
    named = ", ".join(map(say, ids)) + (", …" if rows > len(ids) else "")
    return f"{words.count(rows, 'row')}, id {named}"


def _more(number: int, thing: str) -> str:
    return f"… {words.count(number, f'more {thing}')} (--verbose lists all)"
