"""JSON without loss: numbers keep every digit, and equal values have equal text.

The text is the one that PostgreSQL prints for jsonb (keys by length, then by bytes; one space
after ',' and ':'), so what the database prints and what we print can be compared as text.
A number never becomes a float or an int: `1.10`, `1e400` and twenty-digit integers survive,
and `1` differs from `true` and from `1.0`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

# Python's own stack ends near a thousand; a plan must be safe to write, read and show.
DEEPEST: Final = 300
_MANY: Final = 1000
_NESTING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


class Number(str):
    """A JSON number, as its digits were written."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {double!r} stands twice in one object")
    return keys


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=Number,
    parse_float=Number,
    parse_constant=_refuse_constant,
)


def parse(text: str) -> Any:
    """Read JSON text; numbers become `Number`. Raises ValueError, also for nesting too deep."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested deeper than this program can read") from error


def too_deep(text: str) -> bool:
    """Whether JSON text is nested deeper than DEEPEST."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for token in _NESTING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            return True
    return False


# Of these types, a list is written by the standard library as it is here.
_PLAIN: Final = frozenset({str, int, bool, type(None)})

# One encoder for all: json.dumps would make a new one for each text.
_quoted = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(maxsize=1024)
def _ordered(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """An object's keys in canonical order, each with its text: the same few come over and over."""
    return tuple((key, f"{_quoted(key)}: ") for key in sorted(keys, key=_key_order))


def canonical(value: Any) -> str:
    """Write a parsed value (or one of plain str, bool, int, None, dict, list) as canonical text."""
    return "".join(_parts(value))


def _parts(value: Any) -> list[str]:
    parts: list[str] = []
    try:
        _write(value, parts)
    except RecursionError as error:
        raise ValueError("nested deeper than this program can write") from error
    return parts


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


def _write(value: Any, parts: list[str]) -> None:
    # By the exact type where that will do: a plan for ten thousand targets has a million values.
    kind = type(value)
    if kind is str:
        parts.append(_quoted(value))
    elif kind is Number:
        parts.append(value)
    elif value is None:
        parts.append("null")
    elif kind is bool:
        parts.append("true" if value else "false")
    elif kind is int:
        parts.append(str(value))
    elif isinstance(value, str):
        parts.append(_quoted(value))
    elif kind is dict or isinstance(value, Mapping):
        opening = "{"
        for key, quoted in _ordered(tuple(value)):
            parts.append(opening + quoted)
            _write(value[key], parts)
            opening = ", "
        parts.append("}" if value else "{}")
    elif kind is list or kind is tuple or isinstance(value, Sequence):
        if _PLAIN.issuperset(map(type, value)):
            # Ten thousand targets are listed in every change.
            parts.append(_quoted(value))
            return
        opening = "["
        for item in value:
            parts.append(opening)
            _write(item, parts)
            opening = ", "
        parts.append("]")
    else:
        raise TypeError(f"{kind.__name__} has no JSON form here")


def pretty(value: Any, indent: str = "") -> str:
    """Write a value for people: two spaces a level, keys in the order they come."""
    deeper = indent + "  "
    if isinstance(value, Mapping) and value:
        fields = (f"{deeper}{_quoted(key)}: {pretty(item, deeper)}" for key, item in value.items())
        return "{\n" + ",\n".join(fields) + "\n" + indent + "}"
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(item, str | int | None) for item in value) and len(value) <= 8:
            return canonical(value)
        items = (f"{deeper}{pretty(item, deeper)}" for item in value)
        return "[\n" + ",\n".join(items) + "\n" + indent + "]"
    return canonical(value)


def digest(value: Any) -> str:
    """The SHA-256 of a value's canonical text, as 64 hexadecimal digits."""
    # A plan for ten thousand targets has tens of megabytes, which need not be there three times.
    found = hashlib.sha256()
    parts = _parts(value)
    for start in range(0, len(parts), _MANY):
        found.update("".join(parts[start : start + _MANY]).encode())
    return found.hexdigest()


def digest_of_lists(lists: list[Any]) -> str:
    """The same of lists of text, whole numbers, booleans and None, and of such lists, however deep.

    The standard library writes them as `canonical` does, in a tenth of the time.
    """
    return digest_of(_quoted(lists))


def digest_of(text: str) -> str:
    """The SHA-256 of a canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()
