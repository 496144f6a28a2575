"""Plan -> Outcome, in one transaction: the only room that writes.

which database? -> time-outs -> lock the targets -> applied already? -> who may -> does it fit
-> is it approved -> lock the rows -> still as planned? -> ids -> revision -> rows -> links
-> counts -> ledger -> proven? -> commit

Where there is a fence, it is looked at with who may, and rows are written behind it.
"""

from __future__ import annotations

import random
import time
from typing import Final

from psycopg import errors as pg

from reconciler.applier.attempt import Attempt
from reconciler.applier.refusals import lost_at_commit, refuse_unfit
from reconciler.approvals import NONE, Approvals
from reconciler.database.connection import Connection, transaction
from reconciler.errors import LockedError, OutcomeUnknownError, StalePlanError
from reconciler.kinds import Kinds
from reconciler.model.outcome import Outcome, verdicts
from reconciler.model.plan import Plan
from reconciler.progress import tell

RETRIES: Final = 3
# What another writer's commit may cause, and a new attempt may not meet again: the platform
# takes ids of its own, beyond the sequence, and may take the very one that we drew.
_PASSING: Final = (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)


def apply(
    connection: Connection,
    plan: Plan,
    kinds: Kinds,
    lock_timeout: str = "10s",
    *,
    reviewed: str | None = None,
    approvals: Approvals = NONE,
) -> Outcome:
    """Execute exactly this plan, or refuse it whole.

    Where it was applied to some of its targets before, it goes on with the others. `reviewed`
    is the plan_id of the plan that was reviewed, where this one is a part of it; `approvals` are
    of that one, too.

    `lock_timeout` is PostgreSQL's: how long to wait for each lock, as `10s`. Deadlocks and
    serialization failures are retried, the whole transaction, up to three times.

    Raises ConflictsError, StalePlanError, LockedError, NotAuthorisedError, NotApprovedError,
    PlanFileError (another database), RefusedError, or what `open_database` raises; then nothing
    was written. Raises OutcomeUnknownError where the connection is lost at COMMIT (see `lost`).
    """
    refuse_unfit(plan, kinds)
    if plan.empty:
        return Outcome(
            status="nothing_to_do", plan_id=reviewed or plan.plan_id, targets=verdicts(plan, {})
        )
    for attempt in range(1, RETRIES + 1):
        work = Attempt(
            connection, plan, kinds, lock_timeout, attempt, reviewed or plan.plan_id, approvals
        )
        try:
            with transaction(connection, read_only=False):
                work.done = work.outcome()
                tell("committing")
            return work.done
        except OutcomeUnknownError as error:
            # Only the COMMIT raises it, so all was done before.
            raise lost_at_commit(error, work.done, work.transaction_id) from error.__cause__
        except (LockedError, StalePlanError) as error:
            if not isinstance(error.__cause__, _PASSING) or attempt == RETRIES:
                raise
            # Two that stopped each other must not meet again at once.
            time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311
    raise AssertionError("the last attempt returns or raises")
