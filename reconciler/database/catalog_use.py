"""What is in a public catalog, and which rows of whom are of its types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.database.asking import Fixed, Rows, Runnable, run
from reconciler.database.connection import Connection
from reconciler.database.search_path import IS_CATALOG, USES
from reconciler.errors import NotInitialisedError, SchemaMismatchError

# So many lines travel at once; and what is longer than so many bytes travels alone, so that this
# side never holds much.
_LINES: Final = 1000
_LONG: Final = 32 * 1024

_NEEDED: Final = {
    "agents": ("organization_id", "template_entity_id"),
    "entities": ("id", "organization_id", "entity_type_id", "metadata", "deleted_at"),
    "entity_types": ("id", "organization_id", "slug", "metadata_schema", "deleted_at"),
    "entity_relationships": (
        "id", "organization_id", "relationship_type_id", "from_entity_id", "to_entity_id",
        "metadata", "deleted_at",
    ),
    "entity_relationship_types": (
        "id", "organization_id", "slug", "metadata_schema", "is_symmetric", "status", "deleted_at",
    ),
    "entity_relationship_type_rules": (
        "relationship_type_id", "source_entity_type_slug", "target_entity_type_slug", "deleted_at",
    ),
}  # fmt: skip
_MISSING: Final = """
SELECT w.t, w.c FROM unnest($1::text[], $2::text[]) AS w (t, c)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = to_regclass('public.' || w.t) AND a.attname = w.c AND NOT a.attisdropped
)
"""
_IS_CATALOG: Final = f"SELECT {IS_CATALOG} FROM public.organization o WHERE o.id = $1"  # noqa: S608

# Live rows, as the built-in kinds declare it. The platform's own have slugs that begin with $.
_TYPES: Final = """
SELECT 'entity_type', t.id, t.slug, nullif(t.metadata_schema, 'null')::text, false
FROM public.entity_types t
WHERE t.organization_id = $1 AND t.deleted_at IS NULL AND NOT starts_with(t.slug, '$')
UNION ALL
SELECT 'relationship_type', t.id, t.slug, nullif(t.metadata_schema, 'null')::text, t.is_symmetric
FROM public.entity_relationship_types t
WHERE t.organization_id = $1 AND t.deleted_at IS NULL AND t.status = 'active'
  AND NOT starts_with(t.slug, '$')
"""
_RULES: Final = """
SELECT r.relationship_type_id, r.source_entity_type_slug, r.target_entity_type_slug
FROM public.entity_relationship_type_rules r
JOIN public.entity_relationship_types t ON t.id = r.relationship_type_id
WHERE t.organization_id = $1 AND t.deleted_at IS NULL AND t.status = 'active'
  AND r.deleted_at IS NULL
"""

_COUNTED: Final = """
SELECT u.{type}, u.organization_id, count(*), ((array_agg(u.id ORDER BY u.id))[1:3])::text[]
FROM public.{table} u WHERE u.{type} = ANY($1) AND u.deleted_at IS NULL
GROUP BY u.{type}, u.organization_id
"""
# Metadata that is the same travels once: with the first line that has it. By a SHA-256, since
# nobody may be able to hide what they have behind something else.
_CONTENTS: Final = """
WITH counted AS (
    SELECT u.type, u.digest, u.organization_id, u.source, u.target, count(*) AS rows,
           max(u.bytes) AS bytes, (array_agg(u.id ORDER BY u.id))[1:3] AS ids
    FROM (
        SELECT u.{type} AS type, u.organization_id, u.id, {pair}, octet_length(m.text) AS bytes,
               sha256(convert_to(m.text, 'UTF8')) AS digest
        FROM public.{table} u CROSS JOIN LATERAL (SELECT coalesce(u.metadata, '{{}}')::text) m(text)
        {ends}
        WHERE u.{type} = ANY($1) AND u.deleted_at IS NULL
        OFFSET 0
    ) u
    GROUP BY u.type, u.digest, u.organization_id, u.source, u.target
)
SELECT c.type, c.organization_id, c.source, c.target, c.rows, c.ids::text[], c.first, CASE
    WHEN c.first AND c.bytes <= {long}
    THEN (SELECT coalesce(u.metadata, '{{}}')::text FROM public.{table} u WHERE u.id = c.ids[1])
