"""Connections: opening one, lending a caller's, and turning psycopg's errors into our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from reconciler.database.keepalive import unsaid
from reconciler.database.quotations import unquote
from reconciler.errors import (
    DatabaseError,
    FenceError,
    HiddenRowsError,
    LockedError,
    MissingGrantError,
    OutcomeUnknownError,
    ReconcilerError,
    StalePlanError,
)
from reconciler.model.fence import POLICIES
from reconciler.redaction import redacted

Connection = psycopg.Connection[Any]
Database = str | Connection
Rows = list[tuple[Any, ...]]
_Meaning_co = TypeVar("_Meaning_co", covariant=True)


class Runnable(Protocol):
    """What can be run: SQL text with `$n` for its parameters."""

    @property
    def sql(self) -> str:
        """The text."""

    @property
    def parameters(self) -> Sequence[object]:
        """The values for `$1`, `$2`, ..."""


@contextmanager
def session(database: Database) -> Iterator[Connection]:
    """An idle connection: a new one for a connection string, or the caller's own.

    Raises DatabaseError where the server cannot be reached, and ReconcilerError where the
    caller's connection is inside a transaction, whose snapshot we could not choose.
    """
    if isinstance(database, str):
        ours = unsaid(_understood(database))
        try:
            connection = psycopg.connect(
                database, autocommit=True, prepare_threshold=None, client_encoding="utf8", **ours
            )
        except (psycopg.Error, UnicodeError) as error:
            raise DatabaseError(
                f"cannot connect to the database: {redacted(str(error).strip())}",
                hint="Name it with --database-url, RECONCILE_DATABASE_URL, DATABASE_URL or "
                "libpq's PG* variables; `reconcile dev start` starts one to try things on.",
            ) from error
        try:
            yield connection
        finally:
            connection.close()
        return
    if database.closed or database.info.transaction_status != TransactionStatus.IDLE:
        raise ReconcilerError(
            "the connection is closed or inside a transaction",
            hint="Hand over an idle connection: a plan reads one snapshot, and an apply is one "
            "transaction of its own.",
        )
    yield database


def _understood(conninfo: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(conninfo)
    except (psycopg.Error, UnicodeError):
        # What libpq says of it quotes it, and any part of it may be the password.
        raise DatabaseError(
            "the connection string cannot be read: it is neither a URL nor words like host=...",
            hint="Write postgresql://user@host/database (a % in it as %25), or "
            "host=... dbname=... with quotes around what has spaces.",
        ) from None


@contextmanager
def transaction(connection: Connection, *, read_only: bool) -> Iterator[None]:
    """One transaction: a REPEATABLE READ READ ONLY snapshot, or a READ COMMITTED write.

    Writes are READ COMMITTED on purpose: what an apply checks, it checks after it has its
    locks, and must then see what others committed while it waited.
    """
    level = "REPEATABLE READ READ ONLY" if read_only else "READ COMMITTED READ WRITE"
    before = connection.autocommit
    connection.autocommit = True
    try:
        with translated(writing=not read_only):
            try:
                connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode(), prepare=False)
                yield
                if read_only:
                    connection.execute(b"COMMIT", prepare=False)
                else:
                    _commit(connection)
            except BaseException:
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    with suppress(psycopg.Error):
                        connection.execute(b"ROLLBACK", prepare=False)
                raise
    finally:
        if connection.info.transaction_status == TransactionStatus.IDLE:
            connection.autocommit = before


def _commit(connection: Connection) -> None:
    try:
        ended = connection.execute(b"COMMIT", prepare=False)
    except (psycopg.OperationalError, KeyboardInterrupt) as error:
        # An error that the server itself reports has ended the transaction; silence has not. And
        # what was sent before an interrupt cannot be called back: where the transaction is still
        # open, nothing was.
        told = isinstance(error, psycopg.OperationalError) and error.sqlstate is not None
        unsent = connection.info.transaction_status == TransactionStatus.INTRANS
        if unsent or (told and not connection.closed):
            raise
        what = "the connection was lost" if connection.closed else "interrupted"
        raise OutcomeUnknownError(
            f"{what} while committing, so this side cannot know the outcome",
            hint="Apply the same plan again: it is applied once, and the ledger knows whether "
            "that has happened.",
        ) from error
    if ended.statusmessage != "COMMIT":
        # So PostgreSQL ends a transaction in which a statement failed.
        raise DatabaseError(
            "a statement failed and nobody noticed, so nothing was written",
            hint="Please report this: it is a defect.",
        )


def run(connection: Connection, statements: Sequence[Runnable]) -> list[Rows]:
    """Send statements together, in one round trip, and return the rows of each.

    A statement that returns no rows gives one row with the number of rows that it wrote.
    """
    return list(_answers(*_sent_together(connection, statements))) if statements else []


@dataclass(frozen=True)
class Question(Generic[_Meaning_co]):
    """Statements, and what their answers mean; it may be an error."""

    statements: Sequence[Runnable]
    meaning: Callable[[Sequence[Rows]], _Meaning_co]


class Batch:
    """Questions that do not depend on each other's answers: one round trip for all.

    An answer is judged when it is called for, and so is a statement that failed: what was asked
    before it is judged first, as if each had been sent alone. All answers must be called for.
    """

    def __init__(self) -> None:
        self._statements: list[Runnable] = []
        self._answers: list[Rows] = []
        self._failed: psycopg.Error | None = None

    def ask(self, question: Question[_Meaning_co]) -> Callable[[], _Meaning_co]:
        """Have a question sent; what is returned gives the answer's meaning, once it was."""
        start = len(self._statements)
        self._statements += question.statements
        end = len(self._statements)

        def answer() -> _Meaning_co:
            if end > len(self._answers) and self._failed is not None:
                raise self._failed
            return question.meaning(self._answers[start:end])

        return answer

    def send(self, connection: Connection) -> None:
        """Send everything that was asked."""
        cursors, self._failed = _sent_together(connection, self._statements)
        with suppress(psycopg.Error):
            self._answers += _answers(cursors, self._failed)


def ask(connection: Connection, question: Question[_Meaning_co]) -> _Meaning_co:
    """Ask one question alone."""
    return question.meaning(run(connection, question.statements))


_Cursors = list[psycopg.RawCursor[tuple[Any, ...]]]


def _sent_together(
    connection: Connection, statements: Sequence[Runnable]
) -> tuple[_Cursors, psycopg.Error | None]:
    cursors: _Cursors = []
    try:
        with connection.pipeline():
            for statement in statements:
                cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
                cursors.append(cursor)
                parameters = [_sent(value) for value in statement.parameters]
                text = statement.sql.encode(connection.info.encoding)
                cursor.execute(text, parameters, prepare=False)
    except psycopg.Error as error:
        return cursors, error
    return cursors, None


def _answers(cursors: _Cursors, failed: psycopg.Error | None) -> Iterator[Rows]:
    """The rows of each statement, up to the one that failed, if any."""
    for cursor in cursors:
        if failed is not None and cursor.pgresult is None:
            raise failed
        yield cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
    if failed is not None:
        raise failed


def _sent(value: object) -> object:
    """A parameter as it is sent: lists as PostgreSQL writes arrays, for which psycopg is slow."""
    return as_array(value) if isinstance(value, list) else value


def as_array(values: list[Any]) -> str:
    """A list as PostgreSQL writes arrays."""
    if all(type(one) is int for one in values):
        return "{" + ",".join(map(str, values)) + "}"
    return "{" + ",".join(map(_item, values)) + "}"


def _item(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


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
