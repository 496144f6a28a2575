"""Second pass: decisions become changes, conflicts and notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from reconciler.differ.compare import compare
from reconciler.differ.decide import Decision
from reconciler.differ.references import Reach
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create, Update
from reconciler.model.conflict import (
    Ambiguous,
    Conflict,
    DeadRowBlocks,
    EditedBoth,
    ForeignOwner,
    MissingReference,
    UniqueCollision,
    UserAuthored,
)
from reconciler.model.note import (
    DeletedByTenant,
    KeptEdit,
    NeedlessFlag,
    NoBase,
    Note,
    Orphaned,
    Skipped,
    Unlinked,
    WithParent,
)
from reconciler.model.plan import Resolution
from reconciler.model.snapshot import Collision, Snapshot
from reconciler.model.value import Ref, Value, Values

_Told = TypeVar("_Told", Create, Update, Adopt, Change, Note)


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
                self._conflict(decision, organization) for organization in _sorted(organizations)
            ]

    def finish(self, resolutions: Iterable[Resolution]) -> None:
        """Note what no decision speaks of: orphans, children left out, flags without a use."""
        for address, organizations in self.reach.left_out:
            self.notes.append(WithParent(address=address, targets=_sorted(organizations)))
        everywhere = tuple(target.organization.id for target in self.snapshot.targets)
        for one in resolutions:
            if one.address not in self.resolved:
                self.notes.append(
                    NeedlessFlag(address=one.address, targets=everywhere, action=one.action)
                )
        for state in self.snapshot.states:
            if state.orphan:
                self.notes.append(Orphaned(address=state.address, targets=state.organizations))

    def _skip(self, decision: Decision, organizations: Iterable[str], reason: str) -> None:
        targets = _sorted(organizations)
        self.resolved.add(decision.row.address)
        self.notes.append(Skipped(address=decision.row.address, targets=targets, reason=reason))

    def _conflict(self, decision: Decision, target: str) -> Conflict:
        address, state = decision.row.address, decision.state
        match decision.verdict:
            case "user_authored":
                return UserAuthored(
                    address=address,
                    target=target,
                    author=state.author,
                    adoptable=decision.kind.owner is not None,
                )
            case "foreign_owner":
                assert state.owner is not None
                return ForeignOwner(address=address, target=target, owner=state.owner)
            case "dead_row_blocks":
                return DeadRowBlocks(address=address, target=target, author=state.author)
            case "ambiguous":
                doubled = address in self.snapshot.ambiguous
                where = "template" if doubled else "target"
                return Ambiguous(address=address, target=target, where=where)
            case _:
                raise AssertionError(f"{decision.verdict} is no conflict")

    def _write(self, decision: Decision) -> None:
        """Create, update or take over, less what collides and what cannot be referred to."""
        creating = decision.verdict == "create"
        organizations = decision.organizations
        if creating:
            organizations = self._without_collisions(decision, organizations, None)
        for group, values in self._resolved(decision, organizations):
            if creating:
                self._create(decision, group, values)
            else:
                self._compare(decision, group, values)

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
        if collided and decision.resolution and decision.resolution.action == "skip":
            self._skip(decision, collided, "unique_collision")
        else:
            self.conflicts += [
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
        return organizations - collided

    def _resolved(
        self, decision: Decision, organizations: frozenset[str]
    ) -> list[tuple[frozenset[str], Values]]:
        """The template's values by group of targets, which differ in what they can refer to."""
        groups: list[tuple[frozenset[str], Values]] = [(organizations, decision.row.values)]
        for column in decision.kind.references:
            wanted = decision.row.values[column.name]
            have = (decision.state.values or {}).get(column.name)
            unresolved = self.reach.unresolved(wanted, organizations)
            if not unresolved or have == wanted:
                # A row that points there already, be it at a retired row, goes on doing so.
                continue
            assert isinstance(wanted, Ref)
            if column.nullable:
                split = []
                for group, values in groups:
                    split.append((group - unresolved, values))
                    split.append((group & unresolved, {**values, column.name: None}))
                groups = split
                self._unlinked(decision, column.name, wanted, unresolved)
            elif decision.resolution and decision.resolution.action == "skip":
                groups = [(group - unresolved, values) for group, values in groups]
                self._skip(decision, unresolved, "missing_reference")
            else:
                groups = [(group - unresolved, values) for group, values in groups]
                self.conflicts += [
                    MissingReference(
                        address=decision.row.address,
                        target=organization,
                        column=column.name,
                        refers_to=wanted.ref,
                    )
                    for organization in _sorted(unresolved)
                ]
        return [(group, values) for group, values in groups if group]

    def _unlinked(
        self, decision: Decision, column: str, wanted: Ref, unresolved: frozenset[str]
    ) -> None:
        self.notes.append(
            Unlinked(
                address=decision.row.address,
                targets=_sorted(unresolved),
                column=column,
                refers_to=wanted.ref,
            )
        )

    def _create(self, decision: Decision, group: frozenset[str], values: Values) -> None:
        kind, address, targets = decision.kind, decision.row.address, _sorted(group)
        if kind.installs and self.name is not None:
            values = {**values, kind.installs.name: self.name}
        ids: tuple[str, ...] = ()
        if kind.mint is not None:
            ids = tuple(self._mint(kind.mint, target, address) for target in targets)
        self.changes.append(Create(address=address, targets=targets, values=values, ids=ids))

    def _mint(self, prefix: str, target: str, address: Address) -> str:
        agent = self.snapshot.template.agent_id
        candidates = [mint(prefix, agent, target, address, n) for n in range(ATTEMPTS)]
        return next((one for one in candidates if one not in self.snapshot.taken), candidates[0])

    def _compare(self, decision: Decision, group: frozenset[str], values: Values) -> None:
        state, address, targets = decision.state, decision.row.address, _sorted(group)
        have: dict[str, Value] = state.values or {}
        found = compare(decision.kind, values, have, state.base)
        for column, base, ours, theirs in found.edited:
            if decision.resolution and decision.resolution.action == "skip":
                self._skip(decision, group, "edited_both")
                return
            self.conflicts += [
                EditedBoth(
                    address=address,
                    target=target,
                    column=column,
                    base=base,
                    ours=ours,
                    theirs=theirs,
                )
                for target in targets
            ]
        if found.edited:
            return
        self.notes += [
            KeptEdit(address=address, targets=targets, column=column) for column in found.kept
        ]
        fields = tuple(found.fields)
        changed = frozenset(one.column for one in fields)
        targets = _sorted(self._without_collisions(decision, group, changed))
        if not targets:
            return
        if decision.taken_over:
            self.changes.append(
                Adopt(
                    address=address,
                    targets=targets,
                    owner=state.owner,
                    before=have,
                    fields=fields,
                )
            )
        elif fields:
            self.changes.append(
                Update(
                    address=address,
                    targets=targets,
                    before=have,
                    fields=fields,
                    kept=found.kept,
                )
            )
            if state.base is None or not changed <= state.base.keys():
                self.notes.append(NoBase(address=address, targets=targets))


def merged(told: Iterable[_Told]) -> list[_Told]:
    """The same with equal ones as one, for all of their targets."""
    found: dict[tuple[str, str], list[_Told]] = defaultdict(list)
    for one in told:
        bare = one.model_copy(update={"targets": (), "ids": ()})
        alike = found[one.address, type(one).__name__]
        for place, other in enumerate(alike):
            if other.model_copy(update={"targets": (), "ids": ()}) == bare:
                alike[place] = _joined(other, one)
                break
        else:
            alike.append(one)
    return [one for alike in found.values() for one in alike]


def _joined(left: _Told, right: _Told) -> _Told:
    targets = (*left.targets, *right.targets)
    order = sorted(range(len(targets)), key=targets.__getitem__)
    update: dict[str, object] = {"targets": tuple(targets[place] for place in order)}
    if isinstance(left, Create) and isinstance(right, Create) and left.ids:
        ids = (*left.ids, *right.ids)
        update["ids"] = tuple(ids[place] for place in order)
    return left.model_copy(update=update)


def _sorted(organizations: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(organizations))
