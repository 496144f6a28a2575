"""What drifted: columns that are otherwise than they were last applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.differ.told import Told, in_order
from reconciler.model.kind import Column, Kind
from reconciler.model.plan import Drift
from reconciler.model.snapshot import State


def drift(told: Told) -> Iterator[Drift]:
    """Every column that the targets changed since, and that is not what the template has now.

    A tenant's own column is compared with what it was seeded with.
    """
    rows = {row.address: row.values for row in told.snapshot.rows}
    for state in told.snapshot.placed:
        kind = told.kinds[state.address.kind]
        theirs, ours, base = rows.get(state.address, {}), state.values or {}, state.base or {}
        for column in kind.columns:
            name = column.name
            if name not in base or base[name] == ours[name] or ours[name] == theirs.get(name):
                continue
            yield Drift(
                address=state.address,
                targets=in_order(state.organizations),
                column=name,
                base=base[name],
                ours=ours[name],
                theirs=theirs.get(name),
                then=_then(kind, column, state),
            )


def _then(kind: Kind, column: Column, state: State) -> Literal["overwritten", "kept", "tenant"]:
    if column.owner == "tenant":
        return "tenant"
    kept = column.owner == "shared" or kind.history is not None or column.name in state.kept
    return "kept" if kept else "overwritten"
