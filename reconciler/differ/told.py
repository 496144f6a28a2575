"""What a plan says, while it is being made: changes, conflicts, notes, and flags that had a use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.differ.inside import suspects
from reconciler.model.address import Address
from reconciler.model.change import Change, FieldChange, Release, Retire
from reconciler.model.conflict import Ambiguous, Conflict, InUse
from reconciler.model.kind import Kind
from reconciler.model.note import DeletedByTenant, NeedlessFlag, Note, Skipped
from reconciler.model.request import Resolution
from reconciler.model.snapshot import Snapshot, State
from reconciler.model.value import Values


class Told:
    """Collects what a plan says."""

    def __init__(
        self, snapshot: Snapshot, kinds: Mapping[str, Kind], resolutions: Sequence[Resolution]
    ) -> None:
        self.snapshot = snapshot
        self.kinds = kinds
        self.resolutions = {one.address: one for one in resolutions}
        self.changes: list[Change] = []
        self.conflicts: list[Conflict] = []
        self.notes: list[Note] = []
        self.resolved: set[Address] = set()
        self.uses: dict[tuple[Address, str], dict[str, int]] = defaultdict(dict)
        for use in snapshot.uses:
            self.uses[use.address, use.organization][use.table] = use.rows

    def used(self, address: Address, organizations: Iterable[str]) -> frozenset[str]:
        """Those of the organisations in which something uses the row."""
        return frozenset(one for one in organizations if self.uses.get((address, one)))

    def in_use(self, address: Address, organizations: Iterable[str]) -> None:
        """A row that is used cannot be retired."""
        found = [
            InUse(address=address, target=one, uses=self.uses[address, one])
            for one in in_order(organizations)
        ]
        self.report(address, found)

    def ambiguous(self, address: Address, organizations: Iterable[str]) -> None:
        """Of rows that stand twice nobody knows which is meant."""
        found = [
            Ambiguous(address=address, target=one, where="target")
            for one in in_order(organizations)
        ]
        self.report(address, found)

    def change(self, change: Change) -> None:
        """A change, with what is suspect about the SQL that it writes."""
        self.changes.append(change)
        if not isinstance(change, Release | Retire):
            kind = self.kinds[change.address.kind]
            self.notes += suspects(kind, change, self.snapshot.named)

    def asked(self, address: Address, action: str, reason: str | None = None) -> bool:
        """Whether a person resolved this about a row; then the flag has its use.

        A pattern only means what it names as its reason.
        """
        resolution = self.resolutions.get(address)
        if resolution is None or resolution.action != action:
            return False
        if reason is not None and not resolution.fits(reason):
            return False
        self.resolved.add(address)
        return True

    def skip(self, address: Address, organizations: Iterable[str], reason: str) -> None:
        """A person resolved to leave a row as it is."""
        self.resolved.add(address)
        targets = in_order(organizations)
        self.notes.append(Skipped(address=address, targets=targets, reason=reason))

    def report(self, address: Address, conflicts: Sequence[Conflict]) -> None:
        """Conflicts of one reason, unless a person resolved to leave the row as it is."""
        if conflicts and self.asked(address, "skip", conflicts[0].reason):
            self.skip(address, {one.target for one in conflicts}, conflicts[0].reason)
        else:
            self.conflicts += conflicts

    def only_drift(self) -> None:
        """Leave nothing to be done, and only the rows that the tenant deleted to be said."""
        self.changes, self.conflicts = [], []
        self.notes = [note for note in self.notes if isinstance(note, DeletedByTenant)]

    def finish(self) -> None:
        """Note the flags that were of no use."""
        everywhere = self.snapshot.organizations
        self.notes += [
            NeedlessFlag(address=one.address, targets=everywhere, action=one.action)
            for one in self.resolutions.values()
            if everywhere and one.address not in self.resolved
        ]


def in_order(organizations: Iterable[str]) -> tuple[str, ...]:
    """Targets as a plan lists them."""
    return tuple(sorted(organizations))


def remaining(state: State, fields: Iterable[FieldChange] = ()) -> dict[str, Any]:
    """What the ledger knows of a row, and goes on remembering, as a change of it says it."""
    changed = {field.column for field in fields}
    have: Values = state.values or {}
    kept = {
        name: value
        for name, value in (state.base or {}).items()
        if name not in changed and (name not in have or have[name] != value or name in state.kept)
    }
    return {
        "kept": kept,
        "pinned": tuple(sorted(state.kept & kept.keys())),
        "was": state.ledger,
        "bases": bases(state, fields),
    }


def bases(state: State, fields: Iterable[FieldChange]) -> Values:
    """What the ledger remembers of columns that change, where that is not what they are."""
    base: Values = state.base or {}
    return {
        field.column: base[field.column]
        for field in fields
        if field.column in base and base[field.column] != field.before
    }


def seeds(kind: Kind, state: State) -> Values:
    """What the tenant's own columns were given at first, which the ledger goes on remembering."""
    return {
        column.name: state.base[column.name]
        for column in kind.columns
        if column.owner == "tenant" and state.base is not None and column.name in state.base
    }
