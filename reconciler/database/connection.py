"""Connections and transactions: a new connection, or a caller's own; BEGIN, and COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from reconciler.database.failures import translated
from reconciler.database.keepalive import unsaid
from reconciler.errors import (
    DatabaseError,
    OutcomeUnknownError,
    ReconcilerError,
)
from reconciler.redaction import redacted

Connection = psycopg.Connection[Any]
Database = str | Connection


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
