"""A plan, counted by target: what an installation's line in the status is made of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from reconciler.kinds import Kinds
from reconciler.model.address import Address
from reconciler.model.change import Create
from reconciler.model.conflict import EditedBoth
from reconciler.model.note import DanglingOwner, DeletedByTenant, KeptEdit, Orphaned, Released
from reconciler.model.plan import Plan


@dataclass
class Tally:
    """The rows of one target, by what a plan says of them."""

    pending: set[Address] = field(default_factory=set)
    overwritten: set[Address] = field(default_factory=set)
    kept: set[Address] = field(default_factory=set)
    disputed: set[Address] = field(default_factory=set)
    conflicts: set[Address] = field(default_factory=set)
    tombstones: set[Address] = field(default_factory=set)
    pins: set[Address] = field(default_factory=set)
    orphaned: set[Address] = field(default_factory=set)
    prunable: set[Address] = field(default_factory=set)
    dangling: set[Address] = field(default_factory=set)

    def numbers(self) -> dict[str, int]:
        """How many there are, as the status calls them."""
        names = (
            "pending", "overwritten", "kept", "conflicts", "tombstones", "pins", "orphaned",
            "prunable", "dangling",
        )  # fmt: skip
        drifted = self.overwritten | self.kept | self.disputed
        return {"drifted": len(drifted), **{name: len(getattr(self, name)) for name in names}}


def tallies(plan: Plan, kinds: Kinds) -> dict[str, Tally]:
    """What the plan says of each target's rows."""
    found: dict[str, Tally] = defaultdict(Tally)
    retirable = {kind.name for kind in kinds if kind.retired and not kind.history}
    for change in plan.changes:
        edited = not isinstance(change, Create) and any(one.drift for one in change.fields)
        for target in change.targets:
            found[target].pending.add(change.address)
            if edited:
                found[target].overwritten.add(change.address)
    for conflict in plan.conflicts:
        found[conflict.target].conflicts.add(conflict.address)
        if isinstance(conflict, EditedBoth):
            found[conflict.target].disputed.add(conflict.address)
    for note in plan.notes:
        for target in note.targets:
            tally, address = found[target], note.address
            match note:
                case KeptEdit():
                    tally.kept.add(address)
                case DeletedByTenant():
                    tally.tombstones.add(address)
                case Released():
                    tally.pins.add(address)
                case Orphaned():
                    tally.orphaned.add(address)
                    if address.kind in retirable:
                        tally.prunable.add(address)
                case DanglingOwner():
                    tally.dangling.add(address)
                case _:
                    pass
    return dict(found)
