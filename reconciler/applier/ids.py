"""Ids for new rows, where the platform hands out its own beside the sequence.

The platform may take MAX(id) + 1 and leave the sequence behind, so before rows are created the
sequence is moved on beyond the largest id in use. It is moved by drawing from it, never by
setting it: what others draw at the same time stays theirs. A sequence that is too far behind for
that is left where it is, and the rows get ids after the largest.

Where the sequence was behind, the platform is about to take the next ids, too: some are left to
it, and more each time that an id was taken from under an apply and it is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from reconciler.database.connection import Connection, run
from reconciler.database.opening import Opening
from reconciler.database.platform import Fixed
from reconciler.errors import ReconcilerError
from reconciler.model.kind import Kind
from reconciler.model.table import TableColumn
from reconciler.sql.guard import Scope
from reconciler.sql.tree import Statement, column, table

# How many ids are left to the platform, attempt by attempt.
_ROOM: Final = (100, 1_000, 100_000)
# Drawing that many takes half a second.
_FAR: Final = 1_000_000
_LIMITS: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}

_LAST: Final = "SELECT coalesce(pg_sequence_last_value($1::regclass), 0)"
_DRAW: Final = "SELECT nextval($1::regclass)::text FROM generate_series(1, $2)"
_MOVE_ON: Final = "SELECT count(nextval($1::regclass)) FROM generate_series(1, $2)"


@dataclass(frozen=True)
class _Table:
    """A table that gets new rows: of which kinds, how many, and where its ids stand."""

    identity: TableColumn
    creates: Mapping[Kind, int]
    largest: int
    last: int | None

    def start(self, attempt: int) -> int | None:
        """The id after which there is room for all rows; None where the type has none left."""
        behind = self.last is None or self.last < self.largest
        start = self.largest + (_ROOM[attempt - 1] if behind or attempt > 1 else 0)
        fits = start + sum(self.creates.values()) <= _LIMITS[self.identity.type]
        return start if fits else None

    def given(self, start: int) -> dict[str, list[str]]:
        """Ids from here on, by kind."""
        found = {}
        for kind, rows in self.creates.items():
            found[kind.name] = [str(start + place) for place in range(1, rows + 1)]
            start += rows
        return found


def draw(
    connection: Connection,
    opening: Opening,
    creates: Mapping[str, int],
    scope: Scope,
    attempt: int,
) -> dict[str, list[str]]:
    """Move the sequences on, and give the ids of new rows that must know their own.

    `creates` says how many rows each kind gets; the ids come by kind. Two round trips.
    Raises ReconcilerError where a table has neither a sequence nor ids left.
    """
    statements: list[Fixed] = []
    drawing: list[str | None] = []
    found: dict[str, list[str]] = {}
    for one in _tables(connection, opening, creates, scope):
        start, sequence = one.start(attempt), one.identity.sequence
        if sequence is None or one.last is None:
            if start is None:
                names = ", ".join(kind.name for kind in one.creates)
                raise ReconcilerError(
                    f"there are no ids left after {one.largest} for new rows ({names})",
                    hint="Give the id column a sequence, or a larger type.",
                )
            found |= one.given(start)
            continue
        behind = 0 if start is None else start - one.last
        if behind > _FAR and start is not None and not one.identity.always:
            found |= one.given(start)
            continue
        if 0 < behind <= _FAR:
            statements.append(Fixed(_MOVE_ON, (sequence, behind)))
            drawing.append(None)
        for kind, rows in one.creates.items():
            if kind.knows_itself:
                statements.append(Fixed(_DRAW, (sequence, rows)))
                drawing.append(kind.name)
    for name, answer in zip(drawing, run(connection, statements), strict=True):
        if name is not None:
            found[name] = [line[0] for line in answer]
    return found


def _tables(
    connection: Connection, opening: Opening, creates: Mapping[str, int], scope: Scope
) -> list[_Table]:
    """The tables whose ids are numbers that others can hand out, too."""
    concerned: dict[tuple[str, str], dict[Kind, int]] = {}
    for kind in opening.kinds:
        identity = opening.catalog[kind.db_schema, kind.table].columns[kind.id]
        if kind.name in creates and identity.counted:
            concerned.setdefault((kind.db_schema, kind.table), {})[kind] = creates[kind.name]
    statements: list[Statement | Fixed] = []
    identities = []
    for kinds in concerned.values():
        kind = next(iter(kinds))
        identity = opening.catalog[kind.db_schema, kind.table].columns[kind.id]
        identities.append(identity)
        statements.append(scope.guard(_largest(kind)))
        if identity.sequence is not None:
            statements.append(Fixed(_LAST, (identity.sequence,)))
    answers = iter(run(connection, statements))
    found = []
    for identity, kinds in zip(identities, concerned.values(), strict=True):
        largest = next(answers)
        last = next(answers)[0][0] if identity.sequence is not None else None
        found.append(_Table(identity, kinds, largest[0][0] if largest else 0, last))
    return found


def _largest(kind: Kind) -> Statement:
    identity = column("t", kind.id)
    tree = (
        exp.select(identity)
        .from_(table(kind.db_schema, kind.table, "t"))
        .order_by(exp.Ordered(this=identity.copy(), desc=True))
        .limit(exp.Literal.number(1))
    )
    return Statement(f"look for the largest {kind.name} id", tree, ())
