"""The way from one JSON value to another, as RFC 6902 operations for people to read.

deepdiff finds what differs; its tree is turned into operations that lead, in their order,
from before to after. Both values are parsed with numbers as text (`canonical.Number`), since
Python holds 1 == True and Decimal("1.1") == Decimal("1.10").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepdiff import DeepDiff

from reconciler.model.canonical import canonical, parse
from reconciler.model.change import Operation


def operations(before: str, after: str) -> tuple[Operation, ...]:
    """The operations that lead from one canonical text to another."""
    old, new = parse(before), parse(after)
    whole = (Operation(op="replace", path="", value=new),)
    if not _comparable(old, new):
        return whole
    tree = DeepDiff(
        old, new, view="tree", ignore_order=False, verbose_level=2, threshold_to_diff_deeper=0
    )
    replaced = [
        Operation(op="replace", path=_pointer(level, after=True), value=level.t2)
        for group in ("values_changed", "type_changes")
        for level in tree.get(group, ())
    ]
    removed = [
        Operation(op="remove", path=_pointer(level, after=False))
        for group in ("dictionary_item_removed", "iterable_item_removed")
        for level in tree.get(group, ())
    ]
    added = [
        Operation(op="add", path=_pointer(level, after=True), value=level.t2)
        for group in ("dictionary_item_added", "iterable_item_added")
        for level in tree.get(group, ())
    ]
    # Removing from the end, then adding from the front, keeps every index right on its way.
    found = (
        *sorted(removed, key=_position, reverse=True),
        *sorted(added, key=_position),
        *sorted(replaced, key=_position),
    )
    try:
        reached = canonical(patched(old, found)) == after
    except (KeyError, IndexError, ValueError, TypeError):
        reached = False
    return found if reached else whole


def patched(value: Any, steps: Sequence[Operation]) -> Any:
    """A copy of the value after these operations; raises if one does not fit."""
    result = parse(canonical(value))
    for step in steps:
        parts = _parts(step.path)
        if not parts:
            result = step.value
            continue
        parent = result
        for part in parts[:-1]:
            parent = parent[_place(parent, part)]
        place = _place(parent, parts[-1])
        match step.op:
            case "remove":
                del parent[place]
            case "add" if isinstance(parent, list):
                parent.insert(place, step.value)
            case "add" | "replace":
                parent[place] = step.value
    return result


def _comparable(old: Any, new: Any) -> bool:
    return type(old) is type(new) and isinstance(old, dict | list)


def _pointer(level: Any, *, after: bool) -> str:
    keys = level.path(output_format="list", use_t2=after)
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def _parts(pointer: str) -> list[str]:
    if not pointer:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _position(step: Operation) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _parts(step.path)]


def _place(parent: Any, part: str) -> Any:
    return int(part) if isinstance(parent, list) else part
