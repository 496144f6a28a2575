"""psycopg's errors as our own, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from reconciler.database.quotations import unquote
from reconciler.errors import (
    DatabaseError,
    FenceError,
    HiddenRowsError,
    LockedError,
    MissingGrantError,
    ReconcilerError,
    StalePlanError,
)
from reconciler.model.fence import POLICIES


@contextmanager
def translated(*, writing: bool = False) -> Iterator[None]:
    """Raise psycopg's errors as ours, with the original as the cause; see `translate`."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, writing=writing) from error
    except UnicodeEncodeError as error:
        text = ascii(error.object[max(0, error.start - 20) : error.end + 20])
        raise DatabaseError(
            f"{text} cannot be sent to the database: it is not text in {error.encoding}; nothing "
            "was written",
            hint="Write it in UTF-8, without halves of characters.",
        ) from error


def translate(error: psycopg.Error, *, writing: bool = False) -> ReconcilerError:
    """The error of ours that says the same, with what to do.

    Of rows that are written, it quotes no value: that may be one of a sensitive column.
    """
    unquote(error, values=writing)
    said = str(error).strip() or type(error).__name__
    table = f" (table {error.diag.table_name})" if error.diag.table_name else ""
    match error:
        case pg.LockNotAvailable():
            return LockedError(
                f"another writer holds a lock that this apply needs{table}; nothing was written",
                hint="Try again, or wait longer: -lock-timeout=60s.",
            )
        case pg.QueryCanceled():
            return LockedError(
                f"the database ended a statement that took too long: {said}; nothing was written",
                hint="Try again when the database is less busy, or raise statement_timeout.",
            )
        case (
            pg.UniqueViolation()
            | pg.ForeignKeyViolation()
            | pg.NotNullViolation()
            | pg.CardinalityViolation()
        ):
            return StalePlanError(
                f"the database refused a row{table}: {said}\nNothing was written.",
                hint="Make a new plan: it shows what is in the way, if a row changed after this "
                "one was made. If it does not, it is an index that a plan cannot check: the one "
                "named above.",
            )
        case pg.CharacterNotInRepertoire() | pg.UntranslatableCharacter():
            return DatabaseError(
                f"the database cannot say it in UTF-8, or store it: {said}; nothing was written",
                hint="A row has bytes that are no text in the database's own encoding, or what "
                "was given has characters that this encoding does not know. Mend the row, or move "
                "to a database in UTF-8.",
            )
        case pg.SerializationFailure() | pg.DeadlockDetected():
            return LockedError(
                f"other writers kept getting in the way: {said}; nothing was written",
                hint="Try again when the database is less busy.",
            )
        case pg.InsufficientPrivilege() if any(one in said for one in POLICIES.values()):
            return FenceError(
                "the fence stopped a statement that would have written a row outside of the "
                f"plan's targets: {said}\nNothing was written.",
                hint="Neither the plan nor the database is to blame. Please report this: it is a "
                "defect, or an edited installation.",
            )
        case pg.InsufficientPrivilege() if "row-level security" in said:
            return HiddenRowsError(
                f"row-level security would hide rows: {said}",
                hint="Use a role that sees every row: the tables' owner, or one with BYPASSRLS "
                "(`reconcile grants` prints what it needs).",
            )
        case pg.InsufficientPrivilege():
            return MissingGrantError(
                f"the database role may not do this: {said}; nothing was written",
                hint="Let a DBA grant the role what it lacks: `reconcile grants --role reader` "
                "prints what planning needs, `--role applier` what applying needs (--to ROLE, and "
                "--kinds DIR for kinds of your own). Or use another role.",
            )
        case psycopg.OperationalError() if error.sqlstate is None or isinstance(
            error, pg.AdminShutdown | pg.CrashShutdown | pg.IdleInTransactionSessionTimeout
        ):
            return DatabaseError(
                f"the connection to the database was lost: {said}; nothing was written",
                hint="Try again: a plan that was not applied can be applied as it is.",
            )
        case _:
            return DatabaseError(
                f"the database reported an error{table}: {said}; nothing was written",
                hint="See the database's log; --debug shows the whole trace.",
            )
