"""The vocabulary of a tenant, or of one agent, in one round trip: what stands on the search path.

It is asked when an agent starts, so one statement answers all of it, and sees one instant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from psycopg import errors as pg

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.database.failures import translated
from reconciler.database.platform import SETTINGS
from reconciler.database.search_path import IS_CATALOG, USES
from reconciler.errors import NotFoundError, NotInitialisedError, SchemaMismatchError

# Of rows that cannot be resolved, so many are named; the rest is counted.
NAMED: Final = 5

# Compiling what runs once does not pay.
_PLANNED: Final = Fixed("SELECT set_config('jit', 'off', true)")

# `asked` is who was named, `reader` each agent that reads by reference, and `declared` what is on
# the path: the own organisation (step 0), then a line for each catalog that an agent brings. All
# of the tenant's agents are looked at, also for one agent: what any of them reads, the tenant can
# resolve. `mine` are the agents that the question is about.
_PATH: Final = f"""
asked AS MATERIALIZED (
    SELECT f.agent, o.id, o.slug, o.name, o.visibility, {IS_CATALOG} AS open
    FROM (
        SELECT a.id AS agent, a.organization_id, 1 AS choice
        FROM public.agents a WHERE a.id = $1
        UNION ALL SELECT NULL, i.id, 2 FROM public.organization i WHERE i.id = $1
        UNION ALL SELECT NULL, s.id, 3 FROM public.organization s WHERE s.slug = $1
    ) f JOIN public.organization o ON o.id = f.organization_id
    ORDER BY f.choice LIMIT 1
), reader AS MATERIALIZED (
    SELECT a.id, a.template_entity_id, q.agent IS NULL OR q.agent = a.id AS mine,
           row_number() OVER (ORDER BY a.created_at, a.id) AS place
    FROM asked q JOIN public.agents a ON a.organization_id = q.id
    WHERE a.template_entity_id IS NOT NULL
), template AS MATERIALIZED (
    SELECT r.id AS entity, e.organization_id, o.id AS home, o.slug, o.name, o.visibility,
           CASE WHEN e.id IS NULL THEN 'missing'
                WHEN e.deleted_at IS NOT NULL THEN 'deleted'
                WHEN k.slug IS DISTINCT FROM 'agent_template' OR k.deleted_at IS NOT NULL
                    THEN 'no_template'
                WHEN o.id IS NULL OR NOT {IS_CATALOG} THEN 'no_catalog' END AS why
    FROM (SELECT DISTINCT template_entity_id AS id FROM reader) r
    LEFT JOIN public.entities e ON e.id = r.id
    LEFT JOIN public.entity_types k ON k.id = e.entity_type_id
    LEFT JOIN public.organization o ON o.id = e.organization_id
), t AS MATERIALIZED (
    SELECT entity AS id, organization_id FROM template WHERE why IS NULL
), uses AS MATERIALIZED ({USES}), declared AS MATERIALIZED (
    SELECT o.id, o.slug, o.name, o.visibility, {IS_CATALOG} AS open, r.id AS agent, r.mine,
           row_number() OVER (ORDER BY r.place, u.place) AS step
    FROM asked q CROSS JOIN reader r
    JOIN uses u ON u.template_entity_id = r.template_entity_id
    JOIN public.organization o ON o.id = u.organization_id
    WHERE o.id <> q.id
), path AS MATERIALIZED (
    SELECT q.id, q.slug, q.name, q.visibility, q.open, 0 AS step, '{{}}'::text[] AS agents,
           true AS own
    FROM asked q
    UNION ALL
    SELECT d.id, d.slug, d.name, d.visibility, d.open, min(d.step) FILTER (WHERE d.mine),
           coalesce(array_agg(d.agent ORDER BY d.step) FILTER (WHERE d.mine), '{{}}'), false
    FROM declared d GROUP BY d.id, d.slug, d.name, d.visibility, d.open
)
"""  # noqa: S608 - the only things put in are the constants of search_path

# What the tenant can resolve, near or far: `step` is NULL for what only other agents read. Columns
# that not every release has are looked for in `lacking` where the table does not have them.
_ROWS: Final = """
entity_type AS MATERIALIZED (
    SELECT p.step, k.*, row_number() OVER (PARTITION BY k.slug ORDER BY p.step, k.id) AS nearness
    FROM path p
    CROSS JOIN (SELECT NULL::text AS icon, NULL::text AS color, NULL::jsonb AS event_kinds) lacking
    CROSS JOIN LATERAL (
        SELECT id, slug, name, description, metadata_schema, icon, color, event_kinds
        FROM public.entity_types
        WHERE organization_id = p.id AND deleted_at IS NULL
    ) k
    WHERE (p.own OR p.open) AND (p.own OR k.slug NOT LIKE '$%')
), relationship_type AS MATERIALIZED (
    SELECT p.step, k.*, row_number() OVER (PARTITION BY k.slug ORDER BY p.step, k.id) AS nearness
    FROM path p
    CROSS JOIN LATERAL (
        SELECT id, slug, name, description, metadata_schema, is_symmetric, inverse_type_id
        FROM public.entity_relationship_types
        WHERE organization_id = p.id AND status = 'active' AND deleted_at IS NULL
    ) k
    WHERE (p.own OR p.open) AND (p.own OR k.slug NOT LIKE '$%')
)
"""

# Rows of the tenant's whose type it cannot resolve. Relationships are found through the entities at
# either of their ends, since nothing indexes their organisation. An array is looked up by its hash,
# however few rows the planner expects.
_RELATED: Final = """
        SELECT r.id, r.relationship_type_id AS type
        FROM asked q JOIN public.entities e ON e.organization_id = q.id
        JOIN public.entity_relationships r ON r.{end} = e.id AND r.organization_id = q.id
        WHERE r.deleted_at IS NULL
          AND r.relationship_type_id <> ALL (ARRAY(SELECT k.id FROM relationship_type k))"""
_UNRESOLVED: Final = f"""
entity_of AS (
    SELECT e.entity_type_id AS type, count(*) AS rows,
           (array_agg(e.id ORDER BY e.id))[:{NAMED}] AS few
    FROM asked q JOIN public.entities e ON e.organization_id = q.id
    WHERE e.deleted_at IS NULL
      AND e.entity_type_id <> ALL (ARRAY(SELECT k.id FROM entity_type k))
    GROUP BY 1
), relationship_of AS (
    SELECT r.type, count(*) AS rows, (array_agg(r.id ORDER BY r.id))[:{NAMED}] AS few
    FROM ({_RELATED.format(end="from_entity_id")}
        UNION{_RELATED.format(end="to_entity_id")}) r
    GROUP BY 1
), unresolved AS (
    SELECT 'entity_type' AS kind, u.type, u.rows, u.few, k.id, k.slug, k.organization_id,
           k.deleted_at IS NULL AS live
    FROM entity_of u LEFT JOIN public.entity_types k ON k.id = u.type
    UNION ALL
    SELECT 'relationship_type', u.type, u.rows, u.few, k.id, k.slug, k.organization_id,
           k.deleted_at IS NULL AND k.status = 'active'
    FROM relationship_of u LEFT JOIN public.entity_relationship_types k ON k.id = u.type
)
"""  # noqa: S608 - the only things put in are the constants above

# JSON inside JSON travels as text: no digit of it may pass through a float.
_VOCABULARY: Final = f"""
WITH {_PATH}, {_ROWS}, {_UNRESOLVED}
SELECT json_build_object(
    'agent', q.agent,
    'path', (
        SELECT json_agg(json_build_object(
            'id', p.id, 'slug', p.slug, 'name', p.name, 'visibility', p.visibility,
            'public', p.open, 'step', p.step, 'agents', p.agents) ORDER BY p.step)
        FROM path p WHERE p.step IS NOT NULL),
    'entity_types', (
        SELECT json_agg(json_build_object(
            'id', k.id, 'slug', k.slug, 'name', k.name, 'step', k.step,
            'values', CASE WHEN k.nearness = 1 THEN json_build_object(
                'description', k.description, 'icon', k.icon, 'color', k.color,
                'metadata_schema', k.metadata_schema::text,
                'event_kinds', k.event_kinds::text) END) ORDER BY k.slug, k.nearness)
        FROM entity_type k WHERE k.step IS NOT NULL),
    'relationship_types', (
        SELECT json_agg(json_build_object(
            'id', k.id, 'slug', k.slug, 'name', k.name, 'step', k.step,
            'inverse', i.slug,
            'values', CASE WHEN k.nearness = 1 THEN json_build_object(
                'description', k.description, 'metadata_schema', k.metadata_schema::text,
                'is_symmetric', k.is_symmetric, 'rules', r.rules) END)
            ORDER BY k.slug, k.nearness)
        FROM relationship_type k
        LEFT JOIN relationship_type i ON i.id = k.inverse_type_id AND i.step IS NOT NULL
        LEFT JOIN LATERAL (
            SELECT json_agg(json_build_array(d.source, d.target)
                            ORDER BY d.source, d.target) AS rules
            FROM (SELECT DISTINCT source_entity_type_slug AS source,
                                  target_entity_type_slug AS target
                  FROM public.entity_relationship_type_rules
                  WHERE relationship_type_id = k.id AND deleted_at IS NULL) d
        ) r ON k.nearness = 1
        WHERE k.step IS NOT NULL),
    'templates', (
        SELECT json_agg(json_build_object(
            'template_entity_id', t.entity::text, 'why', t.why,
            'organization', CASE WHEN t.home IS NOT NULL THEN json_build_object(
                'id', t.home, 'slug', t.slug, 'name', t.name, 'visibility', t.visibility) END,
            'agents', (SELECT json_agg(r.id ORDER BY r.place) FROM reader r
                       WHERE r.mine AND r.template_entity_id = t.entity)) ORDER BY t.entity)
        FROM template t
        WHERE t.why IS NOT NULL
          AND EXISTS (SELECT FROM reader r WHERE r.mine AND r.template_entity_id = t.entity)),
    'unresolved', (
        SELECT json_agg(json_build_object(
            'kind', u.kind, 'id', u.type::text, 'slug', u.slug, 'rows', u.rows,
            'few', u.few::text[],
            'why', CASE WHEN u.id IS NULL THEN 'gone'
                        WHEN p.own OR p.open THEN CASE WHEN u.live THEN 'reserved'
                                                       ELSE 'retired' END
                        WHEN p.id IS NOT NULL THEN 'closed'
                        WHEN o.visibility = 'public' THEN 'stranger'
                        ELSE 'private' END,
            'organization', CASE WHEN o.id IS NOT NULL THEN json_build_object(
                'id', o.id, 'slug', o.slug, 'name', o.name, 'visibility', o.visibility) END)
            ORDER BY u.kind, u.slug, u.type)
        FROM unresolved u
        LEFT JOIN public.organization o ON o.id = u.organization_id
        LEFT JOIN path p ON p.id = u.organization_id)
)::text
FROM asked q
"""  # noqa: S608 - the only things put in are the constants above


def vocabulary_of(connection: Connection, name: str) -> Mapping[str, Any]:
    """All that there is to say of an agent's vocabulary, or of an organisation's, as it was read.

    On an idle connection, outside of a transaction: both statements are one. Raises NotFoundError
    for an unknown name, NotInitialisedError or SchemaMismatchError where a column or table is not
    there.
    """
    before = connection.autocommit
    connection.autocommit = True
    try:
        with translated():
            try:
                *_, rows = run(connection, [SETTINGS, _PLANNED, Fixed(_VOCABULARY, (name,))])
            except (pg.UndefinedColumn, pg.UndefinedTable) as error:
                raise _lacking(error) from error
    finally:
        connection.autocommit = before
    if not rows:
        raise NotFoundError(
            f"there is no agent and no organisation {name!r}",
            hint="Name an agent by its id, or an organisation by its id or slug.",
        )
    found: Mapping[str, Any] = json.loads(rows[0][0])
    return found


def _lacking(error: pg.ProgrammingError) -> NotInitialisedError | SchemaMismatchError:
    said = error.diag.message_primary or str(error)
    if "template_entity_id" in said:
        return NotInitialisedError(
            "agents cannot read by reference yet: agents.template_entity_id is missing",
            hint="Run `reconcile init`, or `reconcile init --print` and have the script applied.",
        )
    return SchemaMismatchError(
        f"this database lacks what a vocabulary is made of: {said}",
        hint="It is read from agents, organization, entities, entity_relationships, and the tables "
        "of entity types, relationship types and their rules. Run `reconcile init` on the "
        "platform's own database, and see that --database-url names it.",
    )
