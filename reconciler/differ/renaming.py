"""Rows under another name: addresses, values, states and changes as they are once it is done.

What belongs to a renamed row is renamed with it, since its key begins with that row's; and what
refers to it refers to the new name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.kinds.order import key_width
from reconciler.model.address import Address
from reconciler.model.change import Change, Create, FieldChange, Move, for_targets
from reconciler.model.kind import Kind
from reconciler.model.snapshot import State
from reconciler.model.value import Ref, Value, Values

Names = tuple[tuple[Address, Address], ...]


class Renaming:
    """Knows what is renamed in which organisations: the old name, and the new one."""

    def __init__(
        self, kinds: Mapping[str, Kind], moves: Iterable[tuple[Address, Address, Iterable[str]]]
    ) -> None:
        self.kinds = kinds
        names: dict[str, list[tuple[Address, Address]]] = defaultdict(list)
        for old, new, organizations in moves:
            for organization in organizations:
                names[organization].append((old, new))
        self.names: dict[str, Names] = {one: tuple(pairs) for one, pairs in names.items()}

    def __bool__(self) -> bool:
        return bool(self.names)

    def address(self, address: Address, names: Names) -> Address:
        """What an address is once these are renamed."""
        for old, new in names:
            width = key_width(self.kinds[old.kind], self.kinds)
            if self._is(address.kind, old.kind) and address.key[:width] == old.key:
                return Address.of(address.kind, (*new.key, *address.key[width:]))
        return address

    def values(self, values: Values, names: Names) -> Values:
        """Values whose references go by the new names."""
        return {column: self._value(value, names) for column, value in values.items()}

    def states(self, state: State) -> Iterator[State]:
        """A state by the new names, apart for the organisations in which something is renamed."""
        for names, organizations in self._apart(state.organizations):
            changes: dict[str, Any] = {}
            if names:
                changes = {
                    "address": self.address(state.address, names),
                    "values": state.values and self.values(state.values, names),
                    "base": state.base and self.values(state.base, names),
                }
            yield state.within(organizations, **changes)

    def changes(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Changes by the new names, each apart for the targets in which something is renamed."""
        for change in changes:
            for names, targets in self._apart(change.targets):
                part = for_targets(change, targets)
                yield self._change(part, names) if names else part

    def _change(self, change: Change, names: Names) -> Change:
        update: dict[str, object] = {}
        if isinstance(change, Create):
            update["values"] = self.values(change.values, names)
        else:
            update["before"] = self.values(change.before, names)
            update["kept"] = self.values(change.kept, names)
            update["bases"] = self.values(change.bases, names)
            update["fields"] = tuple(self._field(field, names) for field in change.fields)
            if (created := getattr(change, "created", None)) is not None:
                update["created"] = self.values(created, names)
        if not isinstance(change, Move):
            update["address"] = self.address(change.address, names)
        return change.model_copy(update=update)

    def _field(self, field: FieldChange, names: Names) -> FieldChange:
        before, after = self._value(field.before, names), self._value(field.after, names)
        return field.model_copy(update={"before": before, "after": after})

    def _value(self, value: Value, names: Names) -> Value:
        if not isinstance(value, Ref) or value.organization is not None:
            return value
        return value.model_copy(update={"ref": self.address(value.ref, names)})

    def _is(self, kind: str, ancestor: str) -> bool:
        """Whether rows of a kind are, or belong to, rows of another."""
        if kind == ancestor:
            return True
        parent = self.kinds[kind].parent
        return parent is not None and self._is(parent.kind, ancestor)

    def _apart(self, organizations: Iterable[str]) -> list[tuple[Names, frozenset[str]]]:
        found: dict[Names, set[str]] = defaultdict(set)
        for organization in organizations:
            found[self.names.get(organization, ())].add(organization)
        return [(names, frozenset(some)) for names, some in found.items()]
