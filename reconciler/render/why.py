"""Whose a row is and why, for a terminal: the row, its past, its columns, and the ways out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final, assert_never

from reconciler.model.address import Address
from reconciler.model.plan import Drift
from reconciler.model.why import ColumnStory, Side, Touch, Why
from reconciler.render import diff, escape, history, layout, words
from reconciler.render.layout import Line
from reconciler.render.terminal import INDENT, Terminal

_SIDES: Final[dict[Side, str]] = {
    "base": "as last applied",
    "target": "in the target",
    "template": "in the template",
}
_LABEL: Final = 10


def render(why: Why, *, color: bool, width: int, verbose: bool) -> str:
    """All of it as text, ending in a newline."""
    return "\n".join(_lines(why, Terminal(width, color, 0), verbose)) + "\n"


def _lines(why: Why, out: Terminal, verbose: bool) -> Iterator[str]:
    target = why.organization
    where = f"{escape.name(target.slug)} ({escape.name(target.id)})"
    yield out.paint("bold", f"{words.row(why.address)} in {where}")
    yield from _labelled(out, "Stands", stands(why))
    yield from _labelled(out, "Owner", owner(why))
    yield from _labelled(out, "Template", template(why))
    yield from _labelled(out, "Ledger", placed(why))
    yield from _labelled(out, "Rule", why.rule.says)
    if why.revisions:
        yield ""
        yield "  Changed by:"
    for touch in why.revisions:
        yield from out.wrapped(_touch(touch, why))
    if why.more:
        yield " " * INDENT + "… and perhaps by older ones, which were not looked at"
    if why.columns:
        yield ""
        yield "  Columns that differ:"
    for column in why.columns:
        yield from _column(column, why.address, out, verbose)
    yield ""
    if why.unplanned:
        yield from _labelled(out, "No plan", escape.visible(why.unplanned))
    else:
        yield "  A plan would now:"
    for line in _planned(why):
        yield from out.wrapped(line)
    if why.ways:
        yield ""
        yield "  To change it:"
    for way in why.ways:
        effect = f" ({escape.visible(way.effect)})" if way.command else f" {way.effect}"
        yield from out.wrapped(f"{way.title}:{effect}")
        if way.command:
            yield " " * (INDENT + 2) + escape.visible(way.command)


def stands(why: Why) -> str:
    """How the row stands in the target."""
    row = why.row
    number = f", id {escape.name(row.id)}" if row.id else ""
    match row.situation:
        case "live":
            return f"live{number}"
        case "dead":
            return f"retired{number}"
        case "detached":
            return f"live itself, but what it belongs to is retired{number}"
        case "ambiguous":
            return "several times, live"
        case "absent":
            return "not there" + (" (any more)" if why.placed or why.revisions else "")
        case _:
            assert_never(row.situation)


def owner(why: Why) -> str:
    """Whose the row is."""
    row = why.row
    if row.owner is not None:
        tag = row.owner
        name = f"{escape.name(tag.name)} ({escape.name(tag.agent)})" if tag.name else ""
        gone = "" if tag.exists else ", which no longer exists"
        home = f" of organisation {escape.name(tag.organization)}" if tag.organization else ""
        through = f", through {words.row(row.through)}" if row.through else ""
        return f"the template agent {name or escape.name(tag.agent)}{home}{gone}{through}"
    if row.situation == "absent":
        return ""
    if why.address.kind == "agent" and why.template is not None:
        return "the installation itself"
    author = row.author
    who = author and (author.label or author.user_id)
    day = words.day(author.at or "") if author else ""
    return (
        "the tenant's own people"
        + (f", written by {escape.name(who)}" if who else "")
        + (f" on {day}" if day else "")
    )


def template(why: Why) -> str:
    """Which template was asked about."""
    found = why.template
    if found is None:
        return "none has to do with it"
    gone = ", which no longer exists" if found.gone else ""
    home = f" in org {escape.name(found.organization.slug)}" if found.organization.slug else ""
    return f"{escape.name(found.name)} ({escape.name(found.agent_id)}){home}{gone}"


def placed(why: Why) -> str:
    """What the ledger knows."""
    found = why.placed
    if found is None:
        return "does not know it"
    since = f"known since revision {found.since}, " if found.since else ""
    state = {
        "placed": "last placed by",
        "retired": "retired; last told by",
        "released": "released to the tenant; last told by",
    }[found.state]
    return f"{since}{state} revision {found.last}"


def _touch(touch: Touch, why: Why) -> str:
    revision = touch.revision
    columns = ", ".join(map(escape.name, touch.columns))
    name = "" if touch.address == why.address else f" as {words.row(touch.address)}"
    done = words.VERBS.get(touch.action, ("", touch.action))[1]
    when = revision.applied_at[:16].replace("T", " ")
    return (
        f"{revision.number}  {when} UTC  {history.what(revision)}: {escape.name(done)}{name}"
        + (f" ({columns})" if columns else "")
        + f", by {history.who(revision)}"
    )


def _column(column: ColumnStory, address: Address, out: Terminal, verbose: bool) -> Iterator[str]:
    yield from out.wrapped(f"{escape.visible(column.column)}: {column.because.says}")
    room = out.width - INDENT - 2
    if column.sensitive:
        yield " " * (INDENT + 2) + "(sensitive: the values never leave the database)"
        return
    lines: list[Line] = []
    if len(column.known) == len(_SIDES):
        three = Drift(
            address=address,
            targets=(),
            column=column.column,
            base=column.base,
            ours=column.target,
            theirs=column.template,
            then="kept",
        )
        lines = diff.sides(three, width=room, verbose=verbose)
    else:
        texts = {side: layout.text_of(getattr(column, side)) for side in column.known}
        lines = _two(texts, layout.room(room - 18, verbose))
    yield from out.block([Line(line.symbol, line.text, line.indent + 2) for line in lines])


def _two(texts: dict[Side, str], room: int) -> list[Line]:
    """Values where not all sides are known."""
    longest = max(map(len, texts.values()))
    start = 0
    if len(texts) > 1 and 0 < room < longest:
        one, other, *_ = texts.values()
        start = layout.cut(layout.common(one, other), longest, room)
    return [
        Line("", f"{_SIDES[side]:<15}   {escape.shortened(text, room, start=start)}")
        for side, text in texts.items()
    ]


def _planned(why: Why) -> list[str]:
    found = []
    for one in why.planned:
        symbol = words.SYMBOLS.get(one.what, "") if one.sort == "change" else ""
        symbol = words.CONFLICT if one.sort == "conflict" else symbol
        what = f"{symbol} {one.what}".strip()
        found.append(f"{what}: {one.says}")
    return found or ([] if why.unplanned else ["leave it as it is"])


def _labelled(out: Terminal, label: str, text: str) -> Iterator[str]:
    width = out.width - _LABEL - 2
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    for place, line in enumerate(lines):
        yield f"  {'' if place else label:<{_LABEL}}{line}"
