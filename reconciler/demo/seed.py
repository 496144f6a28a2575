"""The demo's world: a template organisation with all that it ships, and two tenants.

Written as the platform's own people would have: plain rows, without any tracking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from sqlglot import exp

from reconciler.database.asking import run
from reconciler.database.connection import Connection
from reconciler.published import schemas_directory
from reconciler.sql.tree import DIALECT, name

MAIN_AUTHOR: Final = "user_ana"
PUBLISHER: Final = "user_publisher"
_WRITTEN: Final = "2026-09-14T08:00:00Z"

_ARRAYS: Final = frozenset(
    {"tags", "required_source_types", "recommended_source_types", "entity_ids"}
)
_OF_LINES: Final = frozenset(
    {"query", "prompt", "reaction_script", "reactions_guidance", "condensation_prompt"}
)


@dataclass(frozen=True)
class _Insert:
    sql: str
    parameters: Sequence[object]


def load(file: str) -> Any:
    """One of the demo's data files; where a text has many lines, the file lists them."""
    text = files("reconciler.demo").joinpath(file).read_text()
    return json.loads(text, object_hook=_joined)


def _joined(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: "\n".join(value) if key in _OF_LINES and isinstance(value, list) else value
        for key, value in row.items()
    }


def create_tables(connection: Connection) -> None:
    """The reference tables, in an empty database."""
    connection.execute((schemas_directory() / "reference.sql").read_bytes())


def seed(connection: Connection) -> None:
    """People, organisations, all that the template ships and what acme wrote itself."""
    vocabulary, people = load("vocabulary.json"), load("people.json")
    organization = vocabulary["organization"]["id"]
    insert(connection, "organization", {**vocabulary["organization"], "createdAt": _WRITTEN})
    for table in ("user", "organization", "member", "entity_types"):
        for row in people[table]:
            insert(connection, table, row)
    insert(connection, "agents", {**vocabulary["agent"], "organization_id": organization})
    pages = _view_templates(connection, organization)
    for row in vocabulary["entity_types"]:
        page = {"current_view_template_version_id": pages.get(row["slug"])}
        insert(connection, "entity_types", {**row, **page, "organization_id": organization})
    _relationship_types(connection, vocabulary["relationship_types"], organization)
    entities = {
        (row["organization_id"], row["slug"]): _entity(connection, row)
        for row in people["entities"]
    }
    watchers = _watchers(connection, organization)
    for row in load("classifiers.json"):
        scope = {
            "organization_id": organization,
            "watcher_id": watchers[row["watcher"]] if "watcher" in row else None,
            "entity_id": entities[organization, row["entity"]] if "entity" in row else None,
        }
        _classifier(connection, row, scope)


def _view_templates(connection: Connection, organization: str) -> dict[str, int]:
    """The newest version of each view template, by the slugs of the types that it shows."""
    pages = {}
    for row in load("views.json"):
        own = _without(row, "entity_types", "versions")
        template = insert(connection, "view_templates", {**own, "organization_id": organization})
        newest = _versions(
            connection, "view_template_versions", row["versions"], {"view_template_id": template}
        )
        pages.update(dict.fromkeys(row["entity_types"], newest))
    return pages


def _relationship_types(
    connection: Connection, rows: Sequence[Mapping[str, Any]], organization: str
) -> None:
    ids = {row["slug"]: _relationship_type(connection, row, organization) for row in rows}
    for row in rows:
        if row["inverse"] is not None:
            sql = "UPDATE entity_relationship_types SET inverse_type_id = $1 WHERE id = $2"
            run(connection, [_Insert(sql, (ids[row["inverse"]], ids[row["slug"]]))])


def _entity(connection: Connection, row: Mapping[str, Any]) -> int:
    kind = row["entity_type"]
    sql = "SELECT id FROM entity_types WHERE organization_id = $1 AND slug = $2"
    ((found,),) = run(connection, [_Insert(sql, (kind["organization"], kind["slug"]))])[0]
    own = {**_without(row, "entity_type"), "entity_type_id": found}
    number: int = insert(connection, "entities", own)
    return number


def _watchers(connection: Connection, organization: str) -> dict[str, int]:
    """The watchers' ids, by slug. Their groups are named in advance, by ids yet to be used."""
    rows = load("watchers.json")
    sql = "SELECT nextval(pg_get_serial_sequence('watchers', 'id'))"
    ids = {row["slug"]: run(connection, [_Insert(sql, ())])[0][0][0] for row in rows}
    for row in rows:
        watcher = {
            **_without(row, "group", "versions"),
            "id": ids[row["slug"]],
            "organization_id": organization,
            "watcher_group_id": ids[row["group"]],
            "version": row["versions"][-1]["version"],
            "created_by": PUBLISHER,
        }
        insert(connection, "watchers", watcher)
        newest = _versions(
            connection, "watcher_versions", row["versions"], {"watcher_id": watcher["id"]}
        )
        point = "UPDATE watchers SET current_version_id = $1 WHERE id = $2"
        run(connection, [_Insert(point, (newest, watcher["id"]))])
    return ids


def _classifier(connection: Connection, row: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
    own = _without(row, "watcher", "entity", "versions")
    number = insert(connection, "event_classifiers", {**own, **scope, "created_by": PUBLISHER})
    _versions(connection, "event_classifier_versions", row["versions"], {"classifier_id": number})


def _versions(
    connection: Connection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    parent: Mapping[str, Any],
) -> int:
    """Insert a history, oldest first; returns the id of the newest version."""
    ids = [insert(connection, table, {**row, **parent, "created_by": PUBLISHER}) for row in rows]
    newest: int = ids[-1]
    return newest


def _without(row: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}


def _relationship_type(connection: Connection, row: Mapping[str, Any], organization: str) -> int:
    own = _without(row, "inverse", "rules")
    number: int = insert(
        connection, "entity_relationship_types", {**own, "organization_id": organization}
    )
    for rule in row["rules"]:
        insert(
            connection,
            "entity_relationship_type_rules",
            {
                "relationship_type_id": number,
                "source_entity_type_slug": rule["source"],
                "target_entity_type_slug": rule["target"],
            },
        )
    return number


def insert(connection: Connection, table: str, row: Mapping[str, Any]) -> Any:
    """Insert one row as the platform itself would; returns its id."""
    values = [_value(column, value) for column, value in row.items()]
    tree = exp.Insert(
        this=exp.Schema(
            this=exp.Table(this=name(table)), expressions=[name(column) for column in row]
        ),
        expression=exp.Values(
            expressions=[
                exp.Tuple(
                    expressions=[
                        exp.Parameter(this=exp.Literal.number(number))
                        for number in range(1, len(values) + 1)
                    ]
                )
            ]
        ),
        returning=exp.Returning(expressions=[exp.column("id")]),
    )
    ((number,),) = run(connection, [_Insert(tree.sql(DIALECT), values)])[0]
    return number


def _value(column: str, value: object) -> object:
    """A value as psycopg sends it: lists are arrays in some columns, and JSON in the others."""
    if isinstance(value, dict) or (isinstance(value, list) and column not in _ARRAYS):
        return json.dumps(value)
    return value
