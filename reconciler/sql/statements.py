"""The list of statements that a plan is: what a preview shows is what an apply executes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Create, Update
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.schedule import next_runs
from reconciler.sql.contents import AnyChange, Contents, referred
from reconciler.sql.hang import parents, references
from reconciler.sql.link import links, lock_flagged
from reconciler.sql.remember import place, remembered
from reconciler.sql.source import Sources
from reconciler.sql.tree import Statement
from reconciler.sql.verify import lock, present, stale
from reconciler.sql.write import Writer


@dataclass(frozen=True)
class Check:
    """A statement that must find nothing, and the changes that its numbers speak of.

    `wrong` says what is the matter with what it finds; {} is where the statement itself tells
    which columns differ, or tells nothing because the row is gone.
    """

    statement: Statement
    changes: tuple[AnyChange, ...]
    wrong: str

    def says(self, told: Sequence[str | None]) -> str:
        """What is wrong with one of the rows found."""
        if not told:
            return self.wrong
        return self.wrong.format(told[0]) if told[0] else "is gone: it was deleted or retired"


class Script:
    """A plan as statements, kind by kind in the order of writing.

    now    when it runs: what is scheduled runs next after that
    drawn  ids of new rows that must know their own, by kind; they are drawn after the checks
    """

    def __init__(self, plan: Plan, kinds: tuple[Kind, ...], now: datetime) -> None:
        self.plan = plan
        self.kinds = kinds
        self.drawn: Mapping[str, Sequence[str]] = {}
        self.sources = Sources(kinds, plan.shapes)
        self._made: dict[Address, frozenset[str]] = {}
        for change in plan.changes:
            if not isinstance(change, Update):
                known = self._made.get(change.address, frozenset())
                self._made[change.address] = known | frozenset(change.targets)
        self.writer = Writer(
            self.sources,
            plan.template.agent_id,
            plan.template.organization.id,
            plan.actor.user_id or plan.actor.signs_as,
            lambda text: _next_run(text, now),
        )

    def creates(self) -> dict[str, int]:
        """How many rows are created, by kind, where their ids come from the database."""
        return {
            creates.kind.name: creates.rows
            for creates, _ in self._groups()
            if creates.changes and creates.kind.mint is None
        }

    def locks(self) -> list[Statement]:
        """Lock the rows that will be updated."""
        found = []
        for _, updates in self._groups():
            if updates.changes:
                found += [lock(updates), *lock_flagged(self.writer, updates)]
        return found

    def checks(self) -> list[Check]:
        """What must still hold, once the locks are held."""
        found = []
        template = self.plan.template
        ours = (template.agent_id, template.organization.id)
        for creates, updates in self._groups():
            if creates.changes:
                found.append(Check(present(creates), creates.changes, "exists by now"))
            if updates.changes:
                differs = "changed after the plan was made ({})"
                found.append(Check(stale(updates, *ours), updates.changes, differs))
            found.extend(self._hanging(creates, updates, ours))
        return found

    def _hanging(
        self, creates: Contents, updates: Contents, ours: tuple[str, str]
    ) -> Iterator[Check]:
        """Parents and references that the plan counts on, and does not make itself."""
        kind = creates.kind
        both = Contents(kind, (*creates.changes, *updates.changes), self.sources)
        if kind.parent is not None:
            above = kind.parent.kind
            children = self._without(both, lambda one: parent_of(kind, one.address))
            if children.changes:
                wrong = f"belongs to a {above} that is gone, or is not the template's"
                yield Check(parents(children, *ours), children.changes, wrong)
        for reference in kind.references:
            concerned = self._without(both, lambda one, n=reference.name: referred(one, n))  # type: ignore[misc]
            if concerned.changes:
                wrong = f"refers ({reference.name}) to a row that is gone"
                yield Check(references(concerned, reference), concerned.changes, wrong)

    def _without(
        self, changes: Contents, address: Callable[[AnyChange], Address | None]
    ) -> Contents:
        """The changes that hang on a row, in the targets where the plan does not make that row."""
        left = []
        for change in changes.changes:
            wanted = address(change)
            made = self._made.get(wanted, frozenset()) if wanted else frozenset(change.targets)
            targets = tuple(target for target in change.targets if target not in made)
            if targets:
                left.append(change.model_copy(update={"targets": targets, "ids": ()}))
        return Contents(changes.kind, tuple(left), self.sources)

    def writes(self) -> list[Statement]:
        """All rows first, then the references that had to wait for them."""
        rows: list[Statement] = []
        waiting: list[Statement] = []
        for creates, updates in self._groups():
            if creates.changes:
                rows.append(self.writer.insert(creates))
            if updates.changes and (update := self.writer.update(updates)) is not None:
                rows.append(update)
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            waiting.extend(links(self.writer, both))
        return [*rows, *waiting]

    def places(self, revision: int) -> list[Statement]:
        """What the ledger remembers of where rows went."""
        found = []
        for creates, updates in self._groups():
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            if both.changes:
                template = self.plan.template
                found.append(place(both, template.agent_id, template.organization.id, revision))
        return found

    def contents(self) -> dict[str, dict[str, object]]:
        """The base values of all changes, by digest."""
        kinds = {kind.name: kind for kind in self.kinds}
        return dict(remembered(kinds[change.address.kind], change) for change in self.plan.changes)

    def _groups(self) -> Iterator[tuple[Contents, Contents]]:
        for kind in self.kinds:
            own = [change for change in self.plan.changes if change.address.kind == kind.name]
            creates = tuple(change for change in own if isinstance(change, Create))
            updates = tuple(change for change in own if not isinstance(change, Create))
            yield (
                Contents(kind, creates, self.sources, tuple(self.drawn.get(kind.name, ()))),
                Contents(kind, updates, self.sources),
            )


def _next_run(schedule: str, now: datetime) -> str | None:
    runs = next_runs(schedule, now, 1)
    return runs[0].isoformat() if runs else None
