"""The plan: what a person reviews, and the only thing that an apply executes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, model_validator

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.canonical import digest
from reconciler.model.change import Change, Create, for_targets
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.request import Request
from reconciler.model.snapshot import Actor, DatabaseIdentity, Target, Template
from reconciler.model.value import Value
from reconciler.model.written import shortened, spelled_out

FORMAT_VERSION: Final = "1.3"


class Drift(Noun):
    """A column that is otherwise than it was last applied.

    then  what the plan does about it: overwritten, kept (a shared column), or nothing, because
          the column is the tenant's
    """

    address: Address
    targets: tuple[str, ...]
    column: str
    base: Value
    ours: Value
    theirs: Value
    then: Literal["overwritten", "kept", "tenant"]


class LeftBehind(Noun):
    """A target that the plan leaves as it is, whole, because of conflicts that nobody resolved."""

    target: Target
    conflicts: tuple[Conflict, ...]


class Plan(Noun):
    """Everything that an apply would do, and everything that it saw.

    created_at and tool_version are the only parts that differ when the same request is planned
    again in the same state.

    targets    those that take part; nothing else is locked, written or recorded
    left_behind  those that were asked for and do not take part, each with why
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
    drift: tuple[Drift, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, given: Any) -> Any:
        return spelled_out(given)

    def written(self) -> dict[str, Any]:
        """Its fields as a file has them (`reconciler.model.written`)."""
        fields = dict.fromkeys(type(self).model_fields)
        return shortened({**fields, **self.model_dump(exclude={"targets"})}, self.targets)

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
        gone, behind = self.template.gone, self.left_behind
        return digest(
            {
                "format": self.format_version.partition(".")[0],
                "database": self.database.model_dump(),
                "actor": self.actor.model_dump(),
                "template": self.template.model_dump(exclude=None if gone else {"gone"}),
                "fingerprint": self.fingerprint,
                "targets": [_where(target) for target in self.targets],
                "kinds": self.kinds,
                "left_out": self.left_out,
                "shapes": self.shapes,
                **self.request.meaning(),
                "changes": [_effect(change) for change in self.changes],
                "conflicts": [conflict.model_dump() for conflict in self.conflicts],
                "notes": [note.model_dump() for note in self.notes],
                **({"drift": [one.model_dump() for one in self.drift]} if self.drift else {}),
                **({"left_behind": [_left(one) for one in behind]} if behind else {}),
            }
        )

    @property
    def organizations(self) -> tuple[str, ...]:
        """The ids of its targets, in their order."""
        return tuple(one.organization.id for one in self.targets)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes

    @property
    def blocking(self) -> tuple[Conflict, ...]:
        """The conflicts for which it goes no further: its own, or, where they left no target to go
        on with, those of all that were left behind.
        """
        if self.targets or self.conflicts:
            return self.conflicts
        return tuple(conflict for one in self.left_behind for conflict in one.conflicts)

    def within(self, targets: Iterable[str]) -> Plan:
        """What it does in some of its targets, by their ids; everything else that it says stays."""
        return self.model_copy(update={"changes": self._changes_in(frozenset(targets))})

    def _changes_in(self, wanted: frozenset[str]) -> tuple[Change, ...]:
        return tuple(
            for_targets(change, there)
            for change in self.changes
            if (there := wanted.intersection(change.targets))
        )

    @property
    def rows(self) -> int:
        """How many rows it changes: a change counts once for each of its targets."""
        return sum(len(change.targets) for change in self.changes)

    @property
    def changed(self) -> tuple[str, ...]:
        """The ids of the targets in which it changes something, in their order."""
        return tuple(sorted({one for change in self.changes for one in change.targets}))

    def for_targets(self, organizations: Iterable[str]) -> Plan:
        """The part of it that is about some of its targets, by id: a plan with an id of its own.

        All that it does and says there stands in it, and nothing else; what was asked for stays
        as it was typed, less the other targets' names.
        """
        wanted = frozenset(organizations)
        targets = tuple(one for one in self.targets if one.organization.id in wanted)
        if len(targets) == len(self.targets):
            return self
        names = {name for one in targets for name in (one.organization.id, one.organization.slug)}
        typed = tuple(name for name in self.request.targets if name in names)
        return self.model_copy(
            update={
                "request": self.request.model_copy(update={"targets": typed}),
                "targets": targets,
                # How many rows are unchanged is only known of all targets together.
                "unchanged": 0,
                "changes": self._changes_in(wanted),
                "conflicts": tuple(one for one in self.conflicts if one.target in wanted),
                "left_behind": (),
                "notes": _told(self.notes, wanted),
                "drift": _told(self.drift, wanted),
            }
        ).identified()

    @property
    def following(self) -> int:
        """How many rows of the tenants' own data are pointed elsewhere."""
        return sum(one.number for change in self.changes for one in change.repointed)

    def counts(self) -> Counts:
        """Rows by action: a change counts once for each of its targets."""
        rows: Counter[str] = Counter()
        for change in self.changes:
            rows[change.action] += len(change.targets)
        return Counts(
            create=rows["create"],
            update=rows["update"],
            adopt=rows["adopt"],
            restore=rows["restore"],
            release=rows["release"],
            retire=rows["retire"],
            move=rows["move"],
            conflicts=len(self.conflicts),
        )


# Of a change, what need not be there; `kept` always was.
_SILENT: Final = frozenset({"pinned", "was", "becomes", "bases"})


class Counts(Noun):
    """How many rows a plan changes, by action, and how many are in the way."""

    create: int = 0
    update: int = 0
    adopt: int = 0
    restore: int = 0
    release: int = 0
    retire: int = 0
    move: int = 0
    conflicts: int = 0


def _where(target: Target) -> object:
    return target.model_dump(exclude={"revised_at"})


def _left(one: LeftBehind) -> object:
    return one.model_dump(exclude={"target": {"revised_at"}})


_Told = TypeVar("_Told", Note, Drift)


def _told(said: tuple[_Told, ...], wanted: frozenset[str]) -> tuple[_Told, ...]:
    """What is said of some of the targets."""
    return tuple(
        one.model_copy(update={"targets": tuple(sorted(there))})
        for one in said
        if (there := wanted.intersection(one.targets))
    )


def _effect(change: Change) -> object:
    if isinstance(change, Create):
        told = change.model_dump(exclude={"predecessor": {"fields": {"__all__": {"operations"}}}})
        return {name: value for name, value in told.items() if value or name != "was"}
    told = change.model_dump(exclude={"fields": {"__all__": {"operations"}}})
    # What says nothing, says nothing: so a plan keeps the id that an earlier release gave it.
    return {name: value for name, value in told.items() if value or name not in _SILENT}
