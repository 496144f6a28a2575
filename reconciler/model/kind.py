"""A kind: a table of the platform, declared in data so that its rows can be reconciled."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Noun
from reconciler.model.value import ColumnOwner

# The tenant's entity for a user, and the names under which that user is known there.
Provided = Literal["member", "identity"]


class Queries(Noun):
    """Where SQL text stands inside a JSON column, and which tables it may read.

    `at` is a JSON Pointer (RFC 6901) in which `*` stands for every item of a list.
    """

    at: str
    tables: tuple[str, ...]


class Column(Noun):
    """A managed column.

    owner        who may write it: the template, the tenant (seeded at create only), or both
    references   the kind whose row a foreign key points at
    nullable     for a reference: null with a note, where the target has no such row
    required     a template's row in which it is null cannot be placed
    itself       a NOT NULL reference to its own table: a row that points at nothing else points
                 at itself
    installation always the installation in the target, whatever the template's row says
    flag         no column of this table, but the child row in which this column is true
    follows      the reference without which it stays as it is
    optional     present only in some releases of the database
    sensitive    travels as a digest, and is copied inside the database
    queries      where SQL text stands inside it
    """

    name: str
    owner: ColumnOwner = "template"
    references: str | None = None
    nullable: bool = False
    required: bool = False
    itself: bool = False
    installation: bool = False
    flag: str | None = None
    follows: str | None = None
    optional: bool = False
    sensitive: bool = False
    queries: Queries | None = None


class Stamp(Noun):
    """A column that says who or when: set at create or at any write, never compared."""

    column: str
    value: Literal["actor", "now"]
    on: Literal["create", "write"]
    optional: bool = False


class Owner(Noun):
    """The tracking columns: which template agent, of which organisation, placed this row."""

    agent: str
    organization: str


class Parent(Noun):
    """A kind whose rows belong to a row of another kind.

    They lie in its organisation, unless they have a scope of their own. `by_key` is the column
    that holds the parent's key in releases of the database without `column`.
    """

    kind: str
    column: str
    by_key: str | None = None


class History(Noun):
    """Rows that are versions of their parent: appended, and never rewritten.

    keep  which of the template's versions are mirrored: all, or those that something refers to
          (and that were placed before)
    """

    keep: Literal["current", "all"]


class NextRun(Noun):
    """A column that holds when a schedule runs next: set at create and when that changes."""

    column: str
    schedule: str


class Installs(Noun):
    """The kind whose rows are installations of the template agent itself.

    template   the column of an installed row that names the template's row
    name       the column that an install may name otherwise
    reference  the column that names the entity by which an installed row reads public catalogs
               instead of having copies
    """

    template: str
    name: str
    reference: str | None = None


class Dependent(Noun):
    """A table whose rows use a kind's rows: this column of it holds their id."""

    table: str
    db_schema: str
    column: str
    live: str | None


class Pointer(Noun):
    """A table of the tenants' own data whose rows point at a kind's rows, and follow where those
    are had in another way: as copies, or by reference.

    types  of its id and its columns, as the database at hand has them
    """

    table: str
    db_schema: str
    id: str
    scope: str
    column: str
    types: tuple[tuple[str, str], ...] = ()


