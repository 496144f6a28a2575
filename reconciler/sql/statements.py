"""The list of statements that a plan is: what a preview shows is what an apply executes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Create, Move, Release, Restore, Retire, Update
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.schedule import next_runs
from reconciler.sql import repoint
from reconciler.sql.audit import audit
from reconciler.sql.contents import AnyChange, Contents, referred
from reconciler.sql.hang import parents, references
from reconciler.sql.link import links, lock_flagged
from reconciler.sql.move import at_source, not_there, rename, rename_placements
from reconciler.sql.remember import Ledger
from reconciler.sql.revive import lock_retired, not_retired, retire, revive
from reconciler.sql.source import Sources
from reconciler.sql.tree import Statement
from reconciler.sql.verify import Check, lock, placed_since, present, stale
from reconciler.sql.write import Writer

_Variant = TypeVar("_Variant")


class Script:
    """A plan as statements, kind by kind in the order of writing.

    first    what gets another name, or comes back, does so before anything else is looked at
    then     locks, checks, and writes: rows, then the references that had to wait for them
    last     what the ledger remembers, and what is retired: parts before what they belong to

    now    when it runs: what is scheduled runs next after that
    drawn  ids of new rows that must know their own, by kind; they are drawn after the checks
    since  targets that were written to after the plan was made, with the last revision that it saw
    """

    def __init__(self, plan: Plan, kinds: tuple[Kind, ...], now: datetime) -> None:
        self.plan = plan
        self.kinds = kinds
        self.drawn: Mapping[str, Sequence[str]] = {}
        self.since: Mapping[str, int] = {}
        self.sources = Sources(kinds, plan.shapes)
        self.ledger = Ledger(plan, self.sources)
        self._made: dict[Address, frozenset[str]] = {}
        for change in plan.changes:
            if isinstance(change, Create | Adopt):
                known = self._made.get(change.address, frozenset())
                self._made[change.address] = known | frozenset(change.targets)
        self.writer = Writer(
            self.sources,
            plan.template.agent_id,
            plan.template.organization.id,
            plan.actor.user_id or plan.actor.signs_as,
            lambda text: next((one.isoformat() for one in next_runs(text, now, 1)), None),
        )

    def creates(self) -> dict[str, int]:
        """How many rows are created, by kind, where their ids come from the database."""
        return {
            creates.kind.name: creates.rows
            for creates, _ in self._groups()
            if creates.changes and creates.kind.mint is None
        }

    def first(self) -> Iterator[tuple[list[Statement], list[Check], list[Statement]]]:
        """Locks, checks and writes of the rows that get another name, parents before what goes by
        their names, and then of those that come back.
        """
        ours = (self.plan.template.agent_id, self.plan.template.organization.id)
        for kind in self.kinds:
            moves = Contents(kind, self._own(kind, Move), self.sources)
            if moves.changes:
                there = Check(not_there(moves, *ours), moves.changes, "is gone, or not ours")
                free = Check(present(moves), moves.changes, "exists by now")
                writes = [rename(self.writer, moves), rename_placements(moves)]
                yield [lock(at_source(moves))], [there, free], writes
        restores = [one for kind in self.kinds if (one := self._restores(kind)).changes]
        if restores:
            request = self.plan.request
            asked_for = {one.address for one in request.resolutions if one.action == "restore"}
            wanted = None if request.mode == "undo" else asked_for
            gone = "is no longer retired, or is gone, or was not retired by a plan"
            checks = [
                Check(statement, one.changes, wrong)
                for one in restores
                for statement, wrong in (
                    (not_retired(one, *ours, wanted), gone),
                    (present(one), "exists by now"),
                )
            ]
            writes = [revive(self.writer, one) for one in restores]
            yield [lock_retired(one) for one in restores], checks, writes

    def last(self) -> list[Statement]:
        """Retire rows, those that belong to others first."""
        found = []
        for kind in reversed(self.kinds):
            retires = Contents(kind, self._own(kind, Retire), self.sources)
            if retires.changes:
                found.append(retire(self.writer, retires))
        return found

    def locks(self) -> list[Statement]:
        """Lock the rows that will be updated, and those that the plan's rows belong to."""
        found = []
        groups = list(self._groups())
        above = self._above(groups)
        for _, updates in groups:
            kind = updates.kind
            both = Contents(kind, (*updates.changes, *above.get(kind.name, ())), self.sources)
            if both.changes:
                found.append(lock(both))
            if updates.changes:
                found += lock_flagged(self.writer, updates)
        for kind in self.kinds:
            found += repoint.giving_way(kind, self._own(kind, Retire), self.sources)
        for one in self._following():
            found += repoint.locks(one)
        return found

    def _above(self, groups: Iterable[tuple[Contents, Contents]]) -> dict[str, tuple[Update, ...]]:
        """What rows belong to and the plan does not touch, by kind: as updates of nothing."""
        touched = {
            (change.address, target) for change in self.plan.changes for target in change.targets
        }
        kinds = {kind.name: kind for kind in self.kinds}
        wanted: dict[Address, set[str]] = defaultdict(set)
        for creates, updates in groups:
            if creates.kind.parent is None or not kinds[creates.kind.parent.kind].mirrored:
                continue
            for change in filter(self._stays, (*creates.changes, *updates.changes)):
                parent = parent_of(creates.kind, change.address)
                assert parent is not None
                wanted[parent].update(one for one in change.targets if (parent, one) not in touched)
        found: dict[str, tuple[Update, ...]] = defaultdict(tuple)
        for address in sorted(wanted):
            if targets := tuple(sorted(wanted[address])):
                one = Update(address=address, targets=targets, before={})
                found[address.kind] += (one,)
        return found

    def checks(self) -> list[Check]:
        """What must still hold, once the locks are held."""
        found = []
        ours = (self.plan.template.agent_id, self.plan.template.organization.id)
        for creates, updates in self._groups():
            if creates.changes:
                found.append(Check(present(creates), creates.changes, "exists by now"))
            if (again := _within(creates, lambda _: self.since)).changes:
                found.append(
                    Check(
                        placed_since(again, self.since, ours[1]),
                        again.changes,
                        "was placed by revision {} after the plan was made",
                    )
                )
            if updates.changes:
                differs = "changed after the plan was made ({})"
                found.append(Check(stale(updates, *ours), updates.changes, differs))
            if (touched := _within(updates, lambda _: self.since)).changes:
                wrong = "was changed by revision {} after the plan was made"
                since = placed_since(touched, self.since, ours[1])
                found.append(Check(since, touched.changes, wrong, again=True))
            found.extend(self._hanging(creates, updates, ours))
        for one in self._following():
            found += repoint.checks(one, ours[1])
        return found

    def _hanging(
        self, creates: Contents, updates: Contents, ours: tuple[str, str]
    ) -> Iterator[Check]:
        """Parents and references that the plan counts on, and does not make itself."""
        kind = creates.kind
        both = Contents(kind, (*creates.changes, *updates.changes), self.sources)
        if kind.parent is not None:
            above = kind.parent.kind
            staying = Contents(kind, tuple(filter(self._stays, both.changes)), self.sources)
            children = self._without(staying, lambda one: parent_of(kind, one.address))
            if children.changes:
                wrong = f"belongs to a {above} that is gone, or is not the template's"
                yield Check(parents(children, *ours), children.changes, wrong)
        for reference in kind.references:
            concerned = self._without(both, lambda one, n=reference.name: referred(one, n))  # type: ignore[misc]
            if concerned.changes:
                wrong = f"refers ({reference.name}) to a row that is gone"
                yield Check(references(concerned, reference), concerned.changes, wrong)

    def _stays(self, change: AnyChange) -> bool:
        """Whether it matters whose the row is that it belongs to: not where ours takes leave of
        it, and what is undone was there before.
        """
        if self.plan.request.mode == "undo":
            return isinstance(change, Create)
        return not isinstance(change, Release | Retire)

    def _without(
        self, changes: Contents, address: Callable[[AnyChange], Address | None]
    ) -> Contents:
        """The changes that hang on a row, in the targets where the plan does not make that row."""

        def left(change: AnyChange) -> frozenset[str]:
            wanted = address(change)
            made = self._made.get(wanted, frozenset()) if wanted else frozenset(change.targets)
            return frozenset(change.targets) - made

        return _within(changes, left)

    def writes(self) -> list[Statement]:
        """All rows first, then the references that had to wait for them."""
        rows: list[Statement] = []
        waiting: list[Statement] = []
        for creates, updates in self._groups():
            if creates.changes:
                rows.append(self.writer.insert(creates))
            writing = _writing(updates)
            if writing.changes and (update := self.writer.update(writing)) is not None:
                rows.append(update)
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            waiting.extend(links(self.writer, both))
        return [*rows, *waiting, *map(repoint.repoint, self._following())]

    def _following(self) -> list[repoint.Following]:
        """The rows that follow, once those that they are to point at are there."""
        undone = self.plan.request.mode == "undo"
        return [
            one
            for kind in self.kinds
            for one in repoint.following(
                kind, self._by_kind.get(kind.name, ()), self.sources, undone=undone
            )
        ]

    def audits(self) -> list[Statement]:
        """What the platform's own audit tables are told."""
        found = []
        for creates, updates in self._groups():
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            if both.changes and both.kind.audit:
                found.append(audit(self.writer, both.kind.audit, both))
        return found

    def _groups(self) -> Iterator[tuple[Contents, Contents]]:
        """By kind: the rows that are new, and those that are there (or there again)."""
        for kind in self.kinds:
            creates = self._own(kind, Create)
            updates: tuple[AnyChange, ...] = self._own(
                kind, Update, Adopt, Restore, Release, Retire, Move
            )
            yield (
                Contents(kind, creates, self.sources, tuple(self.drawn.get(kind.name, ()))),
                Contents(kind, updates, self.sources),
            )

    def _restores(self, kind: Kind) -> Contents:
        restores = self._own(kind, Restore)
        ids = tuple(one for change in restores for one in change.ids)
        return Contents(kind, restores, self.sources, ids)

    def _own(self, kind: Kind, *variants: type[_Variant]) -> tuple[_Variant, ...]:
        return tuple(
            change for change in self._by_kind.get(kind.name, ()) if isinstance(change, variants)
        )

    @cached_property
    def _by_kind(self) -> dict[str, list[AnyChange]]:
        found: dict[str, list[AnyChange]] = defaultdict(list)
        for change in self.plan.changes:
            found[change.address.kind].append(change)
        return found


def _writing(updates: Contents) -> Contents:
    """Those of the rows in which something is written, beyond their being retired or not."""
    writing = tuple(
        change
        for change in updates.changes
        if isinstance(change, Adopt | Release) or (not isinstance(change, Create) and change.fields)
    )
    return Contents(updates.kind, writing, updates.sources)


def _within(changes: Contents, targets: Callable[[AnyChange], Collection[str]]) -> Contents:
    """The changes in some of their targets, to be asked about."""
    found = []
    for change in changes.changes:
        wanted = targets(change)
        if left := tuple(target for target in change.targets if target in wanted):
            found.append(change.model_copy(update={"targets": left, "ids": ()}))
    return Contents(changes.kind, tuple(found), changes.sources)
