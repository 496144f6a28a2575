"""The same work by hand: the floor, in one statement a table, and row by row, as one begins.

Both write what the platform asks of whoever writes these rows: an audit row for each type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from tests.bench.measure import Connection

_OWNED: Final = "managed_by_template_agent_id, source_template_org_id, created_by"
_TYPES: Final = "slug, name, description, icon, metadata_schema"
_RELATIONS: Final = "slug, name, description, metadata_schema, status, is_symmetric"
_TOLD: Final = """jsonb_build_object('slug', slug, 'name', name, 'description', description,
    'icon', icon, 'metadata_schema', metadata_schema,
    'managed_by_template_agent_id', 'agent_template')"""

_FLOOR: Final = (
    "INSERT INTO agents (id, organization_id, name, template_agent_id, owner_user_id) "
    "SELECT md5('agent ' || o), o, 'Town', 'agent_template', 'user_owner' "
    "FROM unnest($1::text[]) o",
    f"INSERT INTO entity_types (organization_id, {_TYPES}, {_OWNED}) "
    f"SELECT o, {_TYPES}, 'agent_template', 'org_template', 'user_owner' "
    "FROM entity_types CROSS JOIN unnest($1::text[]) o WHERE organization_id = 'org_template'",
    f"INSERT INTO entity_relationship_types (organization_id, {_RELATIONS}, {_OWNED}) "
    f"SELECT o, {_RELATIONS}, 'agent_template', 'org_template', 'user_owner' "
    "FROM entity_relationship_types CROSS JOIN unnest($1::text[]) o "
    "WHERE organization_id = 'org_template'",
    "INSERT INTO entity_type_audit (entity_type_id, action, actor, after_payload) "
    f"SELECT id, 'create', 'user_owner', {_TOLD} FROM entity_types "
    "WHERE organization_id = ANY($1::text[])",
)
# The template's row is looked up once: joined, the planner would do so for each target.
_WANTED: Final = (
    "WITH w AS MATERIALIZED (SELECT * FROM entity_types "
    "WHERE organization_id = 'org_template' AND slug = 'type_1') "
)
_CHANGED: Final = (
    f"{_WANTED}, told AS MATERIALIZED (SELECT {_TOLD} AS now FROM w) INSERT INTO entity_type_audit "
    "(entity_type_id, action, actor, before_payload, after_payload) "
    f"SELECT id, 'update', 'user_owner', {_TOLD}, (SELECT now FROM told) FROM entity_types "
    "WHERE slug = 'type_1' AND organization_id = ANY($1::text[])",
    f"{_WANTED} UPDATE entity_types t SET metadata_schema = w.metadata_schema, "
    "updated_by = 'user_owner', updated_at = now() FROM w WHERE t.slug = 'type_1' "
    "AND t.organization_id = ANY($1::text[]) "
    "AND t.deleted_at IS NULL AND t.managed_by_template_agent_id = 'agent_template' "
    "AND t.name = w.name AND t.description = w.description AND t.icon = w.icon "
    "AND t.metadata_schema::text = $2",
)


def install(connection: Connection, targets: Sequence[str]) -> None:
    """The floor of a first install."""
    _together(connection, [(text, (list(targets),)) for text in _FLOOR])


def schema_of(connection: Connection) -> str:
    """What a tenant's row holds before its type is changed: the precondition of the update."""
    found = connection.execute(
        "SELECT metadata_schema::text FROM entity_types "
        "WHERE organization_id = 'org_template' AND slug = 'type_1'"
    ).fetchone()
    assert found is not None
    return str(found[0])


def update(connection: Connection, targets: Sequence[str], before: str) -> None:
    """The floor of bringing one changed type to all who have it as it was."""
    told, written = _CHANGED
    _together(connection, [(told, (list(targets),)), (written, (list(targets), before))])


def _together(connection: Connection, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
    with connection.transaction():
        for text, given in statements:
            cursor = psycopg.RawCursor(connection)
            cursor.execute(text.encode(), given)
            assert cursor.rowcount > 0, text


def row_by_row(connection: Connection, targets: Sequence[str]) -> None:
    """A select, and then an insert where there is nothing: for each row, of each target."""
    run = connection.execute
    types = run(f"SELECT {_TYPES} FROM entity_types WHERE organization_id = 'org_template'")
    typed = types.fetchall()
    relations = run(
        f"SELECT {_RELATIONS} FROM entity_relationship_types WHERE organization_id = 'org_template'"
    ).fetchall()
    there = "SELECT id FROM {} WHERE organization_id = %s AND slug = %s AND deleted_at IS NULL"
    for target in targets:
        with connection.transaction():
            run(
                "INSERT INTO agents (id, organization_id, name, template_agent_id) "
                "VALUES (md5('agent ' || %s), %s, 'Town', 'agent_template')",
                (target, target),
            )
            for table, columns, rows in (
                ("entity_types", _TYPES, typed),
                ("entity_relationship_types", _RELATIONS, relations),
            ):
                for row in rows:
                    if run(there.format(table).encode(), (target, row[0])).fetchone():
                        continue
                    values = [_json(value) for value in row]
                    places = ", ".join(["%s"] * (len(row) + 1))
                    ((identity,),) = run(
                        f"INSERT INTO {table} (organization_id, {columns}, {_OWNED}) "
                        f"VALUES ({places}, 'agent_template', 'org_template', 'user_owner') "
                        "RETURNING id".encode(),
                        (target, *values),
                    ).fetchall()
                    if table == "entity_types":
                        run(
                            "INSERT INTO entity_type_audit (entity_type_id, action, actor, "
                            f"after_payload) SELECT id, 'create', 'user_owner', {_TOLD} "
                            "FROM entity_types WHERE id = %s".encode(),
                            (identity,),
                        )


def _json(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
