"""What stands below a row: lines, the names of columns, and single values as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.model.address import Address
from reconciler.model.canonical import pretty
from reconciler.model.value import Digest, Json, Ref, Value
from reconciler.render import escape

# What a column's value means in words, by the column's name; nothing for most.
Explain = Callable[[str, Value], str]

# A space at which no line is broken; it is shown as a plain one.
TIED: Final = "\xa0"

_WIDEST_NAME: Final = 40
_NARROWEST_ROOM: Final = 48
# How much of what two long texts have in common is shown before the place where they part.
_CONTEXT: Final = 16


@dataclass(frozen=True)
class Line:
    """One line of a diff: its symbol, if it has one, and how far it is indented.

    The symbol of a line of text that stays is a space, so that it stands below those that change.
    """

    symbol: str
    text: str
    indent: int = 0

    def __str__(self) -> str:
        return " " * self.indent + (f"{self.symbol} " if self.symbol else "") + self.text


def room(left: int, verbose: bool) -> int:
    """The room for a value where this much is left of a line; 0 where nothing is to be cut."""
    return 0 if verbose else max(left, _NARROWEST_ROOM)


def padded(names: Sequence[str]) -> list[str]:
    """Names made harmless and equally wide, unless one is out of all proportion."""
    shown = [escape.shortened(name, _WIDEST_NAME * 3) for name in names]
    width = min(_WIDEST_NAME, max(map(len, shown), default=0))
    return [f"{name:<{width}}" for name in shown]


def text_of(value: Value) -> str:
    """A value as text from which it could be read back; not yet harmless."""
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
            if not any(value.ref.key):
                return f"{keyless(value.ref)}{outside}"
            return f"{value.ref}{outside}" + (" (the tenant's own)" if value.own else "")
        case Digest():
            return f"(sensitive, sha256 {value.sha256[:12]}…)"


def keyless(address: Address) -> str:
    """A row that no template has, as an agent of the tenant's that is linked to none."""
    kind = address.kind.replace("_", " ")
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind} of the tenant's own"


def laid_out(value: Json) -> str:
    """A JSON value over several lines, if it can be read."""
    try:
        return pretty(value.parsed())
    except (RecursionError, ValueError):
        return value.text


def pair(before: str, after: str, room: int) -> tuple[str, ...]:
    """Both values on one line, or, where there is no room for that, one on each."""
    both = f"{escape.visible(before)} -> {escape.visible(after)}"
    if not room or len(both) <= room:
        return (both,)
    start = 0
    if max(len(before), len(after)) > room:
        start = cut(common(before, after), max(len(before), len(after)), room)
    return (
        escape.shortened(before, room, start=start),
        escape.shortened(after, room, start=start),
    )


def common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[:middle] == other[:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def cut(same: int, length: int, room: int) -> int:
    """From where on to show a text that is too long, if this much of it stands elsewhere too.

    Cutting two texts where both begin could hide the only difference.
    """
    return max(0, min(same - _CONTEXT, length + 1 - room))
