"""The demo's world: a template organisation with its vocabulary, and two tenants.

Written as the platform's own people would have: plain rows, without any tracking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from sqlglot import exp

from reconciler.database.connection import Connection, run
from reconciler.published import schemas_directory
from reconciler.sql.tree import DIALECT, name

MAIN_AUTHOR: Final = "user_ana"
_WRITTEN: Final = "2026-09-14T08:00:00Z"


@dataclass(frozen=True)
class _Insert:
    sql: str
    parameters: Sequence[object]


def load(file: str) -> Any:
    """One of the demo's data files."""
    return json.loads(files("reconciler.demo").joinpath(file).read_text())


def create_tables(connection: Connection) -> None:
    """The reference tables, in an empty database."""
    connection.execute((schemas_directory() / "reference.sql").read_bytes())


def seed(connection: Connection) -> None:
    """People, organisations, the template's vocabulary and what acme wrote itself."""
    vocabulary, people = load("vocabulary.json"), load("people.json")
    organization = vocabulary["organization"]
    insert(connection, "organization", {**organization, "createdAt": _WRITTEN})
    for table in ("user", "organization", "member", "entity_types"):
        for row in people[table]:
            insert(connection, table, row)
    insert(connection, "agents", {**vocabulary["agent"], "organization_id": organization["id"]})
    for row in vocabulary["entity_types"]:
        insert(connection, "entity_types", {**row, "organization_id": organization["id"]})
    ids = {
        row["slug"]: _relationship_type(connection, row, organization["id"])
        for row in vocabulary["relationship_types"]
    }
    for row in vocabulary["relationship_types"]:
        if row["inverse"] is not None:
            sql = "UPDATE entity_relationship_types SET inverse_type_id = $1 WHERE id = $2"
            run(connection, [_Insert(sql, (ids[row["inverse"]], ids[row["slug"]]))])
    for row in people["entities"]:
        kind = row.pop("entity_type")
        sql = "SELECT id FROM entity_types WHERE organization_id = $1 AND slug = $2"
        ((found,),) = run(connection, [_Insert(sql, (kind["organization"], kind["slug"]))])[0]
        insert(connection, "entities", {**row, "entity_type_id": found})


def _relationship_type(connection: Connection, row: Mapping[str, Any], organization: str) -> int:
    own = {text: value for text, value in row.items() if text not in ("inverse", "rules")}
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
    values = [
        json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()
    ]
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
