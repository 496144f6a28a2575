"""Installing what reconcile needs in a database: the tracking columns and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.database.asking import run
from reconciler.database.catalog import inspect
from reconciler.database.connection import Connection, transaction
from reconciler.database.opening import LEDGER_VERSION, newer_ledger
from reconciler.errors import SchemaMismatchError
from reconciler.kinds import Kinds
from reconciler.model.kind import Kind
from reconciler.published import schemas_directory

_OLDEST_SERVER: Final = 140000
_PLATFORM: Final = ("organization", "user", "member", "agents")
_TRACKED: Final = (
    "entity_types",
    "entity_relationship_types",
    "event_classifiers",
    "watchers",
    "view_templates",
)
_BUILT_IN: Final = {("public", table) for table in _TRACKED}
_TRACKING: Final = ("managed_by_template_agent_id", "source_template_org_id")
_REFERENCE: Final = "template_entity_id"


@dataclass(frozen=True)
class _Question:
    sql: str
    parameters: tuple[object, ...]


_TABLES: Final = """
SELECT c.relname, ARRAY(SELECT a.attname::text FROM pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attname = ANY($2) AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname = ANY($1)
  -- View templates of another shape are not mirrored (see the tracking migration).
  AND (c.relname <> 'view_templates' OR 2 = (
    SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
      AND a.attname IN ('organization_id', 'slug')))
"""
_VERSION: Final = "SELECT value FROM reconcile.setting WHERE name = 'ledger_version'"
_HAS_LEDGER: Final = "SELECT to_regclass('reconcile.setting') IS NOT NULL"


def script(kinds: Kinds) -> str:
    """The whole installation as one SQL script, for people who apply migrations themselves."""
    own = "".join(f"{sql};\n" for _, sql in _own(kinds))
    return (
        "-- What reconcile needs: run it once, as the owner of the tables; it is safe to repeat.\n"
        "BEGIN;\nSET LOCAL search_path = public;\n\n"
        + "\n".join(
            [_read("tracking"), *([own] if own else []), _read("tracking", 2), *_steps(after=0)]
        )
        + "\nCOMMIT;\n"
    )


def install(connection: Connection, kinds: Kinds) -> list[str]:
    """Install what is missing, in one transaction; says what, one line each.

    An older ledger is upgraded in place, one migration after the other.

    Raises SchemaMismatchError where the platform's tables or the server's version do not do,
    NotInitialisedError where the ledger is of a newer release.
    """
    with transaction(connection, read_only=False):
        connection.execute(b"SET LOCAL search_path = public")
        tables = _tables(connection)
        _refuse(connection, tables)
        done = [
            f"tracking columns on {table}"
            for table in _TRACKED
            if table in tables and set(_TRACKING) - tables[table]
        ]
        if done:
            connection.execute(_read("tracking").encode())
        if _REFERENCE not in tables["agents"]:
            connection.execute(_read("tracking", 2).encode())
            done.append(f"{_REFERENCE} on agents, which installing by reference needs")
        for kind, sql in _own(kinds):
            table = inspect(connection, ((kind.db_schema, kind.table),)).get(
                (kind.db_schema, kind.table)
            )
            assert kind.owner is not None
            if table and {kind.owner.agent, kind.owner.organization} - table.columns.keys():
                connection.execute(sql.encode())
                done.append(f"tracking columns on {kind.table}")
        return done + _ledger(connection)


def _ledger(connection: Connection) -> list[str]:
    """Bring the ledger up to this release's version; says whether there was anything to do."""
    before = _version(connection) if _has_ledger(connection) else 0
    if 0 < before < LEDGER_VERSION:
        # Of two upgrades at once, the second waits here, and then has nothing left to do.
        before = _version(connection, " FOR UPDATE")
    if before > LEDGER_VERSION:
        raise newer_ledger(before)
    for migration in _steps(after=before):
        connection.execute(migration.encode())
    if before == LEDGER_VERSION:
        return []
    upgraded = f", upgraded from version {before}" if before else ""
    return [f"ledger (schema reconcile), version {LEDGER_VERSION}{upgraded}"]


def _version(connection: Connection, lock: str = "") -> int:
    found = run(connection, [_Question(_VERSION + lock, ())])[0]
    return int(found[0][0]) if found else 0


def _steps(*, after: int) -> list[str]:
    """The ledger's migrations that come after this version, one after the other."""
    return [_read("ledger", number) for number in range(after + 1, LEDGER_VERSION + 1)]


def _own(kinds: Kinds) -> list[tuple[Kind, str]]:
    """Kinds of one's own that have tracking columns, and the statement that adds them."""
    return [
        (
            kind,
            f"ALTER TABLE IF EXISTS {_quoted(kind.db_schema)}.{_quoted(kind.table)}\n"
            f"    ADD COLUMN IF NOT EXISTS {_quoted(kind.owner.agent)} text,\n"
            f"    ADD COLUMN IF NOT EXISTS {_quoted(kind.owner.organization)} text",
        )
        for kind in kinds
        if kind.owner and (kind.db_schema, kind.table) not in _BUILT_IN
    ]


def _quoted(text: str) -> str:
    """A name as PostgreSQL reads it, whatever is in it."""
    return '"' + text.replace('"', '""') + '"'


def _tables(connection: Connection) -> dict[str, set[str]]:
    question = _Question(_TABLES, ([*_PLATFORM, *_TRACKED], [*_TRACKING, _REFERENCE]))
    return {name: set(columns) for name, columns in run(connection, [question])[0]}


def _refuse(connection: Connection, tables: dict[str, set[str]]) -> None:
    server = connection.info.server_version
    if server < _OLDEST_SERVER:
        raise SchemaMismatchError(
            f"the server is PostgreSQL {server // 10000}, and 14 is the oldest that will do",
            hint="Upgrade the server.",
        )
    missing = [name for name in _PLATFORM if name not in tables]
    if missing or not tables.keys() & set(_TRACKED):
        raise SchemaMismatchError(
            f"the database {connection.info.dbname} has no table "
            + ", ".join(f"public.{name}" for name in missing or _TRACKED[:1]),
            hint="Is this the platform's database? Check --database-url. To try things on an "
            "empty one, load schemas/reference.sql first.",
        )


def _has_ledger(connection: Connection) -> bool:
    ((found,),) = run(connection, [_Question(_HAS_LEDGER, ())])[0]
    return bool(found)


def _read(name: str, number: int = 1) -> str:
    return (schemas_directory() / name / f"{number:04}.up.sql").read_text()