class Audit(Noun):
    """A table of the platform's own that keeps one row for each change of a kind's row.

    row, action, actor    columns: the row's id; `create`, `update` or `delete`; the user
    before, after         columns of type jsonb: the row's values, null where it is not there
    """

    table: str
    db_schema: str
    row: str
    action: str
    actor: str
    before: str
    after: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are written; all others have defaults."""
        return (self.row, self.action, self.actor, self.before, self.after)


class Exclusion(Noun):
    """Rows that are never mirrored: those whose column begins with this prefix."""

    column: str
    prefix: str


class Retire(Noun):
    """One column that is written to retire a row, or to bring one back; `now` is the
    transaction's time.
    """

    column: str
    value: str | None


class Kind(Noun):
    """A declared table. `key` is natural and, with the scope or the parent, names a live row.

    provides  what its rows are to the tenant, where no template has such rows: they are made from
              the actor, and none is compared, renamed or taken leave of with a template's
    where     which of the table's rows are of this kind, if not all
    mirrored  whether rows are written at all; others are only pointed at
    required  whether a database without such a table is refused
    history   set where the rows are versions
    flags     columns that say which child of its parent is the current one
    next_run  columns that are computed from a schedule
    dependents  tables that are no kinds, and whose rows use this kind's
    pointers  tables of the tenants' own data whose rows follow: only a kind that has some can be
              had by reference
    follows   set of what is no declared kind: rows that follow (see `followers`)
    audit     the platform's own table that is told of each change
    revive    the columns without whose values no row is live, which follow from `live`
    """

    name: str
    title: str
    table: str
    db_schema: str
    id: str
    mint: str | None
    scope: str | None
    parent: Parent | None
    installs: Installs | None
    provides: Provided | None = None
    key: tuple[str, ...]
    where: str | None = None
    mirrored: bool = True
    required: bool = True
    history: History | None = None
    flags: tuple[str, ...] = ()
    next_run: tuple[NextRun, ...] = ()
    live: str | None
    retire: tuple[Retire, ...]
    revive: tuple[Retire, ...] = ()
    owner: Owner | None
    exclude: tuple[Exclusion, ...]
    dependents: tuple[Dependent, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    follows: bool = False
    audit: Audit | None = None
    columns: tuple[Column, ...]
    stamps: tuple[Stamp, ...]
    digest: str

    def column(self, name: str) -> Column:
        """The managed column of this name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def compared(self) -> tuple[Column, ...]:
        """The columns that a plan compares: all but the tenant's."""
        return tuple(column for column in self.columns if column.owner != "tenant")

    @property
    def references(self) -> tuple[Column, ...]:
        """The columns that are foreign keys to rows of a kind."""
        return tuple(column for column in self.columns if column.references)

    @property
    def knows_itself(self) -> bool:
        """Whether a new row has to know its own id, because it points at itself."""
        return any(column.itself for column in self.columns)

    @property
    def updated(self) -> frozenset[str]:
        """The columns that may change in a row that is there: never what names or places it.

        A version is history: only which one is current may change. And what no template has is
        only retired, and brought back.
        """
        if self.history:
            return frozenset(self.flags)
        if self.provides:
            stamped = {stamp.column for stamp in self.stamps if stamp.on == "write"}
            return frozenset(stamped | {one.column for one in (*self.retire, *self.revive)})
        # A tenant's reference may have to wait for what it points at; then it is set at create.
        names = {column.name for column in (*self.compared, *self.references)}
        names.update(stamp.column for stamp in self.stamps if stamp.on == "write")
        names.update(one.column for one in (*self.retired, *self.revive))
        names.update(self._computed)
        if self.owner:
            names.update((self.owner.agent, self.owner.organization))
        return frozenset(names) - self._flagged

    @property
    def written(self) -> frozenset[str]:
        """Every column of the table that an apply may write."""
        names = {self.id, *self.key, *(column.name for column in self.columns)} - self._flagged
        names.update(stamp.column for stamp in self.stamps)
        names.update(one.column for one in (*self.retire, *self.revive))
        names.update(self._computed)
        if self.scope:
            names.add(self.scope)
        if self.parent:
            names.add(self.parent.column)
        if self.installs:
            names.add(self.installs.template)
        if self.owner:
            names.update((self.owner.agent, self.owner.organization))
        return frozenset(names)

    @property
    def followers(self) -> tuple[Kind, ...]:
        """The rows that follow, as kinds of which nothing but the pointer is ever written."""
        return tuple(
            Kind(
                name=f"{one.table} of {self.name}",
                title=one.table,
                table=one.table,
                db_schema=one.db_schema,
                id=one.id,
                mint=None,
                scope=one.scope,
                parent=None,
                installs=None,
                key=(one.id,),
                where=None,
                live=None,
                retire=(),
                owner=None,
                exclude=(),
                columns=(Column(name=one.column, references=self.name),),
                stamps=(),
                digest="",
                follows=True,
            )
            for one in self.pointers
        )

    @property
    def retired(self) -> tuple[Retire, ...]:
        """What is written to retire a row; an installation is unlinked from its template."""
        if self.installs:
            names = (self.installs.template, *([self.by_reference] if self.by_reference else []))
            return tuple(Retire(column=name, value=None) for name in names)
        return self.retire

    @property
    def by_reference(self) -> str | None:
        """The column that says that an installation is one by reference, where there is one."""
        named = self.installs and self.installs.reference
        return next((one.name for one in self.columns if one.name == named), None)

    @property
    def _flagged(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns if column.flag)

    @property
    def _computed(self) -> frozenset[str]:
        return frozenset((*self.flags, *(one.column for one in self.next_run)))
