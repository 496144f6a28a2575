"""The list of statements that a plan is: what a preview shows is what an apply executes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model.change import Create
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.sql.contents import AnyChange, Contents
from reconciler.sql.remember import place, remembered
from reconciler.sql.source import Sources
from reconciler.sql.tree import Statement
from reconciler.sql.verify import lock, present, stale
from reconciler.sql.write import Writer


@dataclass(frozen=True)
class Check:
    """A statement that must find nothing, and the changes that its numbers speak of."""

    statement: Statement
    changes: tuple[AnyChange, ...]


class Script:
    """A plan as statements, kind by kind in the order of writing."""

    def __init__(self, plan: Plan, kinds: tuple[Kind, ...]) -> None:
        self.plan = plan
        self.kinds = kinds
        self.sources = Sources(kinds, plan.shapes)
        self.writer = Writer(
            self.sources,
            plan.template.agent_id,
            plan.template.organization.id,
            plan.actor.user_id,
        )

    def locks(self) -> list[Statement]:
        """Lock the rows that will be updated."""
        return [lock(updates) for _, updates in self._groups() if updates.changes]

    def checks(self) -> list[Check]:
        """What must still hold, once the locks are held."""
        found = []
        for creates, updates in self._groups():
            if creates.changes:
                found.append(Check(present(creates), creates.changes))
            if updates.changes:
                template = self.plan.template
                found.append(
                    Check(
                        stale(updates, template.agent_id, template.organization.id),
                        updates.changes,
                    )
                )
        return found

    def writes(self) -> list[Statement]:
        """All rows first, then the references that had to wait for them."""
        rows: list[Statement] = []
        links: list[Statement] = []
        for creates, updates in self._groups():
            if creates.changes:
                rows.append(self.writer.insert(creates))
            if updates.changes:
                rows.append(self.writer.update(updates))
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            links.extend(self.writer.links(both))
        return [*rows, *links]

    def places(self, revision: int) -> list[Statement]:
        """What the ledger remembers of where rows went."""
        found = []
        for creates, updates in self._groups():
            both = Contents(creates.kind, (*creates.changes, *updates.changes), self.sources)
            if both.changes:
                found.append(place(both, self.plan.template.agent_id, revision))
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
                Contents(kind, creates, self.sources),
                Contents(kind, updates, self.sources),
            )
