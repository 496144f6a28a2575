"""What a plan does to a row: one class a meaning, and the union of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.snapshot import RowOwner, Standing
from reconciler.model.value import Value, Values


class Operation(Noun):
    """One step of RFC 6902 (JSON Patch); `path` is a JSON Pointer (RFC 6901)."""

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = None


class FieldChange(Noun):
    """One column: what it is and what it will be.

    `operations` lead from before to after inside JSON, for people to read. `drift` says that
    the target differs from what was last applied, so that a local edit is overwritten.
    """

    column: str
    before: Value
    after: Value
    operations: tuple[Operation, ...] = ()
    drift: bool = False


class Predecessor(Noun):
    """The version that a new one follows where it was placed, and what differs between them.

    For people to read: a version is created whole, whatever it follows.
    """

    address: Address
    fields: tuple[FieldChange, ...]


class Repointed(Noun):
    """Rows of the targets' own data that point at a row, and point elsewhere from now on.

    way      copy       at the target's own row, where they pointed at the catalog's
             reference  at the catalog's, where they pointed at the target's own
    catalog  the id of the catalog's row
    rows     the ids of those that follow, one list a target of the change
    """

    table: str
    column: str
    way: Literal["copy", "reference"]
    catalog: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def number(self) -> int:
        """How many rows there are."""
        return sum(map(len, self.rows))


class Create(Noun):
    """A row that the targets do not have yet. `ids` are minted, one a target, or empty.

    `repointed` are rows that point at it from now on. `was` is what the ledger said of the
    address, where a person resolved that what is gone for good comes back.
    """

    action: Literal["create"] = "create"
    address: Address
    targets: tuple[str, ...]
    values: Values
    ids: tuple[str, ...] = ()
    repointed: tuple[Repointed, ...] = ()
    was: Standing | None = None
    predecessor: Predecessor | None = None


class _Rewrite(Noun):
    """A row that is there, or has been.

    before   all of its compared columns, `fields` what changes in them
    kept     columns for which the ledger must remember another value than the row gets, as the
             base: shared columns in which the tenant's edit stays, and seeds of the tenant's own
    pinned   those of them that are the template's, and keep the tenant's values since the row was
             adopted as it was
    was      what the ledger said of the row
    becomes  what it is to say of it, where that does not follow from the action
    bases    what it remembered of the fields, where that is not what they were
    repointed  rows that pointed at it, or will: not its own columns, but theirs
    """

    action: str
    address: Address
    targets: tuple[str, ...]
    before: Values
    fields: tuple[FieldChange, ...] = ()
    kept: Values = Field(default_factory=dict)
    pinned: tuple[str, ...] = ()
    was: Standing | None = None
    becomes: Standing | None = None
    bases: Values = Field(default_factory=dict)
    repointed: tuple[Repointed, ...] = ()

    @property
    def after(self) -> Values:
        """What the compared columns hold once the fields are changed."""
        return {**self.before, **{field.column: field.after for field in self.fields}}


class Update(_Rewrite):
    """A managed row whose compared columns differ."""

    action: Literal["update"] = "update"


class Adopt(_Rewrite):
    """A row of somebody else's that a person resolved to take over, by name.

    `owner` is who owned it before: None for the tenant's own people.
    """

    action: Literal["adopt"] = "adopt"
    owner: RowOwner | None


class Restore(_Rewrite):
    """A retired row that comes back: the very same row, which `ids` name, one a target.

    It was retired by a plan, or a person resolved that it comes back.
    """

    action: Literal["restore"] = "restore"
    ids: tuple[str, ...]


class Release(_Rewrite):
    """A managed row that is given away: to the tenant's own people, or `to` another template.

    because  asked       a person resolved that
             in_use      the template is uninstalled, and something of the tenant's uses the row
             edited      the template is uninstalled, and the tenant has edited the row
             lasting     rows of this kind cannot be retired
             handed_over the template is uninstalled, and another one of its organisation has it
             undone      taking it over is undone
    """

    action: Literal["release"] = "release"
    because: Literal["asked", "in_use", "edited", "lasting", "handed_over", "undone"]
    to: RowOwner | None = None


class Retire(_Rewrite):
    """A managed row that goes out of use, as its kind declares; an installation is unlinked.

    edited   columns in which the tenant's edit goes with it
    created  what it was created with, where that is what is undone
    ids      the rows, one a target, where they are known
    """

    action: Literal["retire"] = "retire"
    ids: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    created: Values | None = None


class Move(_Rewrite):
    """A managed row that gets another name, and stays the same row: `source` is what it had.

    Everything else in the plan goes by the new name, and so do `before` and `fields`.
    """

    action: Literal["move"] = "move"
    source: Address


Rewrite = Update | Adopt | Restore | Release | Retire | Move
Change = Annotated[
    Create | Update | Adopt | Restore | Release | Retire | Move, Field(discriminator="action")
]


def for_targets(change: Change, targets: Iterable[str]) -> Change:
    """The change for some of its targets, with the ids of the rows there."""
    there = tuple(sorted(targets))
    update: dict[str, object] = {"targets": there}
    if isinstance(change, Create | Restore | Retire) and change.ids:
        known = dict(zip(change.targets, change.ids, strict=True))
        update["ids"] = tuple(known[one] for one in there)
    if change.repointed:
        update["repointed"] = tuple(
            one.model_copy(update={"rows": tuple(rows[target] for target in there)})
            for one in change.repointed
            for rows in [dict(zip(change.targets, one.rows, strict=True))]
            if any(rows[target] for target in there)
        )
    return change.model_copy(update=update)
