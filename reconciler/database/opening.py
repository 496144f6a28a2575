"""What reading and writing begin with: is the ledger there, and do the kinds fit this database?"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.database.catalog import inspect
from reconciler.database.connection import Connection, run
from reconciler.database.fit import Shapes, fit, tables_of
from reconciler.database.platform import SETTINGS, Fixed
from reconciler.errors import NotInitialisedError
from reconciler.kinds import Kinds
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.model.table import Catalog, UniqueIndex

LEDGER_VERSION = "1"

_IDENTITY = Fixed(
    "SELECT s.system_identifier::text, current_database()::text, "
    "to_regclass('reconcile.setting') IS NOT NULL FROM pg_control_system() s"
)
_VERSION = Fixed("SELECT value FROM reconcile.setting WHERE name = 'ledger_version'")


@dataclass(frozen=True)
class Opening:
    """The database, and the kinds as this release of it has them.

    left_out  kinds that the database cannot hold, and need not, with the reason
    """

    database: DatabaseIdentity
    kinds: Kinds
    shapes: Shapes
    left_out: dict[str, str]
    catalog: Catalog

    @property
    def uniques(self) -> tuple[tuple[UniqueIndex, ...], ...]:
        """The unique indexes of each kind's table."""
        return tuple(self.catalog[kind.db_schema, kind.table].unique for kind in self.kinds)


def open_database(connection: Connection, kinds: Kinds) -> Opening:
    """Set up the transaction's session and hold the kinds against the catalog.

    Raises NotInitialisedError, SchemaMismatchError or HiddenRowsError, before anything is read.
    """
    _, identity = run(connection, [SETTINGS, _IDENTITY])
    system_identifier, name, has_ledger = identity[0]
    if not has_ledger:
        raise NotInitialisedError(
            "the ledger (schema reconcile) is missing",
            hint="Run `reconcile init`, or `reconcile init --print` and have the script applied.",
        )
    (version,) = run(connection, [_VERSION])
    if not version or version[0][0] != LEDGER_VERSION:
        found = version[0][0] if version else "no"
        raise NotInitialisedError(
            f"the ledger has version {found}, and this program needs {LEDGER_VERSION}",
            hint="Run `reconcile init` to upgrade an older ledger; for a newer one, use a newer "
            "release of reconcile.",
        )
    catalog = inspect(connection, tables_of(kinds))
    fitted = fit(kinds, catalog)
    return Opening(
        database=DatabaseIdentity(system_identifier=system_identifier, name=name),
        kinds=fitted.kinds,
        shapes=fitted.shapes,
        left_out=fitted.left_out,
        catalog=catalog,
    )
