"""Measuring: spreads over repeats, sizes on disk, and bytes of WAL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Spread:
    """What the repeats of one measurement gave; the median is what counts."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of these."""
        found = sorted(values)
        return cls(found[0], median(found), found[-1])

    def shown(self, digits: int) -> str:
        """The median, and how far the others were from it."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f} to {self.most:.{digits}f})"


def sizes(connection: Connection, schema: str) -> dict[str, int]:
    """The bytes of each table of a schema, with its indexes and what it keeps out of line."""
    found = connection.execute(
        "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c "
        "WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' ORDER BY 1",
        (schema,),
    )
    return dict(found.fetchall())


def wal_position(connection: Connection) -> int:
    """How many bytes of WAL were written so far, by anybody."""
    found = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert found is not None
    return int(found[0])


def tidied(connection: Connection) -> None:
    """Leave tables as autovacuum leaves them after a while: it is off, so as not to interfere."""
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
