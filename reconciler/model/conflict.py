"""Why a row is in the way: one class a reason. A conflict is a fact about the user's data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.change import FieldChange
from reconciler.model.membership import Wrong
from reconciler.model.snapshot import Author, RowOwner
from reconciler.model.value import Value


class UserAuthored(Noun):
    """The tenant's own people wrote a row with this key.

    A row that belongs to another one has no owner to change, so it is not `adoptable`.
    """

    reason: Literal["user_authored"] = "user_authored"
    adoptable: bool = True
    address: Address
    target: str
    author: Author | None = None


class ForeignOwner(Noun):
    """Another template placed the row with this key."""

    reason: Literal["foreign_owner"] = "foreign_owner"
    address: Address
    target: str
    owner: RowOwner


class DeadRowBlocks(Noun):
    """A retired row that is not ours still occupies the key in a unique index.

    `owner` is the other template that placed it, None for the tenant's own people.
    """

    reason: Literal["dead_row_blocks"] = "dead_row_blocks"
    address: Address
    target: str
    author: Author | None = None
    owner: RowOwner | None = None


class Ambiguous(Noun):
    """Several live rows have the same key, in the target or in the template."""

    reason: Literal["ambiguous"] = "ambiguous"
    address: Address
    target: str
    where: Literal["target", "template"]


class UniqueCollision(Noun):
    """The planned row would violate another unique index of its table."""

    reason: Literal["unique_collision"] = "unique_collision"
    address: Address
    target: str
    index: str
    columns: tuple[str, ...]
    other_id: str
    other_organization: str | None = None


class MissingReference(Noun):
    """The row points at a row that the target does not have."""

    reason: Literal["missing_reference"] = "missing_reference"
    address: Address
    target: str
    column: str
    refers_to: Address


class EditedBoth(Noun):
    """A shared column was changed in the template and in the target."""

    reason: Literal["edited_both"] = "edited_both"
    address: Address
    target: str
    column: str
    base: Value
    ours: Value
    theirs: Value


class RewrittenVersion(Noun):
    """The template changed a version under its number, where the target has the old content.

    A version is history that other rows point at, so it is not written over.
    """

    reason: Literal["rewritten_version"] = "rewritten_version"
    address: Address
    target: str
    fields: tuple[FieldChange, ...]


class Incomplete(Noun):
    """The template's row cannot be placed as it is, because of this column.

    empty         it is null, and the row is nothing without it
    not_its_own   it points at a version of another row
    bad_schedule  it is not a cron schedule
    """

    reason: Literal["incomplete"] = "incomplete"
    address: Address
    target: str
    column: str
    wrong: Literal["empty", "not_its_own", "bad_schedule"]
    value: Value = None


class InUse(Noun):
    """A row of ours that is to be retired, and that rows of the tenant's use.

    uses  how many rows of each table do
    """

    reason: Literal["in_use"] = "in_use"
    address: Address
    target: str
    uses: dict[str, int]


class TouchedSince(Noun):
    """What is to be undone is no longer as it was left.

    changed  these fields are otherwise than the revision left them
    owner    the row belongs to somebody else by now
    gone     the row was retired or deleted
    there    another row has its key by now
    """

    reason: Literal["touched_since"] = "touched_since"
    address: Address
    target: str
    how: Literal["changed", "owner", "gone", "there"]
    fields: tuple[FieldChange, ...] = ()
    revision: int | None = None


class Irreversible(Noun):
    """What this column held before cannot be brought back: a plan does not know it, because it is a
    secret, or a row that no template has.
    """

    reason: Literal["irreversible"] = "irreversible"
    address: Address
    target: str
    column: str


class UntrustedMember(Noun):
    """An identity says that an entity is the actor's, and that is not taken for granted.

    address  the identity's; `source` wrote it, and it points at `entity`, by its slug
    why      source      no connector whose word is taken wrote it
             taken       the entity is another user's already
             elsewhere, deleted, other_type, nested   what is wrong with the entity
    """

    reason: Literal["untrusted_member"] = "untrusted_member"
    address: Address
    target: str
    entity: str
    source: str | None = None
    why: Literal["source", "taken"] | Wrong


Conflict = Annotated[
    UserAuthored
    | ForeignOwner
    | DeadRowBlocks
    | Ambiguous
    | UniqueCollision
    | MissingReference
    | EditedBoth
    | RewrittenVersion
    | Incomplete
    | InUse
    | TouchedSince
    | Irreversible
    | UntrustedMember,
    Field(discriminator="reason"),
]
