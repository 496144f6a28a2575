"""What is the same in several targets is said once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from reconciler.model.address import Address
from reconciler.model.change import Change, Repointed
from reconciler.model.note import Note
from reconciler.model.plan import Drift

_Told = TypeVar("_Told", Change, Note, Drift)

# What differs from target to target, and is told for each of them.
_APART = frozenset({"targets", "ids", "repointed"})


def merged(told: Iterable[_Told]) -> list[_Told]:
    """The same with equal ones as one, for all of their targets."""
    found: dict[tuple[Address, str], dict[int, list[list[_Told]]]] = {}
    for one in told:
        alike = found.setdefault((one.address, type(one).__name__), defaultdict(list))
        # Where each target has its own, comparing each with each would take minutes.
        groups = alike[_hashed({k: v for k, v in one.__dict__.items() if k not in _APART})]
        bare = _bare(one)
        for group in groups:
            if _bare(group[0]) == bare:
                group.append(one)
                break
        else:
            groups.append([one])
    return [
        _joined(group) for alike in found.values() for groups in alike.values() for group in groups
    ]


def _bare(one: _Told) -> _Told:
    return one.model_copy(update=dict.fromkeys(_APART, ()))


def _hashed(value: object) -> int:
    """The same number for what is equal, whatever it is made of."""
    match value:
        case BaseModel():
            return hash((type(value), _hashed(value.__dict__)))
        case dict():
            return hash(frozenset((key, _hashed(one)) for key, one in value.items()))
        case tuple() | list():
            return hash(tuple(map(_hashed, value)))
        case _:
            return hash(value)


def _joined(group: list[_Told]) -> _Told:
    if len(group) == 1:
        return group[0]
    targets = [target for one in group for target in one.targets]
    order = sorted(range(len(targets)), key=targets.__getitem__)
    update: dict[str, object] = {"targets": tuple(targets[place] for place in order)}
    ids = [own for one in group for own in getattr(one, "ids", ())]
    if ids:
        update["ids"] = tuple(ids[place] for place in order)
    if any(getattr(one, "repointed", ()) for one in group):
        update["repointed"] = _repointed(group, order)
    return group[0].model_copy(update=update)


def _repointed(changes: Iterable[Any], order: Sequence[int]) -> tuple[Repointed, ...]:
    """The rows that follow in each target; none in those of a change that tells of none."""
    found: dict[Repointed, list[tuple[str, ...]]] = {}
    told = 0
    for change in changes:
        for one in change.repointed:
            rows = found.setdefault(one.model_copy(update={"rows": ()}), [])
            rows += [()] * (told - len(rows))
            rows += one.rows
        told += len(change.targets)
    for rows in found.values():
        rows += [()] * (told - len(rows))
    return tuple(
        one.model_copy(update={"rows": tuple(rows[place] for place in order)})
        for one, rows in found.items()
    )
