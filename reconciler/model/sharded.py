"""What is planned, applied and found in several databases at once: a section each."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from reconciler.errors import Exit
from reconciler.model.base import Noun
from reconciler.model.canonical import digest
from reconciler.model.conflict import Conflict
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Counts, Plan
from reconciler.model.status import Status

FORMAT: Final = "reconcile-sharded-plan"
SHARDED_FORMAT_VERSION: Final = "1.0"

# What a database is called in the file that lists it: it is shown, and never has to be quoted.
ShardName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Section(Noun):
    """The plan for one database, which is a plan like any other."""

    database: ShardName
    plan: Plan


class ShardedPlan(Noun):
    """One request, planned in several databases; `sections` are in the order of their file.

    plan_id  the SHA-256 of the sections' names and plan_ids
    """

    format: Literal["reconcile-sharded-plan"] = FORMAT
    format_version: str = SHARDED_FORMAT_VERSION
    plan_id: str = ""
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]

    def identified(self) -> ShardedPlan:
        """This plan with the plan_id that its meaning has."""
        return self.model_copy(update={"plan_id": self.meaning()})

    def meaning(self) -> str:
        """What the plan_id is made of: which plan for which database."""
        major = self.format_version.partition(".")[0]
        sections = [[one.database, one.plan.plan_id] for one in self.sections]
        return digest({"format": f"{self.format} {major}", "sections": sections})

    @property
    def blocking(self) -> tuple[Conflict, ...]:
        """The conflicts for which no section goes any further."""
        return tuple(conflict for one in self.sections for conflict in one.plan.blocking)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply in any database."""
        return all(one.plan.empty for one in self.sections)

    def counts(self) -> Counts:
        """Rows by action, in all databases."""
        rows: Counter[str] = Counter()
        for one in self.sections:
            rows.update(one.plan.counts().model_dump())
        return Counts(**rows)


class SectionOutcome(Noun):
    """What became of one section.

    status   applied, already_applied, nothing_to_do, incomplete
                          as in its `outcome`
             refused      nothing of it was written in this run; `error` says why
             unknown      the connection was lost at COMMIT, and nobody could be asked
             not_reached  the run stopped before
    """

    database: ShardName
    plan_id: str
    status: Literal[
        "applied",
        "already_applied",
        "nothing_to_do",
        "incomplete",
        "refused",
        "unknown",
        "not_reached",
    ]
    outcome: Outcome | None = None
    error: str = ""


class ShardedOutcome(Noun):
    """The result of an apply in several databases, each of which is atomic by itself.

    status     applied          in all of them, in some by an earlier run perhaps
               already_applied  the same plan was, before
               nothing_to_do    the plan changes nothing anywhere
               incomplete       not in all: something was refused, or it stopped before
    exit_code  what the command ends with: where something was refused, why the last was
    """

    status: Literal["applied", "already_applied", "nothing_to_do", "incomplete"]
    plan_id: str
    exit_code: int
    sections: tuple[SectionOutcome, ...]

    @classmethod
    def of(
        cls, plan: ShardedPlan, sections: tuple[SectionOutcome, ...], exit_code: Exit | None = None
    ) -> ShardedOutcome:
        """What these sections come to; `exit_code` is the one of what stopped the run."""
        found = {one.status for one in sections}
        status: Literal["applied", "already_applied", "nothing_to_do", "incomplete"]
        if not found <= {"applied", "already_applied", "nothing_to_do"}:
            status = "incomplete"
        elif "applied" in found:
            status = "applied"
        else:
            status = "already_applied" if "already_applied" in found else "nothing_to_do"
        codes = [one.outcome.exit_code for one in sections if one.outcome]
        code = next((one for one in reversed(codes) if one != Exit.DONE), Exit.DONE)
        return cls(
            status=status,
            plan_id=plan.plan_id,
            exit_code=code if exit_code is None else exit_code,
            sections=sections,
        )


class ShardStatus(Noun):
    """How far the installations in one database are, or why that cannot be said (`error`)."""

    database: ShardName
    status: Status | None
    error: str = ""


def dump_status(found: tuple[ShardStatus, ...]) -> str:
    """What `reconcile status -json` prints for several databases: a list."""
    return TypeAdapter(tuple[ShardStatus, ...]).dump_json(found, indent=2).decode()


def worst(found: tuple[ShardStatus, ...]) -> Exit:
    """What `reconcile status` ends with for several databases: the most urgent code of them."""
    codes = {Exit(one.status.exit_code) if one.status else Exit.ERROR for one in found}
    order = (Exit.ERROR, Exit.CONFLICTS, Exit.CHANGES)
    return next((code for code in order if code in codes), Exit.DONE)
