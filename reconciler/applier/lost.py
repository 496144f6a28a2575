"""The connection was lost at COMMIT: what became of the plan, asked and never guessed.

The ledger says what was applied. Where it does not know the plan, the transaction may still be on
its way: the server knows by the transaction's id, or, where that was not told, by who holds the
lock that every apply has on the revisions from before its COMMIT to its end.
"""

from __future__ import annotations

import re
import time
from typing import Final, Literal

from psycopg import errors as pg

from reconciler.applier.refusals import another_database, not_applied, unknown
from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection, session, transaction
from reconciler.database.opening import open_ledger
from reconciler.errors import DatabaseError, OutcomeUnknownError, ReconcilerError
from reconciler.ledger.history import applied, done_of, undone, waves_of
from reconciler.model.outcome import Fate, Outcome, already, the_only, total
from reconciler.model.plan import Plan

_PAUSE: Final = 0.05
_UNITS: Final = {"": 1e-3, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
# Instead of a lock_timeout of 0, which has no end.
_LONG_ENOUGH: Final = 10.0

_STATUS: Final = "SELECT pg_xact_status($1::text::xid8)"
_WRITERS: Final = Fixed(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = 'reconcile.revision'::regclass AND mode = 'RowExclusiveLock' "
    "AND pid IS DISTINCT FROM pg_backend_pid()"
)

# Of the transaction: it has ended, or may still write the revision, or nobody can tell.
_State = Literal["ended", "in progress", "unknown"]
_WHY: Final = {
    "in progress": "the transaction is still in progress",
    "unknown": "this server does not know the transaction: it was restored, or is another one",
}


def ask(
    connection: Connection,
    plan: Plan,
    transaction_id: str | None,
    wait: float,
    reviewed: str | None = None,
) -> Fate:
    """What became of a plan; waits so many seconds for a transaction that has not ended.

    `reviewed` is the plan_id of the plan that was reviewed, where this one is a part of it.

    Raises PlanFileError where this is another database than the plan's, DatabaseError where
    this connection is lost, too.
    """
    deadline = time.monotonic() + wait
    writers: frozenset[str] | None = None
    while True:
        # First whether it has ended and then what it left: the other way round, it could end
        # in between.
        if transaction_id is None:
            writing = _writers(connection)
            writers = writing if writers is None else writers & writing
            state: _State = "in progress" if writers else "ended"
        else:
            state = _state(connection, transaction_id)
        found = _find(connection, plan, reviewed or plan.plan_id)
        if found.status == "applied" or state == "ended":
            return found
        if state == "unknown" or time.monotonic() >= deadline:
            return Fate(status="unknown", plan_id=plan.plan_id, why=_WHY[state])
        time.sleep(_PAUSE)


def resolve(
    database: str,
    plan: Plan,
    lost: OutcomeUnknownError,
    lock_timeout: str,
    reviewed: str | None = None,
) -> Outcome:
    """The outcome of an apply whose connection was lost at COMMIT, asked on a new connection.

    Waits as long as for a lock, for the transaction to end or the server to come back. Raises
    NotAppliedError where the transaction was rolled back, OutcomeUnknownError where the server
    cannot be asked, or does not know yet.
    """
    deadline = time.monotonic() + (seconds(lock_timeout) or _LONG_ENOUGH)
    try:
        while True:
            try:
                with session(database) as connection:
                    left = deadline - time.monotonic()
                    fate = ask(connection, plan, lost.transaction_id, left, reviewed)
                break
            except ReconcilerError as error:
                if time.monotonic() >= deadline:
                    raise unknown(plan, error.message, lost.transaction_id) from error
            time.sleep(_PAUSE)
    except KeyboardInterrupt as error:
        # Nothing was asked to end: the transaction was under way before.
        raise unknown(plan, "interrupted while asking", lost.transaction_id) from error
    match fate.status:
        case "applied":
            return _outcome(plan, fate, lost)
        case "partly_applied" | "not_applied":
            raise not_applied(plan) from lost
        case _:
            raise unknown(plan, fate.why, lost.transaction_id) from lost


def seconds(text: str) -> float | None:
    """A time as PostgreSQL writes it, such as `10s`, in seconds; None for another text."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(us|ms|s|min|h|d|)\s*", text)
    return float(found[1]) * _UNITS[found[2]] if found else None


def _outcome(plan: Plan, fate: Fate, lost: OutcomeUnknownError) -> Outcome:
    expected = lost.expected
    if isinstance(expected, Outcome) and expected.revision in {
        wave.revision for wave in fate.waves
    }:
        return expected
    # Somebody else applied the same plan, after our transaction was rolled back.
    return already(plan, fate.waves, fate.undone).model_copy(update={"plan_id": fate.plan_id})


def _find(connection: Connection, plan: Plan, reviewed: str) -> Fate:
    with transaction(connection, read_only=True):
        here = open_ledger(connection)
        if here != plan.database:
            raise another_database(plan, here)
        rows = applied(connection, reviewed)
        taken_back = undone(connection, rows, plan.changed)
    mine = set(plan.organizations)
    rows = [row for row in rows if not mine.isdisjoint(row[2])]
    if not rows:
        return Fate(status="not_applied", plan_id=reviewed)
    done = done_of(rows)
    waves = waves_of(rows)
    return Fate(
        status="applied" if done.issuperset(plan.changed) else "partly_applied",
        plan_id=reviewed,
        revision=the_only(waves),
        counts=total(waves),
        waves=waves,
        undone=taken_back,
    )


def _state(connection: Connection, transaction_id: str) -> _State:
    try:
        with transaction(connection, read_only=True):
            ((status,),) = run(connection, [Fixed(_STATUS, (transaction_id,))])[0]
    except DatabaseError as error:
        if isinstance(error.__cause__, pg.InvalidParameterValue):
            # In the future: this server was restored, or another one took its place.
            return "unknown"
        raise
    match status:
        case "in progress":
            return "in progress"
        case "committed":
            # Then the ledger knows it, and if not, it is another server's transaction.
            return "unknown"
        case _:
            # Aborted, or ended so long ago that nobody remembers how.
            return "ended"


def _writers(connection: Connection) -> frozenset[str]:
    """The transactions that have written a revision, or may, and have not ended."""
    with transaction(connection, read_only=True):
        (rows,) = run(connection, [_WRITERS])
    return frozenset(one for (one,) in rows)
