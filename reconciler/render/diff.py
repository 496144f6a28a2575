"""A column's change as lines: scalars from -> to, texts line by line, JSON by its operations."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reconciler.model.change import FieldChange
from reconciler.model.conflict import EditedBoth
from reconciler.model.value import Json, Value, Values
from reconciler.render import escape, layout, prose, steps
from reconciler.render.layout import Explain, Line


def nothing_more(column: str, value: Value) -> str:  # noqa: ARG001  as others that explain
    """For columns whose value speaks for itself."""
    return ""


def fields(
    changes: Sequence[FieldChange], *, width: int, verbose: bool, explain: Explain = nothing_more
) -> list[Line]:
    """What happens to the columns of one row."""
    names = layout.padded([change.column for change in changes])
    found: list[Line] = []
    for change, name in zip(changes, names, strict=True):
        drift = "   (overwrites a local edit)" if change.drift else ""
        if carried_out := steps.steps(change):
            found.append(Line("", escape.visible(change.column) + drift))
            found += steps.lines(carried_out, width=width, verbose=verbose)
            continue
        text = prose.changed(change.before, change.after, width=width, verbose=verbose)
        if text is not None:
            amount, *lines = text
            found.append(Line("", f"{name}   {amount}{drift}"))
            found += lines
            continue
        room = layout.room(width - len(name) - 3, verbose)
        pair = layout.pair(layout.text_of(change.before), layout.text_of(change.after), room)
        found.append(Line("", f"{name}   {pair[0]}{drift if len(pair) == 1 else ''}"))
        found += [Line("->", pair[1] + drift, len(name))] if len(pair) == 2 else []
        found += _explained(explain(change.column, change.after), len(name) + 3, width)
    return found


def values(row: Values, *, width: int, explain: Explain = nothing_more) -> list[Line]:
    """All the columns of a new row in full, with texts and JSON over several lines."""
    names = layout.padded(list(row))
    found: list[Line] = []
    for (column, value), name in zip(row.items(), names, strict=True):
        if isinstance(value, Json):
            found.append(Line("", escape.visible(column)))
            lines = layout.laid_out(value).split("\n")
            found += [Line("", escape.visible(line), 2) for line in lines]
        elif prose.several_lines(value):
            found.append(Line("", f"{name}   {prose.measure(value)}"))
            found += prose.lines(value)
        else:
            found.append(Line("", f"{name}   {escape.visible(layout.text_of(value))}"))
            found += _explained(explain(column, value), len(name) + 3, width)
    return found


def sides(conflict: EditedBoth, *, width: int) -> list[Line]:
    """The three values of a column that was changed on both sides."""
    three = {
        "as last applied": layout.text_of(conflict.base),
        "in the target": layout.text_of(conflict.ours),
        "in the template": layout.text_of(conflict.theirs),
    }
    room = layout.room(width - 18, False)
    longest = max(map(len, three.values()))
    start = 0
    if longest > room:
        same = layout.common(three["in the target"], three["in the template"])
        start = layout.cut(same, longest, room)
    return [
        Line("", f"{name:<15}   {escape.shortened(text, room, start=start)}")
        for name, text in three.items()
    ]


def _explained(text: str, indent: int, width: int) -> list[Line]:
    room = layout.room(width - indent, False)
    lines = textwrap.wrap(text, room, break_on_hyphens=False)
    return [Line("", line.replace(layout.TIED, " "), indent) for line in lines]
