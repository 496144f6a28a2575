"""Second pass: decisions become changes, conflicts and notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from reconciler.differ.compare import Comparison, change, compare
from reconciler.differ.decide import Decision, incomplete
from reconciler.differ.in_the_way import in_the_way
from reconciler.differ.inside import suspects
from reconciler.differ.link import Group, link, remembered
from reconciler.differ.references import Reach
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create, Update
from reconciler.model.conflict import (
    Conflict,
    EditedBoth,
    Incomplete,
    RewrittenVersion,
    UniqueCollision,
)
from reconciler.model.kind import Kind
from reconciler.model.note import (
    Deferred,
    DeletedByTenant,
    KeptEdit,
    NeedlessFlag,
    NoBase,
    Note,
    Orphaned,
    RewrittenPast,
    Skipped,
    WithParent,
)
from reconciler.model.plan import Resolution
from reconciler.model.snapshot import Collision, Snapshot
from reconciler.model.value import Values


class Builder:
    """Collects what a plan says; `organizations` are always those that the step is about."""

    def __init__(self, snapshot: Snapshot, reach: Reach, name: str | None) -> None:
        self.snapshot = snapshot
        self.reach = reach
        self.name = name
        self.changes: list[Change] = []
        self.conflicts: list[Conflict] = []
        self.notes: list[Note] = []
        self.resolved: set[Address] = set()
        self.collisions: dict[Address, list[Collision]] = defaultdict(list)
        for collision in snapshot.collisions:
            self.collisions[collision.address].append(collision)

    def add(self, decision: Decision) -> None:
        """Turn one decision into what the plan says of it."""
        address, organizations = decision.row.address, decision.organizations
        resolution = decision.resolution
        if decision.verdict == "deleted_by_tenant":
            self.notes.append(DeletedByTenant(address=address, targets=_sorted(organizations)))
        elif decision.verdict in ("create", "compare"):
            self._write(decision)
        elif decision.taken_over:
            self.resolved.add(address)
            self._write(decision)
        elif resolution is not None and resolution.action == "skip":
            self._skip(decision, organizations, decision.verdict)
        else:
            self.conflicts += [
                in_the_way(decision, organization, doubled=address in self.snapshot.ambiguous)
                for organization in _sorted(organizations)
            ]

    def finish(self, resolutions: Iterable[Resolution]) -> None:
        """Note what no decision speaks of: orphans, children left out, flags without a use."""
        for address, organizations in self.reach.left_out:
            self._left_out(address, organizations)
        everywhere = tuple(target.organization.id for target in self.snapshot.targets)
        for one in resolutions:
            if one.address not in self.resolved:
                self.notes.append(
                    NeedlessFlag(address=one.address, targets=everywhere, action=one.action)
                )
        for state in self.snapshot.states:
            if state.orphan:
                self.notes.append(Orphaned(address=state.address, targets=state.organizations))

    def _left_out(self, address: Address, organizations: frozenset[str]) -> None:
        """Rows without a parent: it is left alone, or it is the tenant's to write."""
        parent = parent_of(self.reach.kinds[address.kind], address)
        waiting = self.reach.deferred.get(parent, {}) if parent else {}
        whys: tuple[Literal["absent", "ambiguous"], ...] = ("absent", "ambiguous")
        for why in whys:
            targets = _sorted(one for one in organizations if waiting.get(one) == why)
            if parent and targets:
                note = Deferred(address=address, targets=targets, refers_to=parent, why=why)
                self.notes.append(note)
        rest = organizations - waiting.keys()
        if rest:
            self.notes.append(WithParent(address=address, targets=_sorted(rest)))

    def _skip(self, decision: Decision, organizations: Iterable[str], reason: str) -> None:
        targets = _sorted(organizations)
        self.resolved.add(decision.row.address)
        self.notes.append(Skipped(address=decision.row.address, targets=targets, reason=reason))

    def _write(self, decision: Decision) -> None:
        """Create, update or take over, less what collides and what cannot be referred to."""
        creating = decision.verdict == "create"
        organizations = decision.organizations
        if self._incomplete(decision):
            return
        if creating:
            organizations = self._without_collisions(decision, organizations, None)
        linked = link(decision, organizations, self.reach)
        self.notes += linked.notes
        self._report(decision, linked.conflicts, "missing_reference")
        for group in linked.groups:
            if creating:
                self._create(decision, group)
            else:
                self._compare(decision, group)

    def _report(self, decision: Decision, conflicts: Sequence[Conflict], reason: str) -> None:
        """Conflicts, unless a person resolved to leave the row as it is."""
        if conflicts and decision.resolution and decision.resolution.action == "skip":
            self._skip(decision, {conflict.target for conflict in conflicts}, reason)
        else:
            self.conflicts += conflicts

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
            for organization in _sorted(decision.organizations)
        ]
        self._report(decision, found, "incomplete")
        return bool(found)

    def _without_collisions(
        self,
        decision: Decision,
        organizations: frozenset[str],
        changed: frozenset[str] | None,
    ) -> frozenset[str]:
        """Those in which nothing is in the way of a new row, or of these columns changing."""
        in_the_way = {
            collision.organization: collision
            for collision in self.collisions.get(decision.row.address, ())
            if changed is None or collision.speaks_of & changed
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
            for organization in _sorted(collided)
        ]
        self._report(decision, found, "unique_collision")
        return organizations - collided

    def _create(self, decision: Decision, group: Group) -> None:
        kind, address, targets = decision.kind, decision.row.address, _sorted(group.organizations)
        values = group.values
        if kind.installs and self.name is not None:
            values = {**values, kind.installs.name: self.name}
        ids: tuple[str, ...] = ()
        if kind.mint is not None:
            ids = tuple(self._mint(kind.mint, target, address) for target in targets)
        self._change(kind, Create(address=address, targets=targets, values=values, ids=ids))

    def _mint(self, prefix: str, target: str, address: Address) -> str:
        agent = self.snapshot.template.agent_id
        candidates = [mint(prefix, agent, target, address, n) for n in range(ATTEMPTS)]
        return next((one for one in candidates if one not in self.snapshot.taken), candidates[0])

    def _compare(self, decision: Decision, group: Group) -> None:
        kind, state, address = decision.kind, decision.state, decision.row.address
        have: Values = state.values or {}
        found = compare(
            kind,
            group.values,
            have,
            state.base,
            # A row that is taken over belongs to this agent from now on.
            owner=state.owner.agent if state.owner and not decision.taken_over else None,
            is_own=self.reach.is_own,
            resolved=decision.resolution.action if decision.resolution else None,
        )
        if found.forced:
            self.resolved.add(address)
        if found.stays:
            self._skip(decision, group.organizations, "edited_both")
        conflicts = self._edited(decision, group, found)
        self._report(decision, conflicts, "rewritten_version")
        if conflicts:
            return
        self.notes += [
            KeptEdit(address=address, targets=_sorted(group.organizations), column=column)
            for column in found.kept
            if column not in found.stays
        ]
        if kind.history:
            return
        fields = tuple(found.fields)
        changed = frozenset(one.column for one in fields)
        targets = _sorted(self._without_collisions(decision, group.organizations, changed))
        if not targets:
            return
        if decision.taken_over:
            adopt = Adopt(
                address=address,
                targets=targets,
                owner=state.owner,
                before=have,
                fields=fields,
                kept=remembered(decision, group),
            )
            self._change(kind, adopt)
        elif fields:
            kept = {**found.kept, **remembered(decision, group)}
            update = Update(address=address, targets=targets, before=have, fields=fields, kept=kept)
            self._change(kind, update)
            if state.base is None or not changed <= state.base.keys():
                self.notes.append(NoBase(address=address, targets=targets))

    def _edited(self, decision: Decision, group: Group, found: Comparison) -> list[Conflict]:
        """What both sides changed; of a version, whatever the template changed in it."""
        address, targets = decision.row.address, _sorted(group.organizations)
        if decision.kind.history and (found.fields or found.edited):
            # What the template did; what the tenant did to the same columns is said beside it.
            fields = (
                *found.fields,
                *(change(name, base, theirs) for name, base, _, theirs in found.edited),
            )
            self.notes += [
                KeptEdit(address=address, targets=targets, column=name) for name, *_ in found.edited
            ]
            if not decision.row.current:
                columns = tuple(sorted(field.column for field in fields))
                self.notes.append(RewrittenPast(address=address, targets=targets, columns=columns))
                return []
            return [
                RewrittenVersion(address=address, target=target, fields=fields)
                for target in targets
            ]
        return [
            EditedBoth(
                address=address, target=target, column=column, base=base, ours=ours, theirs=theirs
            )
            for column, base, ours, theirs in found.edited
            for target in targets
        ]

    def _change(self, kind: Kind, change: Create | Update | Adopt) -> None:
        self.changes.append(change)
        self.notes += suspects(kind, change, self.snapshot.named)


def _sorted(organizations: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(organizations))
