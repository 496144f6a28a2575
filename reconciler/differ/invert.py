"""The inverse of a plan's changes: what would take them back, whatever has happened since.

Pure and exact: `invert(invert(changes))` is `changes`, but for what is there to be read only
(what a version follows, what of an edit is overwritten, the operations inside JSON). Names are
those of the changes: `reconciler.differ.renaming` makes them those after an inverse move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, assert_never

from reconciler.differ.compare import change as field_change
from reconciler.differ.renaming import Renaming
from reconciler.differ.since import possible
from reconciler.model.address import Address
from reconciler.model.change import (
    Adopt,
    Change,
    Create,
    FieldChange,
    Move,
    Release,
    Repointed,
    Restore,
    Retire,
    Rewrite,
    Update,
)
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RowOwner

# What may become of a row where this is the inverse of what was applied to it.
_INSTEAD: Final[dict[str, frozenset[str]]] = {
    "retire": frozenset({"retire", "release"}),
    "restore": frozenset({"restore"}),
    "create": frozenset({"create", "restore"}),
}


def invert(changes: Iterable[Change], kinds: dict[str, Kind]) -> list[Change]:
    """Each change's inverse, in the opposite order."""
    return [_inverse(change, kinds[change.address.kind]) for change in changes][::-1]


def _inverse(change: Change, kind: Kind) -> Change:
    match change:
        case Create(address=address, targets=targets, values=values, ids=ids, was=was):
            before = {one.name: values[one.name] for one in kind.compared if one.name in values}
            return Retire(
                address=address,
                targets=targets,
                ids=ids,
                before=before,
                created=values,
                becomes=was,
                repointed=_followed(change),
            )
        case Retire(created=None):
            return Restore(ids=change.ids, **_turned(change))
        case Retire(address=address, targets=targets, created=values, ids=ids):
            return Create(
                address=address,
                targets=targets,
                values=values or {},
                ids=ids if kind.mint is not None else (),
                was=change.becomes,
                repointed=_followed(change),
            )
        case Restore():
            return Retire(ids=change.ids, **_turned(change))
        case Update():
            return Update(**_turned(change))
        case Adopt():
            return Release(because="undone", to=change.owner, **_turned(change))
        case Release():
            return Adopt(owner=change.to, **_turned(change))
        case Move():
            return Move(**{**_turned(change), "address": change.source, "source": change.address})
        case _:
            assert_never(change)


def _turned(change: Rewrite) -> dict[str, Any]:
    """What all of them have: whose, which values, and what the ledger knew and is to know again."""
    changed = {field.column for field in change.fields}
    return {
        "address": change.address,
        "targets": change.targets,
        "before": change.after,
        "fields": _back(change.fields),
        "kept": {
            **{name: value for name, value in change.kept.items() if name not in changed},
            **change.bases,
        },
        "pinned": change.pinned,
        "was": change.becomes,
        "becomes": change.was,
        "bases": {name: value for name, value in change.kept.items() if name in changed},
        "repointed": _followed(change),
    }


def _followed(change: Change) -> tuple[Repointed, ...]:
    """What followed, going back."""
    return tuple(
        one.model_copy(update={"way": "copy" if one.way == "reference" else "reference"})
        for one in change.repointed
    )


def _back(fields: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    return tuple(field_change(field.column, field.after, field.before) for field in fields)


def beyond(plan: Plan, applied: Plan, kinds: Mapping[str, Kind]) -> Iterator[str]:
    """What a plan changes that is no inverse of anything that was applied."""
    number = plan.request.revision
    if plan.template.agent_id != applied.template.agent_id:
        yield f"revision {number} was applied from the template {applied.template.agent_id}"
        return
    inverse = invert(applied.changes, dict(kinds))
    moves = [
        (move.source, move.address, move.targets) for move in inverse if isinstance(move, Move)
    ]
    expected: dict[tuple[Address, str], list[Change]] = defaultdict(list)
    for change in (*inverse, *Renaming(kinds, moves).changes(inverse)):
        for target in change.targets:
            expected[change.address, target].append(change)
    asked = {(one.address, one.action) for one in plan.request.resolutions}
    for change in plan.changes:
        kind = kinds[change.address.kind]
        actions = {action for address, action in asked if address == change.address}
        if not all(
            any(
                _takes_back(change, one, kind, actions) and _follows_back(change, one, target)
                for one in expected[change.address, target]
            )
            for target in change.targets
        ):
            yield f"{change.address}: revision {number} did not change it like that"


def _takes_back(change: Change, inverse: Change, kind: Kind, asked: Collection[str]) -> bool:
    """Whether a change is this inverse of what was applied, as far as it is still to be done.

    What was changed since is only lost where a person asked for that; what comes back is as it
    was, whatever became of it while it was out of use.
    """
    if change.action not in _INSTEAD.get(inverse.action, frozenset({inverse.action})):
        return False
    if isinstance(change, Create):
        return isinstance(inverse, Create) and change.values == inverse.values
    left = inverse.values if isinstance(inverse, Create) else inverse.after
    left = possible(kind, change.address, left, change.before)
    if any(one.column not in left or left[one.column] != one.after for one in change.fields):
        return False
    if isinstance(change, Restore) or isinstance(inverse, Create):
        return True
    if isinstance(change, Release) and isinstance(inverse, Retire):
        wanted = change.because == "lasting" or (change.because == "asked" and "release" in asked)
        if change.to is not None or not wanted:
            return False
    elif not _same_hands(change, inverse):
        return False
    compared = {one.name for one in kind.compared if not one.installation}
    known = compared & change.before.keys() & inverse.before.keys()
    return "adopt" in asked or all(change.before[one] == inverse.before[one] for one in known)


def _follows_back(change: Change, inverse: Change, target: str) -> bool:
    """Whether nothing is pointed elsewhere in a target but what followed there."""
    asked, known = (
        {
            one.model_copy(update={"rows": ()}): set(rows)
            for one in some.repointed
            for whose, rows in zip(some.targets, one.rows, strict=True)
            if whose == target and rows
        }
        for some in (change, inverse)
    )
    return all(rows <= known.get(one, set()) for one, rows in asked.items())


def _same_hands(change: Rewrite, inverse: Rewrite) -> bool:
    """Whether the row has the same name before, or gets it from and gives it to the same owner."""
    match change, inverse:
        case Adopt(owner=theirs), Adopt(owner=known):
            return _owner(theirs) == _owner(known)
        case Release(to=theirs, because=because), Release(to=known):
            return _owner(theirs) == _owner(known) and because == "undone"
        case Move(source=source), Move(source=known_source):
            return source == known_source
        case _:
            return True


def _owner(owner: RowOwner | None) -> tuple[str, str | None] | None:
    return (owner.agent, owner.organization) if owner else None
