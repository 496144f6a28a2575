"""Which rights reading and applying need, table by table: what the kinds and the catalog say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.kinds import Kinds
from reconciler.kinds.predicate import columns_of
from reconciler.model.kind import Kind
from reconciler.model.table import Catalog, Table
from reconciler.sql.uniqueness import columns_in, speaks_of

# What is asked of the platform's own tables: who the targets, the templates and the actors are.
PLATFORM: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("public", "organization"): ("id", "slug", "name", "visibility", "kind"),
    ("public", "member"): ("organizationId", "userId", "role"),
    ("public", "user"): ("id", "name", "email", "emailVerified"),
    ("public", "agents"): (
        "id", "organization_id", "template_agent_id", "template_entity_id", "name", "created_at",
    ),
    # Which catalogs a template reads.
    ("public", "entities"): (
        "id", "organization_id", "entity_type_id", "name", "metadata", "deleted_at",
    ),
    ("public", "entity_relationships"): (
        "id", "organization_id", "from_entity_id", "to_entity_id", "relationship_type_id",
        "metadata", "deleted_at",
    ),
}  # fmt: skip
# The ledger's tables that an apply writes to, and how; it never deletes.
LEDGER_WRITES: Final[Mapping[str, tuple[str, ...]]] = {
    "approval": ("INSERT",),
    "content": ("INSERT",),
    "placement": ("INSERT", "UPDATE"),
    "revision": ("INSERT",),
    "target": ("INSERT", "UPDATE"),
}
# Which transaction wrote a row, and in which of its commands: what an apply proves itself by.
WRITTEN_BY: Final = ("xmin", "cmin")


@dataclass
class Rights:
    """What a role needs of one table: columns, and sequences that fill them.

    whose      the kinds whose rows stand there, or what else the table is
    secret     columns that are read only to be digested, or copied inside the database
    order      all columns of the table
    """

    db_schema: str
    name: str
    whose: list[str] = field(default_factory=list)
    select: set[str] = field(default_factory=set)
    insert: set[str] = field(default_factory=set)
    update: set[str] = field(default_factory=set)
    sequences: set[str] = field(default_factory=set)
    secret: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()

    def columns(self, names: Iterable[str]) -> list[str]:
        """These columns, in the table's own order, and then those that every table has."""
        wanted = set(names)
        return [one for one in (*self.order, *WRITTEN_BY) if one in wanted]


def rights(kinds: Kinds, catalog: Catalog, *, writes: bool) -> list[Rights]:
    """What reading, or with `writes` applying, needs of the tables that are no ledger's.

    The kinds are as this release of the database has them (`database.fit`). Columns that it does
    not have are left out, and a table that several kinds share is there once.
    """
    found: dict[tuple[str, str], Rights] = {}

    def at(schema: str, name: str, whose: str) -> Rights | None:
        table = catalog.get((schema, name))
        if table is None:
            return None
        one = found.setdefault((schema, name), Rights(schema, name, order=tuple(table.columns)))
        one.whose += [] if whose in one.whose else [whose]
        return one

    for (schema, name), columns in PLATFORM.items():
        if one := at(schema, name, "the platform's own"):
            one.select.update(columns)
    for kind in kinds:
        if one := at(kind.db_schema, kind.table, f"kind {kind.name}"):
            table = catalog[kind.db_schema, kind.table]
            one.select.update(_read(kind, table))
            one.secret.update(column.name for column in kind.columns if column.sensitive)
            if writes and kind.mirrored:
                one.select.update(WRITTEN_BY)
                one.insert.update(kind.written)
                one.update.update(_updated(kind, kinds))
                one.sequences.update(_sequences(table))
    for kind in kinds:
        for used in kind.dependents:
            if one := at(used.db_schema, used.table, f"uses rows of {kind.name}"):
                one.select.add(used.column)
                one.select.update(columns_of(used.live) if used.live else ())
        for follower in kind.followers:
            if one := at(follower.db_schema, follower.table, f"follows rows of {kind.name}"):
                one.select.update(follower.written)
                if writes:
                    one.select.update(WRITTEN_BY)
                    one.update.update(follower.updated)
        told = kind.audit if writes else None
        if told and (one := at(told.db_schema, told.table, f"told of changes of {kind.name}")):
            one.insert.update(told.columns)
            one.sequences.update(_sequences(catalog[told.db_schema, told.table]))
    return list(found.values())


def _read(kind: Kind, table: Table) -> Iterator[str]:
    """The columns by which a kind's rows are found, compared, and known to be in the way."""
    known = set(kind.written)
    known.update(*(columns_of(text) for text in (kind.live, kind.where) if text))
    known.update(one.column for one in kind.exclude)
    yield from known
    for index in table.unique:
        # What an index holds off depends on its predicate, too.
        if columns_in(index.expressions) <= known:
            yield from speaks_of(index)


def _updated(kind: Kind, kinds: Kinds) -> frozenset[str]:
    """The columns that may change in a row, its name among them where it can be renamed."""
    fixed = {kind.id, kind.scope, kind.parent.column if kind.parent else None}
    names = kind.updated - fixed
    if not (kind.history or kind.installs or kind.provides):
        names |= set(kind.key) - fixed
    above = any(other.parent and other.parent.kind == kind.name for other in kinds)
    # A row is locked while rows are hung under it, and a lock takes the right to update something.
    return names or (frozenset({kind.id}) if above else frozenset())


def _sequences(table: Table) -> Iterator[str]:
    return (column.sequence for column in table.columns.values() if column.sequence)
