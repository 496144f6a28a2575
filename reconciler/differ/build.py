"""Second pass: decisions become changes, conflicts and notes."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from reconciler.differ.decide import Decision, incomplete
from reconciler.differ.in_the_way import in_the_way
from reconciler.differ.link import Group, link
from reconciler.differ.moving import Sources
from reconciler.differ.references import Reach
from reconciler.differ.rewrite import rewrite
from reconciler.differ.told import Told, in_order, remaining
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Create, Release
from reconciler.model.conflict import Conflict, Incomplete, UniqueCollision
from reconciler.model.note import (
    DanglingOwner,
    Deferred,
    DeletedByTenant,
    Released,
    WithParent,
)
from reconciler.model.snapshot import Collision


class Builder:
    """Turns decisions into what a plan says; `organizations` are those that a step is about."""

    def __init__(self, told: Told, reach: Reach, name: str | None, moves: Sources) -> None:
        self.told = told
        self.moves = moves
        self.snapshot = told.snapshot
        self.reach = reach
        self.name = name
        self.collisions: dict[Address, list[Collision]] = defaultdict(list)
        for collision in self.snapshot.collisions:
            self.collisions[collision.address].append(collision)

    def add(self, decision: Decision) -> None:
        """Turn one decision into what the plan says of it."""
        address, organizations = decision.row.address, decision.organizations
        if decision.asked or decision.taken_over:
            self.told.resolved.add(address)
        if decision.taken_over:
            self._write(decision)
            return
        match decision.verdict:
            case "create" | "restore":
                self._write(decision)
            case "compare":
                self._dangling(decision)
                self._write(decision)
            case "release":
                self._release(decision)
            case "released":
                note = Released(address=address, targets=in_order(organizations))
                self.told.notes.append(note)
            case "deleted_by_tenant":
                gone = DeletedByTenant(address=address, targets=in_order(organizations))
                self.told.notes.append(gone)
            case _:
                doubled = address in self.snapshot.ambiguous
                found = [
                    in_the_way(decision, organization, doubled=doubled)
                    for organization in in_order(organizations)
                ]
                self.told.report(address, found)

    def left_out(self) -> None:
        """Note the children that are left out: their parent is left alone, or it is the tenant's
        to write.
        """
        for address, organizations in self.reach.left_out:
            self._left_out(address, organizations)

    def _left_out(self, address: Address, organizations: frozenset[str]) -> None:
        parent = parent_of(self.reach.kinds[address.kind], address)
        waiting = self.reach.deferred.get(parent, {}) if parent else {}
        whys: tuple[Literal["absent", "ambiguous"], ...] = ("absent", "ambiguous")
        for why in whys:
            targets = in_order(one for one in organizations if waiting.get(one) == why)
            if parent and targets:
                note = Deferred(address=address, targets=targets, refers_to=parent, why=why)
                self.told.notes.append(note)
        rest = organizations - waiting.keys()
        if rest:
            self.told.notes.append(WithParent(address=address, targets=in_order(rest)))

    def _dangling(self, decision: Decision) -> None:
        """A row of ours whose owner is gone goes on being compared, and that is worth a word."""
        owner = decision.state.owner
        if owner is not None and not owner.exists:
            targets = in_order(decision.organizations)
            note = DanglingOwner(address=decision.row.address, targets=targets, owner=owner.agent)
            self.told.notes.append(note)

    def _release(self, decision: Decision) -> None:
        change = Release(
            address=decision.row.address,
            targets=in_order(decision.organizations),
            because="asked",
            before=decision.state.values or {},
            **remaining(decision.state),
        )
        self.told.change(change)

    def _write(self, decision: Decision) -> None:
        """Create, update or take over, less what collides and what cannot be referred to."""
        creating = decision.verdict == "create"
        organizations = decision.organizations
        if self._incomplete(decision):
            return
        if creating or decision.verdict == "restore":
            organizations = self.without_collisions(decision, organizations, None)
        linked = link(decision, organizations, self.reach)
        self.told.notes += linked.notes
        self.told.report(decision.row.address, linked.conflicts)
        for group in linked.groups:
            if creating:
                self._create(decision, group)
            else:
                rewrite(self, decision, group)

    def _incomplete(self, decision: Decision) -> bool:
        """Whether the template's row cannot be placed as it is."""
        values, have = decision.row.values, decision.state.values
        found: list[Conflict] = [
            Incomplete(
                address=decision.row.address,
                target=organization,
                column=column.name,
                wrong=wrong,
                value=values[column.name],
            )
            for column, wrong in incomplete(decision.kind, decision.row, self.reach.kinds)
            if decision.verdict == "create"
            or (have or {}).get(column.name, values[column.name]) != values[column.name]
            for organization in in_order(decision.organizations)
        ]
        self.told.report(decision.row.address, found)
        return bool(found)

    def without_collisions(
        self,
        decision: Decision,
        organizations: frozenset[str],
        changed: frozenset[str] | None,
    ) -> frozenset[str]:
        """Those in which nothing is in the way of a new row, or of these columns changing."""
        # What comes back is not in its own way; a new row has even a dead one in its way.
        back = decision.verdict == "restore"
        itself = dict(
            zip(decision.state.organizations, decision.state.ids if back else (), strict=back)
        )
        in_the_way = {
            collision.organization: collision
            for collision in self.collisions.get(decision.row.address, ())
            if (changed is None or collision.speaks_of & changed)
            and collision.other_id != itself.get(collision.organization)
        }
        collided = organizations & in_the_way.keys()
        found = [
            UniqueCollision(
                address=decision.row.address,
                target=organization,
                index=in_the_way[organization].index,
                columns=in_the_way[organization].columns,
                other_id=in_the_way[organization].other_id,
                other_organization=in_the_way[organization].other_organization,
            )
            for organization in in_order(collided)
        ]
        self.told.report(decision.row.address, found)
        return organizations - collided

    def _create(self, decision: Decision, group: Group) -> None:
        kind, address, targets = decision.kind, decision.row.address, in_order(group.organizations)
        values = group.values
        if kind.installs and self.name is not None:
            values = {**values, kind.installs.name: self.name}
        ids: tuple[str, ...] = ()
        if kind.mint is not None:
            ids = tuple(self._mint(kind.mint, target, address) for target in targets)
        # What comes back by itself, comes back again after an undo.
        asked = decision.resolution is not None and decision.resolution.action == "restore"
        was = decision.state.ledger if asked else None
        self.told.change(Create(address=address, targets=targets, values=values, ids=ids, was=was))

    def _mint(self, prefix: str, target: str, address: Address) -> str:
        agent = self.snapshot.template.agent_id
        candidates = [mint(prefix, agent, target, address, n) for n in range(ATTEMPTS)]
        return next((one for one in candidates if one not in self.snapshot.taken), candidates[0])
