"""The plan: what a person reviews, and the only thing that an apply executes."""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.canonical import digest
from reconciler.model.change import Adopt, Change, Create, Update
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.snapshot import Actor, DatabaseIdentity, Target, Template

FORMAT_VERSION: Final = "1.0"


class Resolution(Noun):
    """What a person decided about one row in the way.

    skip   leave it as it is
    adopt  take over a row of the tenant's own people
    take   take over another template's row
    """

    action: Literal["skip", "adopt", "take"]
    address: Address
    chosen_by: str


class Request(Noun):
    """What was asked for, as it was typed: enough to make the plan again.

    kinds  the directory of kinds of one's own, as it was named
    """

    template: str
    targets: tuple[str, ...]
    actor: str | None = None
    name: str | None = None
    kinds: str | None = None
    resolutions: tuple[Resolution, ...] = ()

    def command(self) -> list[str]:
        """The words of the command line that asks for this."""
        words = ["reconcile", "plan", self.template]
        for target in self.targets:
            words += ["--target", target]
        words += ["--as", self.actor] if self.actor else []
        words += ["--name", self.name] if self.name else []
        words += ["--kinds", self.kinds] if self.kinds else []
        for resolution in self.resolutions:
            words += [f"--{resolution.action}", str(resolution.address)]
        return words


class Plan(Noun):
    """Everything that an apply would do, and everything that it saw.

    created_at and tool_version are the only parts that differ when the same request is planned
    again in the same state.

    unchanged  how many rows are as the template has them
    kinds      the digests of the declarations in use
    parents    to which kind's rows a kind's rows belong
    shapes     the SQL types of the columns, by kind, as the database had them
    """

    format_version: str = FORMAT_VERSION
    plan_id: str = ""
    created_at: str
    tool_version: str
    database: DatabaseIdentity
    actor: Actor
    template: Template
    fingerprint: str
    template_rows: int
    request: Request
    targets: tuple[Target, ...]
    unchanged: int = 0
    kinds: dict[str, str]
    left_out: dict[str, str] = Field(default_factory=dict)
    schedules: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    parents: dict[str, str] = Field(default_factory=dict)
    shapes: dict[str, dict[str, str]]
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Note, ...] = ()

    def identified(self) -> Plan:
        """This plan with the plan_id that its meaning has."""
        return self.model_copy(update={"plan_id": self.meaning()})

    def meaning(self) -> str:
        """The SHA-256 of who, where, what and with which resolutions; not of times or wording.

        What a reviewer goes by is part of it (names, notes, which edits are overwritten), so that
        nobody can be shown another plan than the one that is applied. The operations inside JSON
        are not: whoever shows them proves them first.

        The targets' last revisions are part of where: planning the same rows again, after
        something else was applied, is another plan and not "already applied".
        """
        return digest(
            {
                "format": self.format_version.partition(".")[0],
                "database": self.database.model_dump(),
                "actor": self.actor.model_dump(),
                "template": self.template.model_dump(),
                "fingerprint": self.fingerprint,
                "targets": [target.model_dump(exclude={"revised_at"}) for target in self.targets],
                "kinds": self.kinds,
                "left_out": self.left_out,
                "shapes": self.shapes,
                "name": self.request.name,
                "resolutions": [resolution.model_dump() for resolution in self.request.resolutions],
                "changes": [_effect(change) for change in self.changes],
                "conflicts": [conflict.model_dump() for conflict in self.conflicts],
                "notes": [note.model_dump() for note in self.notes],
            }
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes

    def counts(self) -> Counts:
        """Rows by action: a change counts once for each of its targets."""
        rows: Counter[str] = Counter()
        for change in self.changes:
            rows[change.action] += len(change.targets)
        return Counts(
            create=rows["create"],
            update=rows["update"],
            adopt=rows["adopt"],
            conflicts=len(self.conflicts),
        )


class Counts(Noun):
    """How many rows a plan creates, updates and adopts, and how many are in the way."""

    create: int = 0
    update: int = 0
    adopt: int = 0
    retire: int = 0
    conflicts: int = 0


def _effect(change: Create | Update | Adopt) -> object:
    if isinstance(change, Create):
        return change.model_dump(exclude={"predecessor": {"fields": {"__all__": {"operations"}}}})
    return change.model_dump(exclude={"fields": {"__all__": {"operations"}}})
