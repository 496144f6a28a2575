"""Whether installations should have a template by reference: what that would save, and change."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.note import Local
from reconciler.model.snapshot import Organization

# So many percent of the rows must never have been customised for a reference to be recommended.
UNCUSTOMISED: Final = 90

Recommended = Literal["reference", "copy", "nothing"]

Because = Literal["uncustomised", "customised", "few", "refused", "no_copies", "failed"]


class Frequent(Noun):
    """An address at which a row often stays, in how many installations, and because of which
    columns how often.
    """

    address: Address
    installations: int
    columns: dict[str, int] = Field(default_factory=dict)


class Stays(Noun):
    """Rows that would not give way for one reason (those of a plan's `shadow` notes).

    rows           one an installation and address; where the reason is `deleted`, rows that are
                   not there and would be seen again
    installations  in how many they are
    used_by        of rows in use: tables whose rows use them and cannot follow, and how many of
                   these rows are used from there
    most           the addresses that are met most often
    """

    because: Local
    rows: int
    installations: int
    used_by: dict[str, int] = Field(default_factory=dict)
    most: tuple[Frequent, ...] = ()


class Sum(Noun):
    """What there is, and what converting would do to it.

    rows       live rows of the template's, in all installations that are compared
    gives_way  those of them that would be retired: nobody customised them
    behind     those that would, once they are brought up to date
    parts      live rows that belong to those that give way, and go with them
    customised rows that a tenant edited, added parts to, wrote itself, or deleted
    repointed  rows of the tenants' own data that would point at the catalog's rows instead
    bytes      what the rows that give way take with their parts: the columns that the kinds
               declare, as they are stored, with the row's header; no index, no room between rows
    """

    rows: int = 0
    gives_way: int = 0
    behind: int = 0
    parts: int = 0
    customised: int = 0
    repointed: int = 0
    bytes: int = 0

    @property
    def uncustomised(self) -> int:
        """How many percent of the rows were never customised, rounded down."""
        return 100 * (self.gives_way + self.behind) // self.rows if self.rows else 0


class KindAdvice(Sum):
    """The rows of one kind.

    indexes  of the table: how many entries each row has in them, at most
    follow   how many rows would be re-pointed, by their table
    stays    which rows would not give way, by reason
    """

    kind: str
    indexes: int = 0
    follow: dict[str, int] = Field(default_factory=dict)
    stays: tuple[Stays, ...] = ()


class Left(Noun):
    """Rows of the template's of a kind that is only had as copies (watchers, classifiers): they
    stay, and nothing brings them up to date any more.
    """

    kind: str
    rows: int
    installations: int


class InstallationAdvice(Sum):
    """One installation. `conflicts` are rows that a plan would have to resolve first."""

    organization: Organization
    agent_id: str
    conflicts: int = 0


class TemplateAdvice(Noun):
    """A template.

    copies, by_reference
                  its installations, by how they have it; only copies are compared
    why, hint     why none of them can be converted, where that is so, and what to do
    recommended   reference  most rows were never customised, and in most installations none was
                  copy       it cannot be had by reference (`refused`), half of the installations
                             have customised rows (`customised`), or too few rows would give
                             way (`few`)
                  nothing    there is no copy to convert (`no_copies`), or they could not be
                             compared (`failed`)
    uncustomised  how many percent of the rows were never customised, rounded down
    customised_in in how many installations some row is customised
    conflicts_in  in how many a plan would have conflicts to resolve first
    installations the installations that are compared, by slug; none where the fleet is asked for
    """

    agent_id: str
    name: str
    organization: Organization
    copies: int = 0
    by_reference: int = 0
    why: str = ""
    hint: str = ""
    recommended: Recommended = "nothing"
    because: Because = "no_copies"
    uncustomised: int = 0
    customised_in: int = 0
    conflicts_in: int = 0
    total: Sum = Sum()
    kinds: tuple[KindAdvice, ...] = ()
    left: tuple[Left, ...] = ()
    installations: tuple[InstallationAdvice, ...] = ()


class Advice(Noun):
    """What `reconcile advise -json` prints: templates by name."""

    templates: tuple[TemplateAdvice, ...] = ()


def judged(one: TemplateAdvice) -> TemplateAdvice:
    """The same, with the way that the one rule recommends."""
    recommended: Recommended = "copy"
    because: Because = "customised"
    percent = one.total.uncustomised
    if one.why:
        because = "refused"
    elif not one.copies or not one.total.rows:
        recommended, because = "nothing", "no_copies"
    elif 2 * one.customised_in < one.copies:
        because = "few"
        if percent >= UNCUSTOMISED:
            recommended, because = "reference", "uncustomised"
    update = {"recommended": recommended, "because": because, "uncustomised": percent}
    return one.model_copy(update=update)