END
FROM (
    SELECT c.*, row_number() OVER (
        PARTITION BY c.type, c.digest ORDER BY c.organization_id, c.source, c.target) = 1 AS first
    FROM counted c
) c
ORDER BY c.type, c.digest, c.organization_id, c.source, c.target
"""
_ALONE: Final = "SELECT metadata::text FROM public.{table} WHERE id = $1"
# Who reads the catalog $1: a template counts while it is one, in a catalog.
_READERS: Final = f"""
WITH t AS (
    SELECT e.id, e.organization_id
    FROM public.entities e
    JOIN public.entity_types k ON k.id = e.entity_type_id
    JOIN public.organization o ON o.id = e.organization_id
    WHERE e.id IN (SELECT a.template_entity_id FROM public.agents a
                   WHERE a.template_entity_id IS NOT NULL)
      AND e.deleted_at IS NULL AND k.slug = 'agent_template' AND k.deleted_at IS NULL
      AND {IS_CATALOG}
), uses AS ({USES}), readers AS (
    SELECT DISTINCT a.organization_id
    FROM uses u JOIN public.agents a ON a.template_entity_id = u.template_entity_id
    WHERE u.organization_id = $1 AND a.organization_id <> $1
)
"""  # noqa: S608 - the only things put in are constants
_HOW_MANY: Final = f"{_READERS} SELECT count(*) FROM readers"  # noqa: S608
_SHADOWS: Final = f"""{_READERS}
SELECT 'entity_type', t.slug, t.organization_id, t.id::text
FROM readers r JOIN public.entity_types t ON t.organization_id = r.organization_id
WHERE t.deleted_at IS NULL AND t.slug = ANY($2)
UNION ALL
SELECT 'relationship_type', t.slug, t.organization_id, t.id::text
FROM readers r JOIN public.entity_relationship_types t ON t.organization_id = r.organization_id
WHERE t.deleted_at IS NULL AND t.status = 'active' AND t.slug = ANY($3)
"""  # noqa: S608

# Where the rows of a kind are, the column that says of which type they are, and what they relate.
_TABLES: Final = {
    "entity_type": {
        "table": "entities",
        "type": "entity_type_id",
        "pair": "NULL AS source, NULL AS target",
        "ends": "",
    },
    "relationship_type": {
        "table": "entity_relationships",
        "type": "relationship_type_id",
        "pair": "s.slug AS source, t.slug AS target",
        "ends": """
        JOIN public.entities f ON f.id = u.from_entity_id
        JOIN public.entity_types s ON s.id = f.entity_type_id
        JOIN public.entities g ON g.id = u.to_entity_id
        JOIN public.entity_types t ON t.id = g.entity_type_id
        """,
    },
}


def fitting(connection: Connection) -> None:
    """Raise SchemaMismatchError or NotInitialisedError where a column is missing."""
    needed = [(table, column) for table, columns in _NEEDED.items() for column in columns]
    asked = Fixed(_MISSING, ([one for one, _ in needed], [one for _, one in needed]))
    (missing,) = run(connection, [asked])
    names = [f"{table}.{column}" for table, column in missing]
    if names == ["agents.template_entity_id"]:
        raise NotInitialisedError(
            "agents.template_entity_id is missing: which catalogs an agent reads",
            hint="Run `reconcile init`, or `reconcile init --print` and have the script applied.",
        )
    if names:
        raise SchemaMismatchError(
            f"this release of the database has no {', '.join(names)}",
            hint="Rows can only be of a catalog's types where they point at them by id.",
        )


def is_catalog(connection: Connection, organization: str) -> bool:
    """Whether an organisation is a public catalog now."""
    ((found,),) = run(connection, [Fixed(_IS_CATALOG, (organization,))])[0]
    return bool(found)


def types_of(connection: Connection, organization: str) -> tuple[Rows, Rows]:
    """The types that an organisation has: (kind, id, slug, schema, symmetric), and their rules:
    (id of the type, source, target).
    """
    types, rules = run(connection, [Fixed(one, (organization,)) for one in (_TYPES, _RULES)])
    return types, rules


def readers_of(connection: Connection, catalog: str) -> int:
    """In how many organisations an agent reads the catalog."""
    (found,) = run(connection, [Fixed(_HOW_MANY, (catalog,))])
    return int(found[0][0])


def shadows(
    connection: Connection, catalog: str, types: Sequence[str], relations: Sequence[str]
) -> Rows:
    """The own types of those who read the catalog, with these slugs: (kind, slug, whose, id)."""
    (found,) = run(connection, [Fixed(_SHADOWS, (catalog, list(types), list(relations)))])
    return found


def counted(connection: Connection, kind: str, types: Sequence[int]) -> Iterator[Rows]:
    """How many rows are of these types: (type, whose, rows, ids)."""
    return _streamed(connection, Fixed(_COUNTED.format(**_TABLES[kind]), (list(types),)))


def contents(connection: Connection, kind: str, types: Sequence[int]) -> Iterator[Rows]:
    """The rows of these types: (type, whose, slugs at source and target, rows, ids, first, text).

    `first` where another metadata begins, with its text; where that is long, `alone` has it.
    """
    text = _CONTENTS.format(**_TABLES[kind], long=_LONG)
    return _streamed(connection, Fixed(text, (list(types),)))


def alone(connection: Connection, kind: str, row: str) -> str:
    """The metadata of one row."""
    (found,) = run(connection, [Fixed(_ALONE.format(**_TABLES[kind]), (row,))])
    return str(found[0][0])


def _streamed(connection: Connection, asked: Runnable) -> Iterator[Rows]:
    """An answer of any length, some lines at a time; only one at once."""
    text = f"DECLARE catalog_use NO SCROLL CURSOR FOR {asked.sql}"
    declared = Fixed(text, tuple(asked.parameters))
    # All of it will be read, and all of it is one query.
    whole = Fixed(
        "SELECT set_config('cursor_tuple_fraction', '1', true), set_config('jit', 'off', true)"
    )
    fetch = Fixed(f"FETCH {_LINES} FROM catalog_use")
    *_, lines = run(connection, [whole, declared, fetch])
    while lines:
        yield lines
        lines = run(connection, [fetch])[0] if len(lines) == _LINES else []
    run(connection, [Fixed("CLOSE catalog_use")])
