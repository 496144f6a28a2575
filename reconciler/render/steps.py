"""A change inside JSON, by its RFC 6902 operations.

A plan's identity does not cover the operations, because they are only there to be read. So
they are believed only if they really lead from `before` to `after`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.model.canonical import Number, canonical, parse
from reconciler.model.change import FieldChange, Operation
from reconciler.model.value import Json
from reconciler.render import escape, layout, prose
from reconciler.render.layout import Line


@dataclass(frozen=True)
class Step:
    """An operation as it is shown: `~` and a pair for a value that is replaced by another."""

    symbol: str
    pointer: str
    values: tuple[str] | tuple[str, str]


def steps(change: FieldChange) -> list[Step] | None:
    """The operations, carried out one after another; None if they do not lead to `after`."""
    if not (isinstance(change.before, Json) and isinstance(change.after, Json)):
        return None
    try:
        document = change.before.parsed()
        found = [_carry_out(document, operation) for operation in change.operations]
        arrived = canonical(document) == change.after.text
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    if not found or not arrived:
        return None
    # Read by place; carried out in the order in which they were given.
    return sorted(found, key=lambda step: step.pointer.split("/"))


def _carry_out(document: Any, operation: Operation) -> Step:
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
        return Step("+", pointer, (new,))
    if old is None:
        raise KeyError(last)
    if operation.op == "remove":
        del here[last]
        return Step("-", pointer, (old,))
    here[last] = copy.deepcopy(operation.value)
    return Step("~", pointer, (old, new))


def _in_list(here: list[Any], last: str, operation: Operation) -> Step:
    """A list is said to change by what comes or goes: its indexes mean little to readers."""
    index = len(here) if last == "-" else int(last)
    if not 0 <= index <= len(here):
        raise IndexError(index)
    listing = operation.path.rpartition("/")[0]
    new = canonical(operation.value)
    if operation.op == "add":
        place = "" if index == len(here) else f"at {index}: "
        here.insert(index, copy.deepcopy(operation.value))
        return Step("~", listing, (f"+ {place}{new}",))
    old = canonical(here[index])
    if operation.op == "remove":
        del here[index]
        return Step("~", listing, (f"- {old}",))
    here[index] = copy.deepcopy(operation.value)
    return Step("~", operation.path, (old, new))


def _inside(step: Step, *, width: int, verbose: bool) -> list[Line] | None:
    """How a text of several lines became another, where both are JSON strings."""
    if len(step.values) != 2:
        return None
    old, new = (parse(value) for value in step.values)
    if not (isinstance(old, str) and isinstance(new, str)):
        return None
    if isinstance(old, Number) or isinstance(new, Number):
        return None
    return prose.changed(old, new, width=width - 2, verbose=verbose)


def lines(carried_out: Sequence[Step], *, width: int, verbose: bool) -> Iterator[Line]:
    """The operations as lines, the pointers below each other."""
    names = layout.padded([step.pointer for step in carried_out])
    for step, name in zip(carried_out, names, strict=True):
        text = _inside(step, width=width, verbose=verbose)
        if text is not None:
            amount, *inside = text
            yield Line(step.symbol, f"{name}   {amount.text}", 2)
            yield from (Line(line.symbol, line.text, line.indent + 2) for line in inside)
            continue
        room = layout.room(width - len(name) - 7, verbose)
        texts: tuple[str, ...]
        if len(step.values) == 2:
            texts = layout.pair(*step.values, room)
        else:
            texts = (escape.shortened(step.values[0], room),)
        yield Line(step.symbol, f"{name}   {texts[0]}", 2)
        yield from (Line("->", text, len(name) + 4) for text in texts[1:])
