"""Undoing what was applied: the inverse of each change, where its row is still as it was left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, assert_never

from reconciler.differ.renaming import Renaming
from reconciler.differ.since import Since, differing, possible, writable
from reconciler.differ.told import Told, in_order, remaining
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import (
    Adopt,
    Change,
    Create,
    FieldChange,
    Move,
    Release,
    Restore,
    Retire,
    Update,
    for_targets,
)
from reconciler.model.conflict import Irreversible
from reconciler.model.kind import Kind
from reconciler.model.note import DeletedByTenant, HistoryStays
from reconciler.model.snapshot import Standing, State
from reconciler.model.value import Values


class Undoing:
    """Holds inverted changes against what stands there by now."""

    def __init__(self, told: Told, revision: int, renaming: Renaming) -> None:
        self.told = told
        self.states: dict[Address, list[State]] = defaultdict(list)
        for state in told.snapshot.states:
            self.states[state.address].append(state)
        self.since = Since(told, revision, self.states, renaming)
        self.gone: dict[Address, set[str]] = defaultdict(set)
        self.back: dict[Address, set[str]] = defaultdict(set)

    def add(self, changes: Sequence[Change]) -> None:
        """Turn inverted changes into what the plan says of them, parents first."""
        for kind in self.told.kinds.values():
            for change in changes:
                if change.address.kind == kind.name:
                    for state, targets in self._found(change):
                        self._undo(kind, change, state, targets)

    def _found(self, change: Change) -> Iterator[tuple[State, frozenset[str]]]:
        left = frozenset(change.targets)
        # What stands twice comes first: nobody knows which of the two is meant.
        states = sorted(self.states[change.address], key=lambda one: one.situation != "ambiguous")
        for state in states:
            targets = left & frozenset(state.organizations)
            left -= targets
            parent = parent_of(self.told.kinds[change.address.kind], change.address)
            back = targets & self.back[parent] if parent else frozenset()
            if back and state.situation == "detached":
                # What it belongs to comes back, too.
                yield state.model_copy(update={"situation": "live"}), back
                self.back[change.address] |= back
                targets -= back
            if targets:
                yield state, targets

    def _undo(self, kind: Kind, change: Change, state: State, targets: frozenset[str]) -> None:
        if state.situation == "ambiguous":
            self.told.ambiguous(state.address, targets)
            return
        if self.since.done(change, state):
            return
        match change:
            case Retire():
                self._retire(kind, change, state, targets)
            case Restore() | Create():
                self._bring_back(kind, change, state, targets)
            case Update() | Adopt() | Release() | Move():
                self._rewrite(kind, change, state, targets)
            case _:
                assert_never(change)

    def _retire(self, kind: Kind, change: Retire, state: State, targets: frozenset[str]) -> None:
        address = change.address
        parent = parent_of(kind, address)
        if parent is not None and kind.owner is None:
            # What belongs to a row goes with it, and comes back with it.
            targets -= self.gone[parent]
        if not targets:
            return
        if kind.history or (kind.owner is None and not kind.retired):
            if state.situation == "live":
                note = HistoryStays(address=address, targets=in_order(targets))
                self.told.notes.append(note)
            return
        if state.situation in ("absent", "dead", "detached"):
            gone = DeletedByTenant(address=address, targets=in_order(targets))
            self.told.notes.append(gone)
            return
        targets, since = self.since.untouched(kind, change, state, targets)
        if not kind.retired:
            self._give(state, targets, address, "lasting")
            return
        used = frozenset() if kind.installs else self.told.used(address, targets)
        if used and kind.owner is not None and self.told.asked(address, "release"):
            self._give(state, used, address, "asked")
        else:
            self.told.in_use(address, used)
        targets -= used
        self.gone[address] |= targets
        self._tell(kind, change, state, targets, since)

    def _give(
        self,
        state: State,
        targets: Iterable[str],
        address: Address,
        because: Literal["asked", "lasting"],
    ) -> None:
        """What was placed becomes the tenant's own: it is used, or cannot be retired."""
        there = in_order(targets)
        if there:
            given = Release(
                address=address,
                targets=there,
                because=because,
                before=state.values or {},
                **remaining(state),
            )
            self.told.change(given)

    def _bring_back(
        self, kind: Kind, change: Restore | Create, state: State, targets: frozenset[str]
    ) -> None:
        address = change.address
        wanted = (
            change.after
            if isinstance(change, Restore)
            else {
                column.name: change.values[column.name]
                for column in kind.compared
                if column.name in change.values
            }
        )
        have: Values = state.values or {}
        wanted = possible(kind, address, wanted, have)
        if state.situation in ("live", "detached"):
            ours = self.since.ownership.ours(state) or kind.owner is None
            if not ours or have != wanted:
                self.since.conflict(address, targets, "there", state)
        elif state.situation == "absent":
            if isinstance(change, Create) and state.ledger in (None, "retired"):
                self.told.change(for_targets(change, targets))
            else:
                self.since.conflict(address, targets, "gone", state)
        elif state.ledger != _was(change) or not state.revivable:
            self.since.conflict(address, targets, "gone", state)
        else:
            there = in_order(targets)
            restore = Restore(
                address=address,
                targets=there,
                ids=state.ids_in(there),
                becomes=change.becomes if isinstance(change, Restore) else None,
                **_now(change, state, differing(have, wanted)),
            )
            self.told.change(restore)
            self.back[address].update(there)

    def _rewrite(
        self,
        kind: Kind,
        change: Update | Adopt | Release | Move,
        state: State,
        targets: frozenset[str],
    ) -> None:
        for field in change.fields:
            if not writable(field.after):
                found = [
                    Irreversible(address=change.address, target=one, column=field.column)
                    for one in in_order(targets)
                ]
                self.told.report(change.address, found)
                return
        if state.situation != "live":
            self.since.conflict(change.address, targets, "gone", state)
            return
        if isinstance(change, Move):
            targets = self._renamed(change, state, targets)
        targets, since = self.since.untouched(kind, change, state, targets)
        self._tell(kind, change, state, targets, since)

    def _renamed(self, change: Move, state: State, targets: frozenset[str]) -> frozenset[str]:
        """Where the name can be taken back: nothing else has the old one by now."""
        taken = targets & self.since.at_source(change)
        if taken:
            self.since.conflict(change.address, taken, "there", state)
        return targets - taken

    def _tell(
        self,
        kind: Kind,
        change: Retire | Update | Adopt | Release | Move,
        state: State,
        targets: frozenset[str],
        since: tuple[FieldChange, ...],
    ) -> None:
        """The change for the targets that are left, with the rows that it is about.

        What was done `since` is overwritten, or goes with the row: a person resolved that.
        """
        have: Values = state.values or {}
        stays = () if isinstance(change, Retire) else since
        wanted = {one.column: one.before for one in stays if writable(one.before)}
        wanted |= {field.column: field.after for field in change.fields}
        edited = {one.column for one in since}
        fields = tuple(
            one.model_copy(update={"drift": one.column in edited})
            for one in differing(have, possible(kind, change.address, wanted, have))
        )
        if not targets or (isinstance(change, Update) and not fields):
            return
        there = in_order(targets)
        update = {"targets": there, **_now(change, state, fields)}
        if isinstance(change, Retire):
            update["ids"] = state.ids_in(there)
            update["edited"] = tuple(sorted(edited))
        self.told.change(change.model_copy(update=update))


def _was(change: Restore | Create) -> Standing:
    """What the ledger says of a row that is to come back."""
    return change.was or "retired"


def _now(change: Change, state: State, fields: tuple[FieldChange, ...]) -> dict[str, Any]:
    """What a change says of a row as it is now, and what the ledger is to remember again."""
    found = remaining(state, fields)
    if not isinstance(change, Create):
        again = {field.column for field in fields} & change.kept.keys()
        found["kept"] |= {name: change.kept[name] for name in again}
    return {"before": state.values or {}, "fields": fields, **found}
