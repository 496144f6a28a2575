"""Whose a row is, what became of it, and what a plan would do with it now."""

from __future__ import annotations

from typing import Literal

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.revision import Revision
from reconciler.model.snapshot import Author, Organization, RowOwner, Situation, Standing, Template
from reconciler.model.value import ColumnOwner, Value

Side = Literal["base", "target", "template"]


class Reason(Noun):
    """A rule of reconcile, by a name that is stable, and in words for people."""

    rule: str
    says: str


class StandingRow(Noun):
    """The row as it stands in the target.

    situation  live, dead (retired), detached (what it belongs to is retired), ambiguous (it
               stands several times), absent
    id         the row's
    owner      the template agent that the row is tagged with; None for the tenant's own people
    through    the row that it belongs to, where that one has the tag
    author     who wrote it, as far as the table says
    """

    situation: Situation
    id: str | None = None
    owner: RowOwner | None = None
    through: Address | None = None
    author: Author | None = None


class Placed(Noun):
    """What the ledger knows of the address.

    state   placed, retired (by a plan) or released (to the tenant)
    since   the first revision that touched it; None where too many would have had to be read
    last    the last revision that placed it
    """

    state: Standing
    template_agent_id: str
    since: int | None = None
    last: int


class Touch(Noun):
    """A revision that changed the row; `address` is how it was called then."""

    revision: Revision
    action: str
    address: Address
    columns: tuple[str, ...] = ()


class ColumnStory(Noun):
    """A column whose values are not the same as last applied, in the target and in the template.

    known      the sides that are known; the others are null
    sensitive  the values never leave the database
    """

    column: str
    owner: ColumnOwner
    known: tuple[Side, ...]
    base: Value = None
    target: Value = None
    template: Value = None
    sensitive: bool = False
    because: Reason


class Planned(Noun):
    """A change, a conflict or a note that a plan has for the row, and what it says of it."""

    sort: Literal["change", "conflict", "note"]
    what: str
    columns: tuple[str, ...] = ()
    says: str


class WayOut(Noun):
    """What would change the row: a command, or something to do by hand."""

    title: str
    command: str = ""
    effect: str


class Why(Noun):
    """What `reconcile why -json` prints.

    template   the one that was planned with; None where none has to do with the row
    placed     None where the ledger does not know the address
    revisions  the newest first; `more` says whether older ones were not looked at
    unplanned  why there is no plan for the row
    """

    address: Address
    organization: Organization
    template: Template | None = None
    row: StandingRow
    placed: Placed | None = None
    rule: Reason
    revisions: tuple[Touch, ...] = ()
    more: bool = False
    columns: tuple[ColumnStory, ...] = ()
    planned: tuple[Planned, ...] = ()
    unplanned: str = ""
    ways: tuple[WayOut, ...] = ()
