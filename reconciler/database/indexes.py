"""How many indexes tables have: each row has an entry in those whose condition it meets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection

_INDEXES: Final = """
SELECT n.nspname::text, c.relname::text, count(*)
FROM unnest($1::text[], $2::text[]) AS w (schema, name)
JOIN pg_namespace n ON n.nspname = w.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
JOIN pg_index i ON i.indrelid = c.oid
GROUP BY 1, 2
"""


def count_indexes(
    connection: Connection, tables: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The number of indexes of each of these tables (schema, name)."""
    wanted = sorted(set(tables))
    asked = Fixed(_INDEXES, ([schema for schema, _ in wanted], [name for _, name in wanted]))
    (found,) = run(connection, [asked])
    return {(schema, name): number for schema, name, number in found}
