"""A column's change as lines: scalars from -> to, texts line by line, JSON by its operations."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Final

from reconciler.model.change import Change, Create, FieldChange
from reconciler.model.conflict import Conflict, EditedBoth, RewrittenVersion, TouchedSince
from reconciler.model.plan import Drift, Plan
from reconciler.model.value import Json, Value, Values
from reconciler.render import escape, layout, prose, runs, steps
from reconciler.render.layout import Explain, Line

# What happens to a column that drifted.
Then = Callable[[Drift], str]

_WAS: Final = "as last applied"
_TARGETS_SHOWN: Final = 3
_BOTH: Final = ("in the target", "in the template")


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


def below(change: Change, plan: Plan, *, width: int, verbose: bool) -> list[Line]:
    """The columns of a change: of new rows only schedules, unless all is asked for."""
    kind = change.address.kind
    explain = runs.explain(plan, kind)
    if not isinstance(change, Create):
        return fields(change.fields, width=width, verbose=verbose, explain=explain)
    if verbose:
        return values(change.values, width=width, explain=explain)
    if change.predecessor is not None:
        return fields(change.predecessor.fields, width=width, verbose=False)
    return [Line("", text) for text in runs.coming(plan, kind, change.values)]


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


def evidence(conflict: Conflict, *, width: int, verbose: bool) -> list[Line]:
    """The values that a conflict is about, where it has some."""
    match conflict:
        case EditedBoth():
            return sides(conflict, width=width, verbose=verbose)
        case RewrittenVersion() | TouchedSince():
            return fields(conflict.fields, width=width, verbose=verbose)
        case _:
            return []


def several(
    group: Sequence[Conflict], slug: Callable[[str], str], *, width: int, verbose: bool
) -> list[Line]:
    """The values that conflicts of one row are about: once where they are the same everywhere,
    else those of the first few targets, by the name that `slug` gives.
    """
    found: dict[tuple[Line, ...], list[str]] = {}
    # Nothing is gained by laying out what differs in each of thousands of targets.
    for conflict in group if verbose else group[: _TARGETS_SHOWN * 2]:
        values = tuple(evidence(conflict, width=width, verbose=verbose))
        found.setdefault(values, []).append(conflict.target)
    if len(found) < 2:
        return [line for lines in found for line in lines]
    shown = list(found.items())[: len(found) if verbose else _TARGETS_SHOWN]
    told: list[Line] = []
    for lines, targets in shown:
        names = [escape.name(slug(target)) for target in targets[:_TARGETS_SHOWN]]
        more = [f"{len(targets) - len(names)} more"] if len(targets) > len(names) else []
        told.append(Line("", f"in {', '.join([*names, *more])}"))
        told += [Line(line.symbol, line.text, line.indent + 2) for line in lines]
    if hidden := len(group) - sum(len(targets) for _, targets in shown):
        told.append(Line("", f"… and {hidden} more (--verbose shows all)"))
    return told


def drifted(row: Sequence[Drift], *, width: int, verbose: bool, then: Then) -> list[Line]:
    """The columns of one row that drifted, each with its values, and what happens to it."""
    names = layout.padded([one.column for one in row])
    found: list[Line] = []
    for one, name in zip(row, names, strict=True):
        found.append(Line("", f"{name}   {then(one)}"))
        three = sides(one, width=width - 2, verbose=verbose)
        found += [Line(line.symbol, line.text, line.indent + 2) for line in three]
    return found


def sides(three: EditedBoth | Drift, *, width: int, verbose: bool = False) -> list[Line]:
    """What a column was, and what the target and the template have made of it."""
    was, *both = map(layout.text_of, (three.base, three.ours, three.theirs))
    inside = [_inside(three.base, value) for value in (three.ours, three.theirs)]
    whole = [text for text, some in zip(both, inside, strict=True) if not some and text != was]
    room = layout.room(width - 18, verbose)
    longest = max(map(len, (was, *whole)))
    start = 0
    if whole and 0 < room < longest:
        start = layout.cut(layout.common(whole[-1], [was, *whole][-2]), longest, room)
    found = [Line("", f"{_WAS:<15}   {escape.shortened(was, room, start=start)}")]
    for name, text, some in zip(_BOTH, both, inside, strict=True):
        if some:
            found.append(Line("", name))
            found += steps.lines(some, width=width, verbose=verbose)
        else:
            shown = _WAS if text == was else escape.shortened(text, room, start=start)
            found.append(Line("", f"{name:<15}   {shown}"))
    return found


def _inside(before: Value, after: Value) -> list[steps.Step] | None:
    """What changes inside JSON, where that is much shorter to read than the whole."""
    if not (isinstance(before, Json) and isinstance(after, Json)):
        return None
    # What finds them takes long to import, and few plans need it here.
    from reconciler.differ.patch import operations

    found = operations(before.text, after.text)
    change = FieldChange(column="", before=before, after=after, operations=found)
    carried_out = steps.steps(change) or []
    length = sum(len(step.pointer) + sum(map(len, step.values)) for step in carried_out)
    return carried_out if length * 2 < len(after.text) else None


def _explained(text: str, indent: int, width: int) -> list[Line]:
    room = layout.room(width - indent, False)
    lines = textwrap.wrap(text, room, break_on_hyphens=False)
    return [Line("", line.replace(layout.TIED, " "), indent) for line in lines]
