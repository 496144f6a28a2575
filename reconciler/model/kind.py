"""A kind: a table of the platform, declared in data so that its rows can be reconciled."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Noun
from reconciler.model.value import ColumnOwner


class Column(Noun):
    """A managed column.

    owner      who may write it: the template, the tenant (seeded at create only), or both
    references the kind whose row a foreign key points at
    nullable   for a reference: null with a note, where the target has no such row
    optional   present only in some releases of the database
    sensitive  travels as a digest, and is copied inside the database
    """

    name: str
    owner: ColumnOwner = "template"
    references: str | None = None
    nullable: bool = False
    optional: bool = False
    sensitive: bool = False


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
    """A kind whose rows belong to a row of another kind, and lie in its organisation."""

    kind: str
    column: str


class Installs(Noun):
    """The kind whose rows are installations of the template agent itself.

    template  the column of an installed row that names the template's row
    name      the column that an install may name otherwise
    """

    template: str
    name: str


class Exclusion(Noun):
    """Rows that are never mirrored: those whose column begins with this prefix."""

    column: str
    prefix: str


class Retire(Noun):
    """One column that is written to retire a row; `now` is the transaction's time."""

    column: str
    value: str


class Kind(Noun):
    """A declared table. `key` is natural and, with the scope or the parent, names a live row."""

    name: str
    title: str
    table: str
    db_schema: str
    id: str
    mint: str | None
    scope: str | None
    parent: Parent | None
    installs: Installs | None
    key: tuple[str, ...]
    live: str | None
    retire: tuple[Retire, ...]
    owner: Owner | None
    exclude: tuple[Exclusion, ...]
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
    def updated(self) -> frozenset[str]:
        """The columns that may change in a row that is there: never what names or places it."""
        names = {column.name for column in self.compared}
        names.update(stamp.column for stamp in self.stamps if stamp.on == "write")
        names.update(retire.column for retire in self.retire)
        if self.owner:
            names.update((self.owner.agent, self.owner.organization))
        return frozenset(names)

    @property
    def written(self) -> frozenset[str]:
        """Every column of the table that an apply may write."""
        names = {self.id, *self.key, *(column.name for column in self.columns)}
        names.update(stamp.column for stamp in self.stamps)
        names.update(retire.column for retire in self.retire)
        if self.scope:
            names.add(self.scope)
        if self.parent:
            names.add(self.parent.column)
        if self.installs:
            names.add(self.installs.template)
        if self.owner:
            names.update((self.owner.agent, self.owner.organization))
        return frozenset(names)
