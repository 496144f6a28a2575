"""What roles need in a database: asked of its catalog, and printed for its DBA to grant."""

from __future__ import annotations

from typing import Final

from reconciler.database.catalog import inspecting
from reconciler.database.connection import Batch, Connection, Question, transaction
from reconciler.database.fit import fit, tables_of
from reconciler.database.platform import SETTINGS, Fixed
from reconciler.errors import NotInitialisedError, ReconcilerError
from reconciler.kinds import Kinds
from reconciler.model.table import Catalog, Table
from reconciler.sql.grants import Grantee, Part, script
from reconciler.sql.rights import LEDGER, PLATFORM, rights

# What PostgreSQL cuts off a name.
_LONGEST: Final = 63

_LEDGER: Final = Fixed(
    "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1",
    (LEDGER,),
)
# So that sequences are named with their schemas.
_NOWHERE: Final = Fixed("SELECT set_config('search_path', '', true)")
_ROLE: Final = (
    "SELECT current_database()::text, r.oid IS NOT NULL, "
    "coalesce(r.rolsuper OR r.rolbypassrls, false) "
    "FROM (SELECT 1) AS one LEFT JOIN pg_roles r ON r.rolname = $1"
)
_FENCED: Final = """
SELECT n.nspname || '.' || c.relname
FROM unnest($1::text[], $2::text[]) AS wanted (db_schema, name)
JOIN pg_namespace n ON n.nspname = wanted.db_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
WHERE c.relrowsecurity ORDER BY 1
"""


def grants(connection: Connection, kinds: Kinds, part: Part, role: str) -> str:
    """The grants that a role needs to read, or to apply, as one script for psql.

    Only the catalog is read. Raises NotInitialisedError where the ledger or the tracking columns
    are missing, SchemaMismatchError where the kinds do not fit, ReconcilerError for a name that
    no role can have.
    """
    _refuse(role)
    with transaction(connection, read_only=True):
        pairs = tuple(dict.fromkeys((*PLATFORM, *tables_of(kinds))))
        batch = Batch()
        settings = batch.ask(Question([SETTINGS, _NOWHERE], lambda answers: answers))
        catalog = batch.ask(inspecting(pairs))
        tables = batch.ask(Question([_LEDGER], lambda answers: [one for (one,) in answers[0]]))
        known = batch.ask(Question([Fixed(_ROLE, (role,))], lambda answers: answers[0][0]))
        names = ([schema for schema, _ in pairs], [name for _, name in pairs])
        fenced = batch.ask(
            Question([Fixed(_FENCED, names)], lambda answers: [one for (one,) in answers[0]])
        )
        batch.send(connection)
        settings()
        found: Catalog = {pair: _unhidden(table) for pair, table in catalog().items()}
        ledger = tables()
        if not ledger:
            raise NotInitialisedError(
                "the ledger (schema reconcile) is missing, so nothing can be granted on it",
                hint="Run `reconcile init`, or have the script of `reconcile init --print` "
                "applied, and then ask again.",
            )
        database, exists, sees_all = known()
        fitted = fit(kinds, found)
        to = Grantee(part, role, database, exists, sees_all, tuple(fenced()), tuple(ledger))
        return script(to, rights(fitted.kinds, found, writes=part == "applier"))


def _unhidden(table: Table) -> Table:
    """The table as fit for a catalog that is only looked at: whose rows show is no matter here."""
    return table.model_copy(update={"hides_rows": False})


def _refuse(role: str) -> None:
    if not role or "\0" in role or len(role.encode("utf-8", "replace")) > _LONGEST:
        raise ReconcilerError(
            f"no role can be called {role!r}",
            hint=f"Name it in at most {_LONGEST} bytes (--to).",
        )
