"""The schema `reconcile_fleet`: procrastinate's tables and ours."""

from __future__ import annotations

from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection, Database, session, transaction
from reconciler.errors import NotInitialisedError
from reconciler.fleet.jobs import needed
from reconciler.published import schemas_directory

VERSION: Final = 1

_TAG: Final = "$procrastinate$"
_THERE: Final = Fixed("SELECT to_regclass('reconcile_fleet.setting') IS NOT NULL")
_SETTINGS: Final = Fixed("SELECT name, value FROM reconcile_fleet.setting")
_LAST: Final = "procrastinate_migration"


def script() -> str:
    """The whole installation as one SQL script; it may run twice."""
    return f"""\
-- What `reconcile fleet` needs: procrastinate's tables and a few more, in a schema of their own.
BEGIN;
{_body()}
COMMIT;
"""


def init(database: Database) -> list[str]:
    """Install what is missing, in one transaction; says what, one line each.

    A newer procrastinate's migrations are run. Raises NotInitialisedError where the schema is of a
    newer release.
    """
    needed()
    with session(database) as connection, transaction(connection, read_only=False):
        found = _found(connection)
        version = int(found.get("version", 0))
        if version > VERSION:
            raise _newer(version)
        if not version:
            connection.execute(_body().encode())
            return [f"the workers' queue (schema reconcile_fleet), version {VERSION}"]
        names = [name for name, _ in _migrations() if name > found[_LAST]]
        if names:
            connection.execute(_upgrade(found[_LAST]).encode())
        return [f"procrastinate's migration {name}" for name in names]


def opened(connection: Connection) -> None:
    """Raise NotInitialisedError where the schema is missing, or of another version."""
    found = _found(connection)
    version = int(found.get("version", 0))
    if version > VERSION:
        raise _newer(version)
    if not version:
        raise NotInitialisedError(
            "the workers' queue (schema reconcile_fleet) is missing",
            hint="Run `reconcile fleet init`, or `reconcile fleet init --print` and have the "
            "script applied.",
        )


def _found(connection: Connection) -> dict[str, str]:
    if not run(connection, [_THERE])[0][0][0]:
        return {}
    return dict(run(connection, [_SETTINGS])[0])


def _body() -> str:
    from procrastinate.schema import SchemaManager

    (*_, (last, _)) = _migrations()
    ours = (schemas_directory() / "fleet" / "0001.up.sql").read_text()
    return f"""\
CREATE SCHEMA IF NOT EXISTS reconcile_fleet;
SET LOCAL search_path = reconcile_fleet;
DO $reconcile$ BEGIN
IF to_regclass('reconcile_fleet.procrastinate_jobs') IS NULL THEN
EXECUTE {_TAG}
{SchemaManager.get_schema()}
{_TAG};
END IF;
END $reconcile$;

{ours}
INSERT INTO reconcile_fleet.setting (name, value) VALUES ('{_LAST}', '{last}')
ON CONFLICT (name) DO NOTHING;
"""  # noqa: S608 - what is put in are files of packages


def _upgrade(after: str) -> str:
    missing = [(name, text) for name, text in _migrations() if name > after]
    texts = "\n".join(text for _, text in missing)
    return f"""\
SET LOCAL search_path = reconcile_fleet;
{texts}
UPDATE reconcile_fleet.setting SET value = '{missing[-1][0]}' WHERE name = '{_LAST}';
"""  # noqa: S608 - what is put in are files of a package


def _migrations() -> list[tuple[str, str]]:
    """procrastinate's, by name, in their order; its schema is what they come to."""
    from pathlib import Path

    from procrastinate.schema import SchemaManager

    paths = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    return [(path.stem, path.read_text(encoding="utf-8")) for path in paths]


def _newer(version: int) -> NotInitialisedError:
    return NotInitialisedError(
        f"the workers' queue has version {version}, and this release knows {VERSION}",
        hint="Use a newer release of reconcile; the queue is never downgraded.",
    )
