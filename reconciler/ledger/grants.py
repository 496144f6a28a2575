"""What roles need in a database: asked of its catalog, and printed for its DBA to grant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.database.asking import Batch, Fixed, Question, run
from reconciler.database.catalog import inspecting
from reconciler.database.connection import Connection, transaction
from reconciler.database.fit import fit, tables_of
from reconciler.database.platform import SETTINGS
from reconciler.errors import NotInitialisedError, ReconcilerError
from reconciler.kinds import Kinds
from reconciler.model.fence import OPEN, ROLE, ROLE_SETTING
from reconciler.model.table import Table
from reconciler.sql.fence import Fencing, down, fenced, up
from reconciler.sql.grants import Grantee, Part, Way, script
from reconciler.sql.guard import LEDGER
from reconciler.sql.rights import PLATFORM, rights

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
_SECURED: Final = """
SELECT n.nspname::text, c.relname::text, coalesce(p.polroles = '{0}', false)
FROM unnest($1::text[], $2::text[]) AS wanted (db_schema, name)
JOIN pg_namespace n ON n.nspname = wanted.db_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = $3
WHERE c.relrowsecurity ORDER BY 1, 2
"""
_FENCE: Final = (
    "SELECT w.role, r.oid IS NOT NULL FROM (SELECT coalesce((SELECT value FROM reconcile.setting "
    "WHERE name = $1), $2)) AS w (role) LEFT JOIN pg_roles r ON r.rolname = w.role"
)


def grants(
    connection: Connection, kinds: Kinds, part: Part, role: str, fence: Way | None = None
) -> str:
    """The grants that a role needs to read, or to apply, as one script for psql.

    `fence` is for what is to become of the fence, and only its setting is read beside the catalog.
    Raises NotInitialisedError where the ledger or the tracking columns are missing,
    SchemaMismatchError where the kinds do not fit, ReconcilerError for a name that no role can
    have, and for a fence that a reader is to have.
    """
    _refuse(role)
    if fence and part != "applier":
        raise ReconcilerError(
            "a fence is for what an apply writes, and a reader writes nothing",
            hint="Say --role applier --fence " + fence,
        )
    with transaction(connection, read_only=True):
        pairs = tuple(dict.fromkeys((*PLATFORM, *tables_of(kinds))))
        schemas, names = (list(column) for column in zip(*pairs, strict=True))
        batch = Batch()
        settings = batch.ask(Question([SETTINGS, _NOWHERE], lambda answers: answers))
        catalog = batch.ask(inspecting(pairs))
        tables = batch.ask(Question([_LEDGER], lambda answers: answers[0]))
        known = batch.ask(Question([Fixed(_ROLE, (role,))], lambda answers: answers[0][0]))
        asked = Fixed(_SECURED, (schemas, names, OPEN))
        secured = batch.ask(Question([asked], lambda answers: answers[0]))
        batch.send(connection)
        settings()
        found = {pair: _unhidden(table) for pair, table in catalog().items()}
        ledger = tuple(name for (name,) in tables())
        if not ledger:
            raise NotInitialisedError(
                "the ledger (schema reconcile) is missing, so nothing can be granted on it",
                hint="Run `reconcile init`, or have the script of `reconcile init --print` "
                "applied, and then ask again.",
            )
        fitted = fit(kinds, found).kinds
        database, exists, sees_all = known()
        on = {(schema, name): everybody for schema, name, everybody in secured()}
        hidden = [*on, *(fenced(fitted) if fence == "up" else ())]
        told = tuple(sorted({f"{schema}.{name}" for schema, name in hidden}))
        to = Grantee(part, role, database, exists, sees_all, told, ledger, fence)
        wanted = rights(fitted, found, writes=part == "applier")
        more: Iterable[list[str]] = ()
        if fence:
            (behind,) = run(connection, [Fixed(_FENCE, (ROLE_SETTING, ROLE))])[0]
            role_behind, there = behind
            opened = frozenset(one for one in on if on[one])
            own = Fencing(role_behind, there, frozenset(on), opened)
            following = [one for kind in fitted for one in kind.followers]
            rows = {(kind.db_schema, kind.table) for kind in (*fitted, *following)}
            theirs = [one for one in wanted if (one.db_schema, one.name) in rows]
            more = up(own, fitted, found, theirs, role) if fence == "up" else down(own, fitted)
        return script(to, wanted, more)


def _unhidden(table: Table) -> Table:
    """The table as fit for a catalog that is only looked at: whose rows show is no matter here."""
    return table.model_copy(update={"hides_rows": False})


def _refuse(role: str) -> None:
    if not role or "\0" in role or len(role.encode("utf-8", "replace")) > _LONGEST:
        raise ReconcilerError(
            f"no role can be called {role!r}",
            hint=f"Name it in at most {_LONGEST} bytes (--to).",
        )
