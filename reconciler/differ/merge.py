"""What is the same in several targets is said once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from reconciler.model.change import Change
from reconciler.model.note import Note
from reconciler.model.plan import Drift

_Told = TypeVar("_Told", Change, Note, Drift)


def merged(told: Iterable[_Told]) -> list[_Told]:
    """The same with equal ones as one, for all of their targets."""
    found: dict[tuple[str, str], list[_Told]] = defaultdict(list)
    for one in told:
        bare = one.model_copy(update={"targets": (), "ids": ()})
        alike = found[one.address, type(one).__name__]
        for place, other in enumerate(alike):
            if other.model_copy(update={"targets": (), "ids": ()}) == bare:
                alike[place] = _joined(other, one)
                break
        else:
            alike.append(one)
    return [one for alike in found.values() for one in alike]


def _joined(left: _Told, right: _Told) -> _Told:
    targets = (*left.targets, *right.targets)
    order = sorted(range(len(targets)), key=targets.__getitem__)
    update: dict[str, object] = {"targets": tuple(targets[place] for place in order)}
    ids = (*getattr(left, "ids", ()), *getattr(right, "ids", ()))
    if ids:
        update["ids"] = tuple(ids[place] for place in order)
    return left.model_copy(update=update)
