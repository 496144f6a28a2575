"""What a plan leaves alone, and why: nothing is passed over in silence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.value import Value

# What a person can resolve about a row.
Action = Literal["skip", "adopt", "take", "restore", "release"]


class DeletedByTenant(Noun):
    """A row was placed here before, and the tenant retired or deleted it."""

    about: Literal["deleted_by_tenant"] = "deleted_by_tenant"
    address: Address
    targets: tuple[str, ...]


class Skipped(Noun):
    """A conflict that a person resolved by leaving the row as it is."""

    about: Literal["skipped"] = "skipped"
    address: Address
    targets: tuple[str, ...]
    reason: str


class Orphaned(Noun):
    """A row of ours that the template no longer has."""

    about: Literal["orphaned"] = "orphaned"
    address: Address
    targets: tuple[str, ...]


class Unlinked(Noun):
    """A reference is left null, because the target has no such row; or at itself, where it must
    point at something.
    """

    about: Literal["unlinked"] = "unlinked"
    address: Address
    targets: tuple[str, ...]
    column: str
    itself: bool = False
    refers_to: Address


class KeptEdit(Noun):
    """A shared column that the tenant edited, and the template did not, keeps its value."""

    about: Literal["kept_edit"] = "kept_edit"
    address: Address
    targets: tuple[str, ...]
    column: str


class WithParent(Noun):
    """A row of the template that is left out, because what it belongs to is not ours."""

    about: Literal["with_parent"] = "with_parent"
    address: Address
    targets: tuple[str, ...]


class NeedlessFlag(Noun):
    """A flag named this row, and there is no conflict that it could resolve."""

    about: Literal["needless_flag"] = "needless_flag"
    address: Address
    targets: tuple[str, ...]
    action: Action


class NoBase(Noun):
    """Nothing is known of what was applied before, so the row was compared two ways."""

    about: Literal["no_base"] = "no_base"
    address: Address
    targets: tuple[str, ...]


class Deferred(Noun):
    """The row belongs to one that is the tenant's to write, and is not there yet.

    `ambiguous` where the target has several such rows, so that it is not known which is meant.
    """

    about: Literal["deferred"] = "deferred"
    address: Address
    targets: tuple[str, ...]
    refers_to: Address
    why: Literal["absent", "ambiguous"]


class Held(Noun):
    """The current version stays the one that it is, since the template's is not placed here.

    `column` is the pointer, `refers_to` the version that the template points at, and `stays` what
    the row goes on pointing at: nothing, where the tenant deleted that version.
    """

    about: Literal["held"] = "held"
    address: Address
    targets: tuple[str, ...]
    column: str
    refers_to: Address
    stays: Value = None


class RewrittenPast(Noun):
    """The template changed an old version under its number: what was placed stays, as history."""

    about: Literal["rewritten_past"] = "rewritten_past"
    address: Address
    targets: tuple[str, ...]
    columns: tuple[str, ...]


class SuspectQuery(Noun):
    """SQL text inside a row that is written, and what is suspect about it.

    path    a JSON Pointer (RFC 6901) to the text inside the column
    detail  the organisation or the table that it names, or what the parser says
    """

    about: Literal["suspect_query"] = "suspect_query"
    address: Address
    targets: tuple[str, ...]
    column: str
    path: str
    problem: Literal["other_organization", "other_table", "unparsable"]
    detail: str


class Released(Noun):
    """The row was handed to the tenant: it stays the tenant's, whatever becomes of it."""

    about: Literal["released"] = "released"
    address: Address
    targets: tuple[str, ...]


class DanglingOwner(Noun):
    """The row is compared as ours, and the agent of our organisation that placed it is gone."""

    about: Literal["dangling_owner"] = "dangling_owner"
    address: Address
    targets: tuple[str, ...]
    owner: str


class LikelyRename(Noun):
    """A row of ours that the template no longer has, and a new one that is nearly the same."""

    about: Literal["likely_rename"] = "likely_rename"
    address: Address
    targets: tuple[str, ...]
    source: Address


class HistoryStays(Noun):
    """A version that was placed stays as it is, though what placed it is undone."""

    about: Literal["history_stays"] = "history_stays"
    address: Address
    targets: tuple[str, ...]


Local = Literal[
    "edited", "behind", "own", "parts", "in_use", "referred", "shared", "asked", "elsewhere",
    "twice", "deleted",
]  # fmt: skip


class Shadow(Noun):
    """A row stays the target's own where all others give way to the catalog's, which it shadows.

    because  edited     the tenant has customised it, in these columns
             behind     the template's has changed since, in these columns
             own        it is no row of the template's
             parts      what belongs to it is not what belongs to the template's
             in_use     rows use it that cannot be pointed at the catalog's
             referred   a row that stays refers to it
             shared     another installation of the template's organisation has it, too
             asked      a person resolved to leave it (--skip)
             elsewhere  another catalog that is nearer has such a row
             twice      it stands twice there
             deleted    there is none: the tenant deleted it, and sees the catalog's from now on
    """

    about: Literal["shadow"] = "shadow"
    address: Address
    targets: tuple[str, ...]
    because: Local
    columns: tuple[str, ...] = ()


class StillReferred(Noun):
    """Rows of the tenant's go on pointing at the catalog's, since it has no such row of its own."""

    about: Literal["still_referred"] = "still_referred"
    address: Address
    targets: tuple[str, ...]
    table: str


Note = Annotated[
    DeletedByTenant
    | Skipped
    | Orphaned
    | Unlinked
    | KeptEdit
    | WithParent
    | NeedlessFlag
    | NoBase
    | Deferred
    | Held
    | RewrittenPast
    | SuspectQuery
    | Released
    | DanglingOwner
    | LikelyRename
    | HistoryStays
    | Shadow
    | StillReferred,
    Field(discriminator="about"),
]
