"""Ids for new rows, where the platform hands out its own beside the sequence.

The platform may take MAX(id) + 1 and leave the sequence behind, so before rows are created the
sequence is moved on beyond the largest id in use. It is moved by drawing from it, never by
setting it: what others draw at the same time stays theirs. A sequence that is too far behind for
that is left where it is, and the rows get ids after the largest.

Where the sequence was behind, the platform is about to take the next ids, too: some are left to
it, and more each time that an id was taken from under an apply and it is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from reconciler.database.asking import Fixed, Question, Rows
from reconciler.database.opening import Opening
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


@dataclass(frozen=True)
class Drawing:
    """How the ids of new rows are come by.

    known  ids by kind that need no drawing
    draws  what moves sequences on, and what gives ids, with the kind that they are for
    """

    known: Mapping[str, list[str]]
    draws: Sequence[tuple[Fixed, str | None]]

    @property
    def tells(self) -> bool:
        """Whether ids are drawn that new rows must know."""
        return any(kind is not None for _, kind in self.draws)

    @property
    def question(self) -> Question[dict[str, list[str]]]:
        """Moves the sequences on, and gives the ids of new rows that must know their own."""
        return Question([statement for statement, _ in self.draws], self._drawn)

    def _drawn(self, answers: Sequence[Rows]) -> dict[str, list[str]]:
        told = zip(self.draws, answers, strict=True)
        drawn = {kind: [one for (one,) in answer] for (_, kind), answer in told if kind is not None}
        return {**self.known, **drawn}


def drawing(
    opening: Opening, creates: Mapping[str, int], scope: Scope, attempt: int
) -> Question[Drawing]:
    """Asks where the ids of the tables stand that get new rows.

    `creates` says how many rows each kind gets. Raises ReconcilerError where a table has neither
    a sequence nor ids left.
    """
    concerned: dict[tuple[str, str], dict[Kind, int]] = {}
    for kind in opening.kinds:
        if kind.name in creates and _identity(opening, kind).counted:
            concerned.setdefault((kind.db_schema, kind.table), {})[kind] = creates[kind.name]
    statements: list[Statement | Fixed] = []
    for kinds in concerned.values():
        kind = next(iter(kinds))
        statements.append(scope.guard(_largest(kind)))
        sequence = _identity(opening, kind).sequence
        if sequence is not None:
            statements.append(Fixed(_LAST, (sequence,)))

    def meaning(answers: Sequence[Rows]) -> Drawing:
        told = iter(answers)
        found = []
        for kinds in concerned.values():
            identity = _identity(opening, next(iter(kinds)))
            largest = next(told)
            last = next(told)[0][0] if identity.sequence is not None else None
            found.append(_Table(identity, kinds, largest[0][0] if largest else 0, last))
        return _drawing(found, attempt)

    return Question(statements, meaning)


def _identity(opening: Opening, kind: Kind) -> TableColumn:
    return opening.catalog[kind.db_schema, kind.table].columns[kind.id]


def _drawing(tables: Sequence[_Table], attempt: int) -> Drawing:
    known: dict[str, list[str]] = {}
    draws: list[tuple[Fixed, str | None]] = []
    for one in tables:
        start, sequence = one.start(attempt), one.identity.sequence
        if sequence is None or one.last is None:
            if start is None:
                names = ", ".join(kind.name for kind in one.creates)
                raise ReconcilerError(
                    f"there are no ids left after {one.largest} for new rows ({names})",
                    hint="Give the id column a sequence, or a larger type.",
                )
            known |= one.given(start)
            continue
        behind = 0 if start is None else start - one.last
        if behind > _FAR and start is not None and not one.identity.always:
            known |= one.given(start)
            continue
        if 0 < behind <= _FAR:
            draws.append((Fixed(_MOVE_ON, (sequence, behind)), None))
        for kind, rows in one.creates.items():
            if kind.knows_itself:
                draws.append((Fixed(_DRAW, (sequence, rows)), kind.name))
    return Drawing(known, draws)


def _largest(kind: Kind) -> Statement:
    identity = column("t", kind.id)
    tree = (
        exp.select(identity)
        .from_(table(kind.db_schema, kind.table, "t"))
        .order_by(exp.Ordered(this=identity.copy(), desc=True))
        .limit(exp.Literal.number(1))
    )
    return Statement(f"look for the largest {kind.name} id", tree, ())
