"""What was seen, in one instant of the database: the template's rows and the targets' states.

Only what matters travels: a target's row that is ours and equal to the template's is *settled*
and does not appear. All other states are grouped in the database, so that ten thousand targets
in the same state are one `State`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.membership import Membership
from reconciler.model.value import Values

# A detached row is live itself, and what it belongs to is dead.
Situation = Literal["absent", "live", "dead", "detached", "ambiguous"]
# What became of a row that was placed.
Standing = Literal["placed", "retired", "released"]


class DatabaseIdentity(Noun):
    """Which database: the cluster's system identifier and the database's name."""

    system_identifier: str
    name: str


class Organization(Noun):
    """An organisation, as the platform's table has it."""

    id: str
    slug: str
    name: str
    visibility: str


class Template(Noun):
    """The template agent and its organisation; `installed_from` is set if it is no template.

    gone  only what was installed from it still tells of it
    """

    agent_id: str
    name: str
    organization: Organization
    installed_from: str | None = None
    gone: bool = False


class Actor(Noun):
    """In whose name: a member of the targets, or an operator known by the database role.

    signs_as  the user whom an operator's rows name as their author, if the database has one set
    """

    mode: Literal["member", "operator"]
    user_id: str | None = None
    label: str
    signs_as: str | None = None


class Target(Noun):
    """An organisation that is to receive the template.

    agent_id is the installed agent (None if there is none yet), and `reads` the entity by which it
    reads public catalogs (None if it has a copy); revision is the ledger's last revision of this
    organisation (None if there is none), at `revised_at`.
    """

    organization: Organization
    agent_id: str | None = None
    reads: int | None = None
    revision: int | None = None
    revised_at: str | None = None


class Row(Noun):
    """A live row of the template; `current` is False for a version that nothing refers to."""

    address: Address
    values: Values
    current: bool = True


class Author(Noun):
    """Who wrote a row that is not ours, and when, as far as the table says."""

    user_id: str | None = None
    label: str | None = None
    at: str | None = None


class RowOwner(Noun):
    """The tracking columns of a row, with what is known of the agent that they name."""

    agent: str
    organization: str | None = None
    name: str | None = None
    exists: bool = False


class Heir(Noun):
    """Another template agent of the same organisation that a target has installed."""

    owner: RowOwner
    agent_id: str


class State(Noun):
    """What one address looks like in some targets.

    ids      the rows, one an organisation; empty where there is none
    ledger   what the ledger knows of this address (for a live row: of this very row, unless it
             was released): a row was placed, a plan retired it, or it was given to the tenant
    base     the compared columns as last applied, where the ledger knows them
    kept     columns of the template's that keep the tenant's values since the row was adopted
    revision the ledger's last revision of this row, where that was asked for
    blocks   a dead row that still occupies its key in a unique index
    revivable  a dead row that would be live again, if its kind's retiring were taken back
    orphan   a live row of ours whose address the template no longer has
    """

    address: Address
    organizations: tuple[str, ...]
    situation: Situation
    owner: RowOwner | None = None
    values: Values | None = None
    base: Values | None = None
    ids: tuple[str, ...] = ()
    ledger: Standing | None = None
    kept: frozenset[str] = frozenset()
    revision: int | None = None
    blocks: bool = False
    revivable: bool = False
    orphan: bool = False
    author: Author | None = None

    def ids_in(self, organizations: Iterable[str]) -> tuple[str, ...]:
        """The ids of the rows in these organisations, in their order; none where none is there."""
        known = dict(zip(self.organizations, self.ids, strict=False))
        return tuple(known[one] for one in organizations) if known else ()

    def within(self, organizations: frozenset[str], **changes: Any) -> State:
        """The same in some of its organisations, with what is otherwise there."""
        if len(organizations) == len(self.organizations) and not changes:
            return self
        here = tuple(sorted(organizations))
        return self.model_copy(update={"organizations": here, "ids": self.ids_in(here), **changes})


