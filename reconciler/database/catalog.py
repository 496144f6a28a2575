"""What the database at hand looks like: tables, columns, unique indexes, row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.database.asking import Question, Rows, ask
from reconciler.database.connection import Connection
from reconciler.model.table import Catalog, Table, TableColumn, UniqueIndex


@dataclass(frozen=True)
class Query:
    """A fixed question to the catalog."""

    sql: str
    parameters: tuple[object, ...]


# An INSTEAD rule or a partition's own constraints are the table's business; a view is not
# a table that rows can be locked in, so only ordinary and partitioned tables count.
_COLUMNS = """
SELECT n.nspname, c.relname, row_security_active(c.oid), a.attname,
       format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attgenerated <> '',
       coalesce((SELECT s.oid::regclass::text
                 FROM pg_attrdef f
                 JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                 JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
                 WHERE f.adrelid = c.oid AND f.adnum = a.attnum LIMIT 1),
                CASE WHEN a.attidentity <> '' THEN pg_get_serial_sequence(
                    format('%I.%I', n.nspname, c.relname), a.attname) END),
       a.attidentity = 'a'
FROM unnest($1::text[], $2::text[]) AS wanted (db_schema, name)
JOIN pg_namespace n ON n.nspname = wanted.db_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
ORDER BY 1, 2, a.attnum
"""

_INDEXES = """
SELECT n.nspname, c.relname, i.relname, x.indisprimary, pg_get_expr(x.indpred, x.indrelid),
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, position::int, false)
             FROM generate_series(1, x.indnkeyatts) AS position),
       -- PostgreSQL 14 does not have this column yet.
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
       x.indisvalid AND (c.relkind = 'p'
                         OR NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid))
FROM unnest($1::text[], $2::text[]) AS wanted (db_schema, name)
JOIN pg_namespace n ON n.nspname = wanted.db_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p')
-- One that could not be built to its end holds off new rows all the same.
JOIN pg_index x ON x.indrelid = c.oid AND x.indisunique AND x.indisready
JOIN pg_class i ON i.oid = x.indexrelid
ORDER BY 1, 2, 3
"""


def inspect(connection: Connection, tables: tuple[tuple[str, str], ...]) -> Catalog:
    """The tables of these (schema, name) pairs that exist, by pair; one round trip."""
    return ask(connection, inspecting(tables))


def inspecting(tables: tuple[tuple[str, str], ...]) -> Question[Catalog]:
    """The same as a question, to be asked with others."""
    names = ([schema for schema, _ in tables], [name for _, name in tables])
    return Question([Query(_COLUMNS, names), Query(_INDEXES, names)], _catalog)


def _catalog(answers: Sequence[Rows]) -> Catalog:
    columns, indexes = answers
    catalog: Catalog = {}
    for schema, table, hides, *column in columns:
        known = catalog.setdefault(
            (schema, table),
            Table(db_schema=schema, name=table, columns={}, unique=(), hides_rows=hides),
        )
        name, kind, not_null, has_default, generated, sequence, always = column
        known.columns[name] = TableColumn(
            name=name,
            type=kind,
            not_null=not_null,
            has_default=has_default,
            generated=generated,
            sequence=sequence,
            always=always,
        )
    for schema, table, name, primary, predicate, expressions, nulls_equal, whole in indexes:
        known = catalog[schema, table]
        index = UniqueIndex(
            name=name,
            expressions=tuple(expressions),
            predicate=predicate,
            primary=primary,
            nulls_equal=nulls_equal,
            whole=whole,
        )
        catalog[schema, table] = known.model_copy(update={"unique": (*known.unique, index)})
    return catalog
