"""The way from one JSON value to another, as RFC 6902 operations for people to read.

deepdiff finds what differs; its tree is turned into operations that lead, in their order,
from before to after. It is shown numbers as marked text, since Python holds 1 == True and
Decimal("1.1") == Decimal("1.10").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from deepdiff import DeepDiff

from reconciler.model.canonical import Number, canonical, parse
from reconciler.model.change import Operation


def operations(before: str, after: str) -> tuple[Operation, ...]:
    """The operations that lead from one JSON text to another."""
    old, new = parse(before), parse(after)
    whole = (Operation(op="replace", path="", value=new),)
    if not _comparable(old, new):
        return whole
    try:
        found = tuple(_steps(old, new))
        reached = canonical(patched(old, found)) == canonical(new)
    except (KeyError, IndexError, ValueError, TypeError, RecursionError):
        reached = False
    return found if reached else whole


def _steps(old: Any, new: Any) -> Iterator[Operation]:
    tree = DeepDiff(
        *_apart(_marked(old), _marked(new)),
        view="tree",
        verbose_level=2,
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
    )
    replaced = [
        _operation("replace", level, new)
        for group in ("values_changed", "type_changes")
        for level in tree.get(group, ())
    ]
    removed = [
        Operation(op="remove", path=_pointer(level, after=False))
        for group in ("dictionary_item_removed", "iterable_item_removed")
        for level in tree.get(group, ())
    ]
    added = [
        _operation("add", level, new)
        for group in ("dictionary_item_added", "iterable_item_added")
        for level in tree.get(group, ())
    ]
    # Removing from the end, then adding from the front, keeps every index right on its way.
    yield from sorted(removed, key=_position, reverse=True)
    yield from sorted(added, key=_position)
    yield from sorted(replaced, key=_position)


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """The same less the members of objects that are equal, over which deepdiff is slow."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old, new
    left, right = dict(old), dict(new)
    for name in old.keys() & new.keys():
        if old[name] == new[name]:
            del left[name], right[name]
        else:
            left[name], right[name] = _apart(old[name], new[name])
    return left, right


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


def _marked(value: Any) -> Any:
    """A copy in which a number is text that no string can be: jsonb has no NUL."""
    match value:
        case Number():
            return "\0" + value
        case dict():
            return {key: _marked(item) for key, item in value.items()}
        case list():
            return [_marked(item) for item in value]
        case _:
            return value


def _operation(op: Literal["add", "replace"], level: Any, new: Any) -> Operation:
    value = new
    for key in _keys(level, after=True):
        value = value[key]
    return Operation(op=op, path=_pointer(level, after=True), value=value)


def _keys(level: Any, *, after: bool) -> list[Any]:
    keys: list[Any] = level.path(output_format="list", use_t2=after)
    return keys


def _pointer(level: Any, *, after: bool) -> str:
    keys = _keys(level, after=after)
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def _parts(pointer: str) -> list[str]:
    if not pointer:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _position(step: Operation) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _parts(step.path)]


def _place(parent: Any, part: str) -> Any:
    return int(part) if isinstance(parent, list) else part