class Collision(Noun):
    """A planned row would violate a unique index, because of the row that is named here.

    columns  what the index is over, as PostgreSQL writes it: columns and expressions
    speaks_of  all columns that it depends on; a row in which none of them changes is safe
    """

    address: Address
    organization: str
    index: str
    columns: tuple[str, ...]
    speaks_of: frozenset[str]
    other_id: str
    other_organization: str | None


class Use(Noun):
    """How many rows of a table use a row of ours, and are not the template's themselves."""

    address: Address
    organization: str
    table: str
    rows: int


class Pointing(Noun):
    """Rows of a target's own data that point at a row, its own or a catalog's.

    foreign  whether some of other organisations do, too
    """

    address: Address
    organization: str
    table: str
    column: str
    rows: tuple[str, ...]
    foreign: bool = False


class Snapshot(Noun):
    """Template and targets at one instant.

    shapes  for every kind, the SQL type of each column that a plan may write
    ambiguous  addresses that the template itself has twice, with different values
    taken   ids that are in use among those that could be minted
    named   those of the texts inside the template's SQL that name an organisation
    left_out  kinds that this database cannot hold, and why
    signed  for a kind, the column in which a new row must name a user
    uses    what uses the rows that may be retired
    placed  all that was placed, with every managed column, where drift is asked for
    heirs   another template of the same organisation, by the target that has it installed
    reference  the entity by which the template is installed by reference, where that is asked for
    offered  the ids of those of the template's rows that the search path leads to
    pointing  what points at rows that are to be had in another way
    referring  the targets that have it by reference, once the plan is applied: of the template's
               rows they have none of their own
    membership  what the targets lack of the actor, where members are concerned
    """

    database: DatabaseIdentity
    template: Template
    targets: tuple[Target, ...]
    fingerprint: str
    rows: tuple[Row, ...]
    states: tuple[State, ...]
    ambiguous: tuple[Address, ...] = ()
    collisions: tuple[Collision, ...] = ()
    shapes: dict[str, dict[str, str]]
    taken: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    left_out: dict[str, str] = Field(default_factory=dict)
    signed: dict[str, str] = Field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    placed: tuple[State, ...] = ()
    heirs: dict[str, Heir] = Field(default_factory=dict)
    reference: int | None = None
    offered: dict[Address, str] = Field(default_factory=dict)
    pointing: tuple[Pointing, ...] = ()
    referring: frozenset[str] = frozenset()
    membership: Membership | None = None

    @property
    def organizations(self) -> tuple[str, ...]:
        """The ids of the targets, in their order."""
        return tuple(one.organization.id for one in self.targets)

    def beside(self, other: Snapshot) -> Snapshot:
        """The same, with what was seen of the same template in other targets."""
        return self.model_copy(
            update={
                "targets": (*self.targets, *other.targets),
                "states": (*self.states, *other.states),
                "collisions": (*self.collisions, *other.collisions),
                "taken": self.taken | other.taken,
                "placed": (*self.placed, *other.placed),
                "uses": (*self.uses, *other.uses),
            }
        )

    def without(self, organizations: frozenset[str]) -> Snapshot:
        """The same as if these organisations were no targets."""
        targets = tuple(one for one in self.targets if one.organization.id not in organizations)
        return self.model_copy(
            update={
                "targets": targets,
                "states": _outside(self.states, organizations),
                "placed": _outside(self.placed, organizations),
                "collisions": tuple(
                    one for one in self.collisions if one.organization not in organizations
                ),
                "uses": tuple(one for one in self.uses if one.organization not in organizations),
                "pointing": tuple(
                    one for one in self.pointing if one.organization not in organizations
                ),
                "referring": self.referring - organizations,
                "heirs": {
                    target: heir
                    for target, heir in self.heirs.items()
                    if target not in organizations
                },
                "membership": self.membership and self.membership.without(organizations),
            }
        )


def _outside(states: Iterable[State], organizations: frozenset[str]) -> tuple[State, ...]:
    parts = (state.within(frozenset(state.organizations) - organizations) for state in states)
    return tuple(state for state in parts if state.organizations)
