"""Declared renames, where they are still to be done: the snapshot as it is once they are.

A row is renamed where it has the old name and is ours, and nothing has or had the new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from reconciler.differ.ownership import Ownership
from reconciler.differ.renaming import Names, Renaming
from reconciler.errors import RefusedError
from reconciler.model.address import Address
from reconciler.model.change import Move
from reconciler.model.kind import Kind
from reconciler.model.request import Moved, Resolution
from reconciler.model.snapshot import Snapshot, State

# By the new name and the organisation: the old name.
Sources = dict[tuple[Address, str], Address]


def renamed(
    snapshot: Snapshot,
    kinds: Mapping[str, Kind],
    moved: Sequence[Moved],
    resolutions: Mapping[Address, Resolution],
) -> tuple[Snapshot, Sources]:
    """The snapshot once the declared renames are done, and which are still to be done.

    Raises RefusedError where the template itself contradicts a declaration.
    """
    rows = {row.address: row for row in snapshot.rows}
    found: list[tuple[Address, Address, frozenset[str]]] = []
    known: list[tuple[Address, Address, frozenset[str]]] = []
    for one in moved:
        if one.source in rows or one.to not in rows:
            what = "still has" if one.source in rows else "has no"
            named = one.source if one.source in rows else one.to
            raise RefusedError(
                f"{one.source} is declared to be {one.to} now, and the template {what} {named}",
                hint="Correct the file that --moved names.",
            )
        _refuse_by_key(one.source, kinds)
        left_alone = one.source in resolutions or one.to in resolutions
        free = frozenset() if left_alone else _free(snapshot, one.to)
        ours = free & _ours(snapshot, kinds, one.source)
        found.append((one.source, one.to, ours))
        # What the tenant deleted, or was given, is meant by the new name, too.
        known.append((one.source, one.to, ours | free & _gone(snapshot, one.source)))
    renaming = Renaming(kinds, known)
    if not renaming:
        return snapshot, {}
    states: list[State] = []
    for state in snapshot.states:
        for part in renaming.states(state):
            there = renaming.names.get(part.organizations[0], ())
            if part.address != state.address:
                row = rows.get(part.address)
                # An old version is only mirrored where it was placed.
                never = row is not None and not row.current and part.ledger is None
                # What is not in the template by its new name either, is an orphan by it.
                if part.orphan == (row is None) and not (never and part.situation == "absent"):
                    states.append(part)
            elif not _new(part.address, there, kinds):
                states.append(part)
    sources = {(new, target): old for old, new, targets in found for target in targets}
    return snapshot.model_copy(update={"states": tuple(states)}), sources


def named_back(
    snapshot: Snapshot, kinds: Mapping[str, Kind], moves: Sequence[Move]
) -> tuple[Snapshot, Renaming]:
    """The snapshot once these inverse moves are done, where their names are still free."""
    found = []
    for move in moves:
        taken = {
            one
            for state in snapshot.states
            if state.address == move.address and state.situation != "absent"
            for one in state.organizations
        }
        found.append((move.source, move.address, frozenset(move.targets) - taken))
    renaming = Renaming(kinds, found)
    states: list[State] = []
    for state in snapshot.states:
        for part in renaming.states(state):
            there = renaming.names.get(part.organizations[0], ())
            if part.address != state.address or not _new(part.address, there, kinds):
                states.append(part)
    return snapshot.model_copy(update={"states": tuple(states)}), renaming


def _new(address: Address, names: Names, kinds: Mapping[str, Kind]) -> bool:
    """Whether something is renamed to this, or to what it belongs to."""
    back = Renaming(kinds, [(new, old, [""]) for old, new in names])
    return bool(names) and back.address(address, back.names[""]) != address


def _free(snapshot: Snapshot, address: Address) -> frozenset[str]:
    """Where nothing has this name, and nothing had it."""
    return frozenset(
        organization
        for state in snapshot.states
        if state.address == address and state.situation == "absent" and state.ledger is None
        for organization in state.organizations
    )


def _refuse_by_key(address: Address, kinds: Mapping[str, Kind]) -> None:
    """Raise RefusedError where rows of the tenant's name this one by its key."""
    for kind in kinds.values():
        if kind.parent and kind.parent.kind == address.kind and kind.parent.by_key:
            raise RefusedError(
                f"{address} cannot be renamed in this database: {kind.table}.{kind.parent.by_key} "
                "holds its key, so the tenants' rows would lose it",
                hint="Rename it once the database holds the row's id there; until then keep the "
                "key in the template.",
            )


def _gone(snapshot: Snapshot, address: Address) -> frozenset[str]:
    """Where the row was placed under this name, and is the tenant's to bring back or to keep."""
    return frozenset(
        organization
        for state in snapshot.states
        if state.address == address and state.ledger in ("placed", "released")
        if state.situation in ("absent", "dead") or state.ledger == "released"
        for organization in state.organizations
    )


def _ours(snapshot: Snapshot, kinds: Mapping[str, Kind], address: Address) -> frozenset[str]:
    ownership = Ownership(snapshot.template)
    doubled: dict[Address, set[str]] = defaultdict(set)
    for state in snapshot.states:
        if state.situation == "ambiguous":
            doubled[state.address].update(state.organizations)
    return frozenset(
        organization
        for state in snapshot.states
        if state.address == address and state.situation == "live"
        if ownership.verdict(kinds[address.kind], state) == "compare"
        for organization in state.organizations
        if organization not in doubled[address]
    )
