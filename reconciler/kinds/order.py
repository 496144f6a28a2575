"""In which order kinds are written: installed agents, then parents, then what refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.model.address import Address
from reconciler.model.kind import Kind


def in_order(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """Sort kinds so that a parent always, and a referenced kind where possible, comes first.

    References that form a cycle cannot all come first; those are written in a second step
    (`deferred`). Raises ValueError naming the kinds whose parents form a cycle.
    """
    waiting = {kind.name: kind for kind in kinds}
    ordered: list[Kind] = []
    while waiting:
        ready = [
            kind
            for kind in waiting.values()
            if kind.parent is None or kind.parent.kind not in waiting
        ]
        if not ready:
            raise ValueError("parents form a cycle: " + ", ".join(sorted(waiting)))
        nearest = min(ready, key=lambda kind: _urgency(kind, waiting))
        ordered.append(waiting.pop(nearest.name))
    return tuple(ordered)


def _urgency(kind: Kind, waiting: dict[str, Kind]) -> tuple[bool, int, str]:
    unmet = {column.references for column in kind.references} & waiting.keys() - {kind.name}
    return kind.installs is None, len(unmet), kind.name


def deferred(kind: Kind, kinds: tuple[Kind, ...]) -> frozenset[str]:
    """The reference columns that can only be written once all kinds' rows exist."""
    earlier = {known.name for known in kinds[: kinds.index(kind)]}
    return frozenset(column.name for column in kind.references if column.references not in earlier)


def key_width(kind: Kind, kinds: Mapping[str, Kind]) -> int:
    """How many parts a key has: the parent's and its own."""
    if kind.installs:
        return 1
    return len(kind.key) + (key_width(kinds[kind.parent.kind], kinds) if kind.parent else 0)


def parent_of(kind: Kind, address: Address) -> Address | None:
    """The address of the row that a child belongs to."""
    if kind.parent is None:
        return None
    return Address.of(kind.parent.kind, address.key[: -len(kind.key)])


def draw(kinds: tuple[Kind, ...]) -> str:
    """The order as text: each kind with its parent (`in`) and its references (`->`)."""
    width = max(len(kind.name) for kind in kinds)
    lines = []
    for number, kind in enumerate(kinds, 1):
        second = deferred(kind, kinds)
        marks = [] if kind.mirrored else ["never written"]
        marks += [f"in {kind.parent.kind}"] if kind.parent else []
        marks += [
            f"-> {column.references}" + (" (second step)" if column.name in second else "")
            for column in kind.references
        ]
        place = f"{number:>{len(str(len(kinds)))}}."
        lines.append(f"{place} {kind.name:<{width}}  {', '.join(marks)}".rstrip())
    return "\n".join(lines)
