"""What a new version takes the place of: its content is shown against the one in force before.

Where the tenant edited that one, its edit goes out of force with it, and the pointer says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler.differ.compare import change as field_change
from reconciler.model.address import Address
from reconciler.model.change import Change, Create, Predecessor, Update, for_targets
from reconciler.model.kind import Kind
from reconciler.model.note import KeptEdit, Note
from reconciler.model.snapshot import Snapshot, State
from reconciler.model.value import Ref, Value, Values


class Versions:
    """The versions of a snapshot: what each holds, and which was in force where."""

    def __init__(self, snapshot: Snapshot, kinds: Mapping[str, Kind]) -> None:
        self.kinds = kinds
        rows = {row.address: row.values for row in snapshot.rows}
        self.known = {address: values for address, values in rows.items() if self._history(address)}
        self.placed: dict[tuple[Address, str], Values] = {}
        self.applied: set[tuple[Address, str]] = set()
        self.in_force: dict[tuple[Address, str], list[Address]] = defaultdict(list)
        for state in snapshot.states:
            for organization in state.organizations:
                if state.address in self.known and state.values is not None:
                    self.placed[state.address, organization] = state.values
            if state.address in rows:
                self._pointers(state, rows[state.address])

    def before(self, version: Address, organization: str) -> tuple[Address, Values] | None:
        """The version that one takes the place of in an organisation, with its content there.

        The one in force; where that is the tenant's own, or none, the one that was last applied.
        """
        for address in self.in_force.get((version, organization), ()):
            values = self.placed.get((address, organization))
            if values is None and (address, organization) in self.applied:
                values = self.known.get(address)
            if values is not None and address != version:
                return address, values
        return None

    def _pointers(self, state: State, wanted: Values) -> None:
        for column in self.kinds[state.address.kind].references:
            to = _here(wanted.get(column.name))
            if to is None or not self._history(to):
                continue
            have = (state.values or {}).get(column.name)
            base = (state.base or {}).get(column.name)
            found = [address for address in (_here(have), _here(base)) if address]
            for organization in state.organizations:
                self.in_force[to, organization] += found
                # Only of what was applied is it known that it is the template's content.
                if isinstance(base, Ref) and not base.own:
                    self.applied.update((address, organization) for address in found)

    def _history(self, address: Address) -> bool:
        return self.kinds[address.kind].history is not None


def with_predecessors(
    changes: Iterable[Change], notes: Iterable[Note], versions: Versions
) -> Iterator[Change]:
    """The changes, with new versions split by what they take the place of."""
    edited = {
        (note.address, target)
        for note in notes
        if isinstance(note, KeptEdit)
        for target in note.targets
    }
    for one in changes:
        if isinstance(one, Create):
            yield from _created(one, versions)
        elif isinstance(one, Update):
            yield from _moved(one, edited)
        else:
            yield one


def _created(one: Create, versions: Versions) -> Iterator[Change]:
    if one.address not in versions.known:
        yield one
        return
    groups: list[tuple[Predecessor | None, list[str]]] = []
    for target in one.targets:
        before = versions.before(one.address, target)
        predecessor = _against(*before, one.values) if before else None
        same = next((targets for known, targets in groups if known == predecessor), None)
        if same is None:
            groups.append((predecessor, [target]))
        else:
            same.append(target)
    for predecessor, targets in groups:
        yield for_targets(one, targets).model_copy(update={"predecessor": predecessor})


def _against(address: Address, old: Values, new: Values) -> Predecessor:
    fields = (
        field_change(name, old[name], value)
        for name, value in new.items()
        if name in old and old[name] != value
    )
    return Predecessor(address=address, fields=tuple(fields))


def _moved(one: Update, edited: set[tuple[Address, str]]) -> Iterator[Change]:
    """An update, apart for the targets in which a pointer leaves a version that was edited."""
    leaves = {field.column: _here(field.before) for field in one.fields}
    apart: dict[frozenset[str], list[str]] = defaultdict(list)
    for target in one.targets:
        columns = (name for name, before in leaves.items() if before and (before, target) in edited)
        apart[frozenset(columns)].append(target)
    for drifted, targets in apart.items():
        fields = tuple(
            field.model_copy(update={"drift": True}) if field.column in drifted else field
            for field in one.fields
        )
        yield one.model_copy(update={"targets": tuple(targets), "fields": fields})


def _here(value: Value) -> Address | None:
    if not isinstance(value, Ref) or value.own or value.organization is not None:
        return None
    return value.ref
