"""First pass: what every address means in every target, and what will be missing where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.differ.ownership import Ownership, Verdict
from reconciler.differ.references import Reach
from reconciler.kinds import Kinds
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.kind import Column, Kind
from reconciler.model.request import Resolution
from reconciler.model.snapshot import Row, Snapshot, State
from reconciler.model.value import Ref
from reconciler.schedule import problem

_MISSING: frozenset[Verdict] = frozenset({"deleted_by_tenant", "dead_row_blocks"})
_FOREIGN: frozenset[Verdict] = frozenset(
    {"user_authored", "foreign_owner", "ambiguous", "release", "released"}
)
_RESOLVED_BY: dict[Verdict, str] = {
    "user_authored": "adopt",
    "released": "adopt",
    "foreign_owner": "take",
    "compare": "take",
}


@dataclass(frozen=True)
class Decision:
    """One address in some targets: its state there, and the verdict.

    `asked` says that the verdict is what a person resolved.
    """

    kind: Kind
    row: Row
    state: State
    organizations: frozenset[str]
    verdict: Verdict
    resolution: Resolution | None = None
    asked: bool = False

    @property
    def taken_over(self) -> bool:
        """Whether a person resolved that the row becomes ours."""
        if self.state.situation != "live":
            return False
        if self.verdict == "compare" and (self.state.owner is None or self.state.owner.exists):
            return False
        why = "dangling_owner" if self.verdict == "compare" else self.verdict
        return (
            self.resolution is not None
            and self.kind.owner is not None
            and _RESOLVED_BY.get(self.verdict) == self.resolution.action
            and self.resolution.fits(why)
        )

    def resolved(self, resolution: Resolution | None) -> Decision:
        """The same, once a person has resolved something about it."""
        verdict: Verdict | None = None
        if resolution is not None and resolution.action == "restore":
            if self.verdict == "deleted_by_tenant" and self.state.situation == "absent":
                verdict = "create"
            elif self.verdict == "deleted_by_tenant" and self.state.revivable:
                verdict = "restore"
        elif resolution is not None and resolution.action == "release":
            verdict = "release" if self.verdict == "compare" and self.kind.owner else None
        if verdict is None:
            return replace(self, resolution=resolution)
        return replace(self, resolution=resolution, verdict=verdict, asked=True)


def decide(
    snapshot: Snapshot, kinds: Kinds, resolutions: dict[Address, Resolution]
) -> tuple[list[Decision], Reach]:
    """Decide every address, parents first, since a child's fate hangs on its parent's.

    A new row that cannot be written (it collides, or what it must refer to is missing) will be
    missing itself, and so on; hence as many rounds as it takes until nothing more is missing.
    """
    unwritten: dict[Address, set[str]] = defaultdict(set)
    for collision in snapshot.collisions:
        unwritten[collision.address].add(collision.organization)
    everywhere = set(snapshot.organizations)
    named = {kind.name: kind for kind in kinds}
    for row in snapshot.rows:
        if next(incomplete(named[row.address.kind], row, named), None):
            unwritten[row.address] |= everywhere
    while True:
        decisions, reach = _round(snapshot, kinds, resolutions, unwritten)
        more = [
            (decision.row.address, unresolved)
            for decision in decisions
            if decision.verdict == "create"
            for column in decision.kind.references
            if reach.fallback(column, new=True) == "conflict"
            and (
                unresolved := reach.unresolved(
                    decision.row.values[column.name], decision.organizations
                )
                - unwritten[decision.row.address]
            )
        ]
        if not more:
            return decisions, reach
        for address, organizations in more:
            unwritten[address] |= organizations


def _round(
    snapshot: Snapshot,
    kinds: Kinds,
    resolutions: dict[Address, Resolution],
    unwritten: dict[Address, set[str]],
) -> tuple[list[Decision], Reach]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(snapshot.rows, key=lambda row: row.address):
        rows[row.address.kind].append(row)
    states: dict[Address, list[State]] = defaultdict(list)
    for state in snapshot.states:
        if not state.orphan:
            states[state.address].append(state)
    reach = Reach(
        frozenset(row.address for row in snapshot.rows), {kind.name: kind for kind in kinds}
    )
    ownership = Ownership(snapshot.template)
    installed = frozenset(snapshot.organizations)
    mirrored = installed - snapshot.referring
    decisions = []
    for kind in kinds:
        everywhere = installed if kind.installs else mirrored
        for row in rows[kind.name]:
            address = row.address
            if not kind.mirrored:
                _defer(row, states[address], reach)
                continue
            wanted = everywhere if row.current else _organizations(states[address])
            here = wanted - _without_parent(kind, address, reach)
            if here != wanted:
                reach.left_out.append((address, wanted - here))
            reach.missing[address] |= everywhere - here
            reach.foreign[address] |= everywhere - here
            found = _verdicts(kind, row, _beneath(kind, states[address], reach), here, ownership)
            if address in snapshot.ambiguous:
                double = State(
                    address=address, organizations=tuple(sorted(here)), situation="ambiguous"
                )
                found = iter([Decision(kind, row, double, here, "ambiguous")])
            # Of old versions, only those that are not settled are known.
            reach.unchanged += len(here) if row.current else 0
            for bare in found:
                reach.unchanged -= len(bare.organizations) if row.current else 0
                decision = _as_had(bare, snapshot).resolved(resolutions.get(address))
                decisions.append(decision)
                missing = frozenset(unwritten[address]) & decision.organizations
                # Nothing can refer to a row that is there twice; unresolved, it blocks the plan.
                doubled = decision.verdict == "ambiguous" and decision.resolution is not None
                if decision.verdict in _MISSING or doubled:
                    missing = decision.organizations
                if decision.verdict in _MISSING or decision.verdict == "create" or doubled:
                    reach.missing[address] |= missing
                    reach.foreign[address] |= missing
                elif decision.verdict in _FOREIGN and not decision.taken_over:
                    reach.foreign[address] |= decision.organizations
                    if decision.verdict == "released" and decision.state.situation != "live":
                        reach.missing[address] |= decision.organizations
                if decision.verdict == "create":
                    reach.new[address] |= decision.organizations
                elif decision.verdict == "restore":
                    reach.restored[address] |= decision.organizations
    return decisions, reach


def _as_had(decision: Decision, snapshot: Snapshot) -> Decision:
    """An installation says by itself by which entity it reads catalogs: the template's row has no
    word for that. One that does so already goes on as it is.
    """
    name = decision.kind.by_reference
    if name is None:
        return decision
    here = decision.organizations <= snapshot.referring
    have = (decision.state.values or {}).get(name) if decision.state.situation == "live" else None
    wanted = (have or snapshot.reference) if here else None
    values = {**decision.row.values, name: wanted}
    return replace(decision, row=decision.row.model_copy(update={"values": values}))


def _beneath(kind: Kind, states: list[State], reach: Reach) -> list[State]:
    """The states of children: under a parent that comes back they are alive again, and under a
    new one there is nothing yet, whatever the ledger knows.
    """
    found = []
    for state in states:
        parent = parent_of(kind, state.address)
        if parent is None:
            found.append(state)
            continue
        here = frozenset(state.organizations)
        new = here & reach.new[parent]
        back = here & reach.restored[parent] if state.situation == "detached" else frozenset()
        reach.restored[state.address] |= back
        lost = here - new - back if state.situation == "detached" else frozenset()
        found.append(state.within(here - new - back - lost))
        found.append(state.within(back, situation="live"))
        gone = {"situation": "absent", "ledger": None, "ids": (), "values": None}
        found.append(state.within(new | lost, **gone))
    return [state for state in found if state.organizations]


def _defer(row: Row, states: Iterable[State], reach: Reach) -> None:
    """What is not mirrored can only be there, once, or be waited for."""
    for state in states:
        why: Literal["absent", "ambiguous"] = (
            "ambiguous" if state.situation == "ambiguous" else "absent"
        )
        for organization in state.organizations:
            reach.deferred[row.address].setdefault(organization, why)
            reach.missing[row.address].add(organization)
            reach.foreign[row.address].add(organization)


def _organizations(states: Iterable[State]) -> frozenset[str]:
    return frozenset(one for state in states for one in state.organizations)


def incomplete(
    kind: Kind, row: Row, kinds: Mapping[str, Kind]
) -> Iterator[tuple[Column, Literal["empty", "not_its_own", "bad_schedule"]]]:
    """The columns for which a row of the template cannot be placed as it is."""
    for column in kind.columns:
        value = row.values[column.name]
        if column.required and value is None:
            yield column, "empty"
        if isinstance(value, Ref) and value.organization is None:
            parent = parent_of(kinds[value.ref.kind], value.ref)
            if parent and parent.kind == kind.name and parent != row.address:
                yield column, "not_its_own"
    for computed in kind.next_run:
        schedule = row.values[computed.schedule]
        if schedule is not None and problem(str(schedule)) is not None:
            yield kind.column(computed.schedule), "bad_schedule"


def _without_parent(kind: Kind, address: Address, reach: Reach) -> set[str]:
    parent = parent_of(kind, address)
    return reach.foreign[parent] if parent is not None else set()


def _verdicts(
    kind: Kind, row: Row, states: list[State], here: frozenset[str], ownership: Ownership
) -> Iterator[Decision]:
    double = frozenset(
        organization
        for state in states
        if state.situation == "ambiguous"
        for organization in state.organizations
    )
    for state in states:
        organizations = here.intersection(state.organizations)
        if state.situation != "ambiguous":
            organizations -= double
        if organizations:
            yield Decision(kind, row, state, organizations, ownership.verdict(kind, state))
