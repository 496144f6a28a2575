"""What is known of one row, and of the plan for it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.kind import Kind
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Organization, Row, State, Template


@dataclass(frozen=True)
class Facts:
    """All that there is to reason with.

    state   the row, and what the ledger knows of it, as the template's planner sees it
    wanted  the template's row, where there is one that can be compared
    plan    the plan for this target, less what it says of other rows; None where there is none
    kinds   the directory of kinds of one's own, as it was named
    """

    kind: Kind
    address: Address
    target: Organization
    template: Template | None
    state: State
    wanted: Row | None = None
    plan: Plan | None = None
    kinds: str | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the plan would do with the row."""
        return self.plan.changes if self.plan else ()

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What is in the way at this row."""
        return self.plan.conflicts if self.plan else ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the plan notes of the row."""
        return self.plan.notes if self.plan else ()

    def noted(self, about: str, column: str | None = None) -> bool:
        """Whether the plan has such a note, of this column where one is given."""
        return any(
            note.about == about and column in (None, getattr(note, "column", None))
            for note in self.notes
        )


def only(plan: Plan, address: Address) -> Plan:
    """The plan, less what it says of other rows."""
    return plan.model_copy(
        update={
            "changes": tuple(
                one
                for one in plan.changes
                if address in (one.address, getattr(one, "source", one.address))
            ),
            "conflicts": tuple(one for one in plan.conflicts if one.address == address),
            "notes": tuple(one for one in plan.notes if one.address == address),
            "drift": (),
        }
    )
