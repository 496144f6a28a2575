"""Asking the database: statements that travel together, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from psycopg.rows import tuple_row

from reconciler.database.connection import Connection

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


@dataclass(frozen=True)
class Fixed:
    """A fixed statement with its parameters."""

    sql: str
    parameters: tuple[object, ...] = ()


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
