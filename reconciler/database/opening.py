"""What reading and writing begin with: is the ledger there, and do the kinds fit this database?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.database.asking import Batch, Fixed, Question
from reconciler.database.catalog import inspecting
from reconciler.database.connection import Connection
from reconciler.database.fit import Shapes, fit, tables_of
from reconciler.database.platform import SETTINGS
from reconciler.errors import NotInitialisedError
from reconciler.kinds import Kinds
from reconciler.model.kind import Kind
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.model.table import Catalog, UniqueIndex

# The number of the last migration under schemas/ledger/.
LEDGER_VERSION: Final = 4

_IDENTITY = Fixed(
    "SELECT s.system_identifier::text, current_database()::text, "
    "to_regclass('reconcile.setting') IS NOT NULL FROM pg_control_system() s"
)
# Counting them would take as long as they are many; how long their table is, is known.
_BYTES_AN_ORGANIZATION: Final = 150
_ORGANIZATIONS = Question(
    [Fixed("SELECT coalesce(pg_relation_size(to_regclass('public.organization')), 0)")],
    lambda answers: answers[0][0][0] / _BYTES_AN_ORGANIZATION,
)
_VERSION = Fixed("SELECT value FROM reconcile.setting WHERE name = 'ledger_version'")


@dataclass(frozen=True)
class Opening:
    """The database, and the kinds as this release of it has them.

    left_out       kinds that the database cannot hold, and need not, with the reason
    organizations  about how many there are
    """

    database: DatabaseIdentity
    kinds: Kinds
    shapes: Shapes
    left_out: dict[str, str]
    catalog: Catalog
    organizations: float

    @property
    def referring(self) -> Kind | None:
        """The kind of installations, where this database knows of some by reference."""
        return next((kind for kind in self.kinds if kind.by_reference), None)

    @property
    def uniques(self) -> tuple[tuple[UniqueIndex, ...], ...]:
        """The unique indexes of each kind's table."""
        return tuple(self.catalog[kind.db_schema, kind.table].unique for kind in self.kinds)


def open_database(connection: Connection, kinds: Kinds) -> Opening:
    """Set up the transaction's session and hold the kinds against the catalog.

    Raises NotInitialisedError, SchemaMismatchError or HiddenRowsError, before anything is read.
    """
    batch = Batch()
    opening = begin(batch, kinds, identifying(batch))
    batch.send(connection)
    return opening()


def begin(
    batch: Batch, kinds: Kinds, database: Callable[[], DatabaseIdentity]
) -> Callable[[], Opening]:
    """The same as questions; `database` is the answer to `identifying`, asked before."""
    catalog = batch.ask(inspecting(tables_of(kinds)))
    organizations = batch.ask(_ORGANIZATIONS)

    def opening() -> Opening:
        identity = database()
        found = catalog()
        fitted = fit(kinds, found)
        return Opening(
            database=identity,
            kinds=fitted.kinds,
            shapes=fitted.shapes,
            left_out=fitted.left_out,
            catalog=found,
            organizations=organizations(),
        )

    return opening


def open_ledger(connection: Connection) -> DatabaseIdentity:
    """Set up the transaction's session; says which database this is.

    Raises NotInitialisedError where the ledger is missing, or of another version than ours.
    """
    batch = Batch()
    database = identifying(batch)
    batch.send(connection)
    return database()


def identifying(batch: Batch) -> Callable[[], DatabaseIdentity]:
    """The same as questions, to be asked, and judged, before all others: where the ledger
    is missing, they cannot be answered.
    """
    identity = batch.ask(Question([SETTINGS, _IDENTITY], lambda answers: answers[1][0]))
    versions = batch.ask(Question([_VERSION], lambda answers: answers[0]))

    def database() -> DatabaseIdentity:
        system_identifier, name, has_ledger = identity()
        if not has_ledger:
            raise NotInitialisedError(
                "the ledger (schema reconcile) is missing",
                hint="Run `reconcile init`, or `reconcile init --print` and have the script "
                "applied.",
                database=DatabaseIdentity(system_identifier=system_identifier, name=name),
            )
        version = versions()
        found = int(version[0][0]) if version else 0
        if found > LEDGER_VERSION:
            raise newer_ledger(found)
        if found < LEDGER_VERSION:
            told = f"version {found}" if found else "no version"
            raise NotInitialisedError(
                f"the ledger has {told}, and this program needs {LEDGER_VERSION}",
                hint="Run `reconcile init`: it upgrades the ledger in place, and keeps what it "
                "tells. Or have the script of `reconcile init --print` applied.",
            )
        return DatabaseIdentity(system_identifier=system_identifier, name=name)

    return database


def newer_ledger(version: int) -> NotInitialisedError:
    """The ledger is of a release after this one."""
    return NotInitialisedError(
        f"the ledger has version {version}, and this release knows {LEDGER_VERSION}",
        hint="Use a newer release of reconcile; a ledger is never downgraded.",
    )
