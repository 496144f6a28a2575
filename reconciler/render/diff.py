"""A column's change as lines: scalars from -> to, JSON by its RFC 6902 operations.

A plan's identity does not cover the operations, because they are only there to be read. So
they are shown only if they really lead from `before` to `after`; else both are shown whole.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.model.canonical import canonical, pretty
from reconciler.model.change import FieldChange, Operation
from reconciler.model.conflict import EditedBoth
from reconciler.model.value import Digest, Json, Ref, Value, Values
from reconciler.render import escape

_WIDEST_NAME: Final = 40
_NARROWEST_ROOM: Final = 48
# How much of what two long texts have in common is shown before the place where they part.
_CONTEXT: Final = 16


@dataclass(frozen=True)
class Line:
    """One line of a diff: `+`, `~`, `-` or nothing before it, and how far it is indented."""

    symbol: str
    text: str
    indent: int = 0

    def __str__(self) -> str:
        return " " * self.indent + (f"{self.symbol} " if self.symbol else "") + self.text


def fields(changes: Sequence[FieldChange], *, width: int, verbose: bool) -> list[Line]:
    """What happens to the columns of one row."""
    names = _padded([change.column for change in changes])
    found: list[Line] = []
    for change, name in zip(changes, names, strict=True):
        drift = "   (overwrites a local edit)" if change.drift else ""
        steps = _steps(change)
        if steps is None:
            room = _room(width - len(name) - 3, verbose)
            pair = _pair(_value(change.before), _value(change.after), room)
            found.append(Line("", f"{name}   {pair[0]}{drift if len(pair) == 1 else ''}"))
            found += [Line("->", pair[1] + drift, len(name))] if len(pair) == 2 else []
        else:
            found.append(Line("", escape.visible(change.column) + drift))
            found += _operations(steps, width=width, verbose=verbose)
    return found


def values(row: Values) -> list[Line]:
    """All the columns of a new row, with JSON over several lines."""
    names = _padded(list(row))
    found: list[Line] = []
    for (column, value), name in zip(row.items(), names, strict=True):
        if isinstance(value, Json):
            found.append(Line("", escape.visible(column)))
            found += [Line("", escape.visible(line), 2) for line in _layout(value).split("\n")]
        else:
            found.append(Line("", f"{name}   {escape.visible(_value(value))}"))
    return found


def sides(conflict: EditedBoth, *, width: int) -> list[Line]:
    """The three values of a column that was changed on both sides."""
    three = (
        ("as last applied", conflict.base),
        ("in the target", conflict.ours),
        ("in the template", conflict.theirs),
    )
    return [
        Line("", f"{name:<15}   {escape.shortened(_value(value), _room(width - 18, False))}")
        for name, value in three
    ]


def _room(left: int, verbose: bool) -> int:
    return 0 if verbose else max(left, _NARROWEST_ROOM)


def _value(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Json():
            return value.text
        case Ref():
            outside = f" of {value.organization}" if value.organization else ""
            return f"{value.ref}{outside}"
        case Digest():
            return f"(sensitive, sha256 {value.sha256[:12]}…)"


def _layout(value: Json) -> str:
    try:
        return pretty(value.parsed())
    except (RecursionError, ValueError):
        return value.text


def _pair(before: str, after: str, room: int) -> tuple[str, ...]:
    """Both values on one line, or, where there is no room for that, one on each."""
    both = f"{escape.visible(before)} -> {escape.visible(after)}"
    if not room or len(both) <= room:
        return (both,)
    start = 0
    if max(len(before), len(after)) > room:
        # Cutting both at the same place could hide the only difference.
        pairs = enumerate(zip(before, after, strict=False))
        same = next((place for place, (old, new) in pairs if old != new), 0)
        start = max(0, min(same - _CONTEXT, max(len(before), len(after)) + 1 - room))
    return (
        escape.shortened(before, room, start=start),
        escape.shortened(after, room, start=start),
    )


@dataclass(frozen=True)
class _Step:
    """An operation as it is shown: `~` and a pair for a value that is replaced by another."""

    symbol: str
    pointer: str
    values: tuple[str] | tuple[str, str]


def _steps(change: FieldChange) -> list[_Step] | None:
    """The operations, carried out one after another; None if they do not lead to `after`."""
    if not (isinstance(change.before, Json) and isinstance(change.after, Json)):
        return None
    try:
        document = change.before.parsed()
        steps = [_carry_out(document, operation) for operation in change.operations]
        arrived = canonical(document) == change.after.text
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    if not steps or not arrived:
        return None
    # Read by place; carried out in the order in which they were given.
    return sorted(steps, key=lambda step: step.pointer.split("/"))


def _carry_out(document: Any, operation: Operation) -> _Step:
    pointer = operation.path
    *above, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    here = document
    for token in above:
        here = here[int(token)] if isinstance(here, list) else here[token]
    if isinstance(here, list):
        return _in_list(here, last, operation)
    if not isinstance(here, dict):
        raise TypeError(f"{pointer} leads into a plain value")
    new = canonical(operation.value)
    old = canonical(here[last]) if last in here else None
    if operation.op == "add" and old is None:
        here[last] = copy.deepcopy(operation.value)
        return _Step("+", pointer, (new,))
    if old is None:
        raise KeyError(last)
    if operation.op == "remove":
        del here[last]
        return _Step("-", pointer, (old,))
    here[last] = copy.deepcopy(operation.value)
    return _Step("~", pointer, (old, new))


def _in_list(here: list[Any], last: str, operation: Operation) -> _Step:
    """A list is said to change by what comes or goes: its indexes mean little to readers."""
    index = len(here) if last == "-" else int(last)
    if not 0 <= index <= len(here):
        raise IndexError(index)
    listing = operation.path.rpartition("/")[0]
    new = canonical(operation.value)
    if operation.op == "add":
        place = "" if index == len(here) else f"at {index}: "
        here.insert(index, copy.deepcopy(operation.value))
        return _Step("~", listing, (f"+ {place}{new}",))
    old = canonical(here[index])
    if operation.op == "remove":
        del here[index]
        return _Step("~", listing, (f"- {old}",))
    here[index] = copy.deepcopy(operation.value)
    return _Step("~", operation.path, (old, new))


def _operations(steps: Sequence[_Step], *, width: int, verbose: bool) -> Iterator[Line]:
    names = _padded([step.pointer for step in steps])
    for step, name in zip(steps, names, strict=True):
        room = _room(width - len(name) - 7, verbose)
        texts: tuple[str, ...]
        if len(step.values) == 2:
            texts = _pair(*step.values, room)
        else:
            texts = (escape.shortened(step.values[0], room),)
        yield Line(step.symbol, f"{name}   {texts[0]}", 2)
        yield from (Line("->", text, len(name) + 4) for text in texts[1:])


def _padded(names: Sequence[str]) -> list[str]:
    """Names made harmless and equally wide, unless one is out of all proportion."""
    shown = [escape.shortened(name, _WIDEST_NAME * 3) for name in names]
    width = min(_WIDEST_NAME, max(map(len, shown), default=0))
    return [f"{name:<{width}}" for name in shown]
