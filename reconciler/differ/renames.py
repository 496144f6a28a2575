"""Renames that nobody declared: a row of ours that the template lost, and a new one like it.

Never guessed, only asked: a row that is created beside the old one leaves the tenant's own rows
with the old one, and only a person knows whether that is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from reconciler.differ.told import Told, in_order
from reconciler.kinds.order import parent_of
from reconciler.model.change import Create
from reconciler.model.kind import Kind
from reconciler.model.note import LikelyRename
from reconciler.model.snapshot import State
from reconciler.model.value import Values

# Of the columns that say something, so many must be the same.
_ALIKE: Final = 0.7


def likely(told: Told) -> Iterator[LikelyRename]:
    """New rows that look like one that the template no longer has, in the same targets."""
    orphans: dict[str, list[State]] = defaultdict(list)
    for state in told.snapshot.states:
        if state.orphan and state.situation == "live":
            orphans[state.address.kind].append(state)
    for change in told.changes:
        if not isinstance(change, Create):
            continue
        kind = told.kinds[change.address.kind]
        for state in orphans[kind.name]:
            both = frozenset(change.targets) & frozenset(state.organizations)
            siblings = parent_of(kind, change.address) == parent_of(kind, state.address)
            if both and siblings and _alike(kind, change.values, state.values or {}):
                yield LikelyRename(
                    address=change.address, targets=in_order(both), source=state.address
                )


def _alike(kind: Kind, new: Values, old: Values) -> bool:
    """Whether most of what both say is the same; what both leave empty says nothing."""
    told = [
        column.name
        for column in kind.compared
        if not column.installation and not (new.get(column.name) is None is old.get(column.name))
    ]
    same = sum(new.get(name) == old.get(name) for name in told)
    return bool(told) and same >= _ALIKE * len(told)
