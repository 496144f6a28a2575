"""Proof, before COMMIT, that exactly the plan's rows were written, and nothing besides.

Two facts make it, at a cost that goes with the plan and not with the tables. Each statement has
written the rows at its places (`reconciler.sql.proof`), and no others. And PostgreSQL, which counts
the rows that a session writes in each table, has counted no more than that: neither a trigger, nor
what follows a foreign key, nor a statement that should not be there has written anything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlglot import exp

from reconciler.applier.fence import Fence
from reconciler.applier.refusals import unproven
from reconciler.database.asking import Batch, Fixed, Question, Rows, Runnable
from reconciler.errors import ReconcilerError, StalePlanError
from reconciler.kinds import Kinds
from reconciler.sql.guard import LEDGER, Scope
from reconciler.sql.tree import Statement

# What is deferred to the COMMIT is done before the rows are counted.
_NOW: Final = Fixed("SET CONSTRAINTS ALL IMMEDIATE")
_COUNTING: Final = Fixed("SELECT current_setting('track_counts')")
# Where the platform's own triggers may write, an administrator of the database says.
_BESIDE: Final = Fixed(
    "SELECT n.nspname::text, c.relname::text FROM reconcile.setting s "
    "CROSS JOIN unnest(string_to_array(s.value, ',')) AS w (named) "
    "JOIN pg_class c ON c.oid = to_regclass(trim(w.named)) "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE s.name = 'triggered_tables'"
)
# Rows of a partition, or of a table that inherits, are its parents' rows, too. Temporary tables are
# nobody's but the session's.
_COUNTED: Final = Fixed(
    """
WITH RECURSIVE counted AS MATERIALIZED (
    SELECT c.oid, pg_stat_get_xact_tuples_inserted(c.oid) AS inserted,
           pg_stat_get_xact_tuples_updated(c.oid) AS updated,
           pg_stat_get_xact_tuples_deleted(c.oid) AS deleted
    FROM pg_class c
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND c.relnamespace <> 'pg_catalog'::regnamespace
), above AS (
    SELECT oid, oid AS parent, 0 AS height FROM counted WHERE inserted + updated + deleted > 0
    UNION ALL
    SELECT a.oid, i.inhparent, a.height + 1 FROM above a JOIN pg_inherits i ON i.inhrelid = a.parent
)
SELECT array_agg(n.nspname::text ORDER BY a.height), array_agg(p.relname::text ORDER BY a.height),
       min(c.inserted), min(c.updated), min(c.deleted)
