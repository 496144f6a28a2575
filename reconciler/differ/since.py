"""What happened to a row since a revision changed it: nothing, what is to be done, or something."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.differ.compare import change as field_change
from reconciler.differ.ownership import Ownership
from reconciler.differ.renaming import Renaming
from reconciler.differ.told import Told, in_order
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
)
from reconciler.model.conflict import TouchedSince
from reconciler.model.kind import Kind
from reconciler.model.snapshot import State
from reconciler.model.value import Digest, Ref, Value, Values


class Since:
    """Holds rows against what a revision left; `states` are what stands there by now."""

    def __init__(
        self,
        told: Told,
        revision: int,
        states: Mapping[Address, list[State]],
        renaming: Renaming,
    ) -> None:
        self.told = told
        self.revision = revision
        self.states = states
        self.renaming = renaming
        self.ownership = Ownership(told.snapshot.template)

    def done(self, change: Change, state: State) -> bool:
        """Whether the row is already what undoing makes of it."""
        if isinstance(change, Retire):
            return state.situation == "dead" and state.ledger == (change.becomes or "retired")
        if isinstance(change, Create | Restore) or state.situation != "live":
            return False
        have: Values = state.values or {}
        kind = self.told.kinds[change.address.kind]
        wanted = possible(kind, change.address, change.after, have)
        if any(have.get(name) != value for name, value in wanted.items() if name in have):
            return False
        owner = state.owner.agent if state.owner else None
        match change:
            case Adopt():
                return owner == self.told.snapshot.template.agent_id
            case Release():
                return owner == (change.to.agent if change.to else None)
            case Move():
                here = (change.source, change.address)
                undone = (
                    here not in self.renaming.names.get(one, ()) for one in state.organizations
                )
                return all(undone) and not self.at_source(change)
            case _:
                return True

    def at_source(self, change: Move) -> frozenset[str]:
        """Where a row still has the name that is to be taken back."""
        return frozenset(
            one
            for state in self.states[change.source]
            if state.situation == "live"
            for one in state.organizations
        )

    def untouched(
        self,
        kind: Kind,
        change: Retire | Update | Adopt | Release | Move,
        state: State,
        targets: frozenset[str],
    ) -> tuple[frozenset[str], tuple[FieldChange, ...]]:
        """The targets in which the row is as it was left, or, with what was done since, those in
        which a person said: all the same.
        """
        address = change.address
        if not self._still(kind, change, state):
            self.conflict(address, targets, "owner", state)
            return frozenset(), ()
        have: Values = state.values or {}
        # That a row runs under no installation any more is nobody's edit: its agent is gone.
        kept = {one.name for one in kind.compared if not one.installation} & change.before.keys()
        before = {name: value for name, value in change.before.items() if name in kept}
        since = differing(before, {name: value for name, value in have.items() if name in kept})
        if not since:
            return targets, ()
        if self.told.asked(address, "adopt", "touched_since"):
            return targets, since
        self.conflict(address, targets, "changed", state, since)
        return frozenset(), ()

    def _still(
        self, kind: Kind, change: Retire | Update | Adopt | Release | Move, state: State
    ) -> bool:
        """Whether the row belongs to whom it belonged to."""
        if kind.owner is None:
            return bool(kind.installs) or state.ledger == "placed"
        if isinstance(change, Adopt):
            now = state.owner.agent if state.owner else None
            return now == (change.owner.agent if change.owner else None)
        return self.ownership.ours(state)

    def conflict(
        self,
        address: Address,
        targets: frozenset[str],
        how: str,
        state: State,
        fields: tuple[FieldChange, ...] = (),
    ) -> None:
        """The row is otherwise than the revision left it."""
        later = state.revision if state.revision and state.revision > self.revision else None
        self.told.report(
            address,
            [
                TouchedSince.model_validate(
                    {
                        "address": address,
                        "target": one,
                        "how": how,
                        "fields": fields,
                        "revision": later,
                    }
                )
                for one in in_order(targets)
            ],
        )


def writable(value: Value) -> bool:
    """Whether a plan can write this again: a secret, and a row of others, it does not know."""
    if isinstance(value, Ref):
        return value.organization is None and all(value.ref.key)
    return not isinstance(value, Digest)


def possible(kind: Kind, address: Address, wanted: Values, have: Values) -> Values:
    """What a plan can write where it wants this: what pointed at nothing, and has to point at
    something, points at its own row, unless it still is as it was.
    """
    itself = {one.name for one in kind.references if one.itself and have.get(one.name)}
    return {
        name: Ref(ref=address) if value is None and name in itself else value
        for name, value in wanted.items()
    }


def differing(have: Values, wanted: Values) -> tuple[FieldChange, ...]:
    """The columns in which one differs from the other, as changes."""
    return tuple(
        field_change(name, have.get(name), value)
        for name, value in wanted.items()
        if have.get(name) != value
    )