FROM above a
JOIN counted c ON c.oid = a.oid
JOIN pg_class p ON p.oid = a.parent
JOIN pg_namespace n ON n.oid = p.relnamespace
GROUP BY a.oid
"""
)
# No row is counted where a table is emptied, or written anew, as a whole; all that does so holds
# this lock, which no statement of an apply takes.
_WHOLE: Final = Fixed(
    "SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_locks l "
    "JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' "
    "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname <> 'pg_toast' "
    "WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessExclusiveLock' ORDER BY 1, 2"
)

Table = tuple[str, str]
"""Schema and name."""


class Proof:
    """The proof of one transaction; it is told of each write, in their order."""

    def __init__(self, kinds: Kinds) -> None:
        self._audits = {(one.db_schema, one.table) for kind in kinds if (one := kind.audit)}
        written = [one for kind in kinds for one in (kind, *kind.followers)]
        self._known = self._audits | {(kind.db_schema, kind.table) for kind in written}
        self._beside: set[Table] = set()
        self._command = -1
        self._before: Counter[tuple[Table, str]] = Counter()
        self._planned: Counter[tuple[Table, str]] = Counter()

    def begin(self, batch: Batch) -> Callable[[], None]:
        """Asks what the session has counted so far (of earlier transactions, too), and where
        triggers may write.

        Raises ReconcilerError where the server does not count.
        """
        counting = batch.ask(Question([_COUNTING, _BESIDE, _COUNTED], lambda answers: answers))

        def judge() -> None:
            ((switch,),), beside, counted = counting()
            if switch != "on":
                raise ReconcilerError(
                    "track_counts is off, so nobody can prove what an apply writes; nothing was "
                    "written",
                    hint="Switch it on for the database: ALTER DATABASE ... SET track_counts = on;",
                )
            self._beside = set(beside) - self._known
            self._before = self._counts(counted)

        return judge

    def writing(
        self, scope: Scope, statements: Sequence[Statement], fence: Fence | None
    ) -> Question[None]:
        """Write, and raise StalePlanError where other rows were written than the plan says.

        Raises UnprovenError where they are as many, and other ones.
        """
        judged = [
            (one, each) for one in statements for each in (one, one.proof) if each is not None
        ]
        guarded = [scope.guard(each) for _, each in judged]
        sent: list[Runnable] = list(fence.around(guarded, scope.targets)) if fence else [*guarded]

        def judge(found: Sequence[Rows]) -> None:
            answers = [
                answer
                for one, answer in zip(sent, found, strict=True)
                if isinstance(one, Statement)
            ]
            for (one, each), answer in zip(judged, answers, strict=True):
                if each is one:
                    self._count(one, answer[0][0])
                else:
                    self._hold(one, answer)

        return Question(sent, judge)

    def _count(self, statement: Statement, written: int) -> None:
        if statement.rows is not None and written != statement.rows:
            raise StalePlanError(
                f"{statement.serves}: the plan says {statement.rows} rows, and the database "
                f"wrote {written}; nothing was kept",
                hint="A row that others refer to was retired or doubled after the plan was "
                "made. Make a new plan.",
            )
        table, how = _written(statement)
        # What nothing can prove of a tenant's rows, no plan has asked for.
        if statement.proof is not None or table in self._audits:
            self._planned[table, how] += written

    def _hold(self, statement: Statement, found: Rows) -> None:
        """Each row at the statement's places was written by one command, and by no earlier one."""
        command, rows = max(((int(one), rows) for one, rows in found), default=(-1, 0))
        if command <= self._command:
            rows = 0
        if rows != statement.rows:
            wrong = f"{rows} of the {statement.rows} rows at their places are as it wrote them"
            raise unproven([f"{statement.serves}: {wrong}"])
        self._command = command

    def end(self) -> Question[None]:
        """Asked when everything is written. Raises UnprovenError where anything else was."""

        def judge(answers: Sequence[Rows]) -> None:
            _, ((switch,),), counted, whole = answers
            found = self._counts(counted)
            found.subtract(self._before)
            wrong = list(self._wrong(found)) if switch == "on" else ["nobody counted the rows"]
            wrong += [
                f"{schema}.{name}: it was emptied or altered as a whole"
                for schema, name in whole
                if (schema, name) not in self._beside
            ]
            if wrong:
                raise unproven(wrong)

        return Question([_NOW, _COUNTING, _COUNTED, _WHOLE], judge)

    def _counts(self, rows: Rows) -> Counter[tuple[Table, str]]:
        """How many rows were written, by table and how."""
        found: Counter[tuple[Table, str]] = Counter()
        for schemas, names, inserted, updated, deleted in rows:
            line = list(zip(schemas, names, strict=True))
            table = next((one for one in line if one in self._known | self._beside), line[0])
            # A row that moves to another partition is deleted here, and inserted there.
            moved = deleted if len(line) > 1 else 0
            found[table, "insert"] += inserted - moved
            found[table, "update"] += updated + moved
            found[table, "delete"] += deleted - moved
        return found

    def _wrong(self, found: Counter[tuple[Table, str]]) -> Iterator[str]:
        for table, how in sorted(found.keys() | self._planned.keys()):
            planned, written = self._planned[table, how], found[table, how]
            if written == planned or table[0] == LEDGER or table in self._beside:
                continue
            yield (
                f"{'.'.join(table)}: the plan says {planned} {how}s, and the database counted "
                f"{written}"
            )


def _written(statement: Statement) -> tuple[Table, str]:
    """The table that a statement writes, and how."""
    tree = statement.tree
    table = tree.this.this if isinstance(tree, exp.Insert) else tree.this
    return (table.db, table.name), tree.key
