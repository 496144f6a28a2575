"""Giving a plan to the workers, giving what is left of it to them again, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler import library
from reconciler.applier.approved import approving
from reconciler.applier.refusals import refuse_elsewhere, refuse_unfit
from reconciler.approvals import Approvals, Demand
from reconciler.database.asking import Batch, run
from reconciler.database.connection import Connection, Database, session, transaction
from reconciler.database.failures import translated
from reconciler.database.opening import open_ledger
from reconciler.errors import Exit
from reconciler.fleet import install, jobs, store
from reconciler.ledger.approvals import recording
from reconciler.model.approval import Approval
from reconciler.model.enqueued import Deferred
from reconciler.model.plan import Plan
from reconciler.rollout import refuse_too_large
from reconciler.rollout.pace import Pace


def enqueue(
    database: Database,
    plan: Plan,
    *,
    kinds: Path | None = None,
    lock_timeout: str = "10s",
    wave: str | None = None,
    canary: str | None = None,
    max_failures: int = 0,
    pause: str = "0s",
    approvals: Sequence[Approval] = (),
    require: Demand | None = None,
) -> Deferred:
    """Keep a plan, and give its waves to the workers; all of it, or nothing.

    On a connection, this is a part of the transaction that is open on it, and workers see it when
    that is committed: whoever approves a plan can enqueue it in the transaction that notes the
    approval. The pace is as in `library.apply`, where a pause means that waves go one after the
    other. A canary is the only wave that gets a job at first; the others follow when it has ended.

    What the ledger's settings demand of `approvals` is asked here, and again by each wave; what
    `require` demands, here only. Those that count are recorded, where each wave finds them.

    A plan that was enqueued before stays as it is, at its own pace; approvals that are given now
    count from now on. Raises what an apply would refuse at once: ConflictsError, NotApprovedError,
    PlanFileError (another database, unknown kinds), RefusedError, InvalidPlanError;
    NotInitialisedError where `init` has not run.
    """
    jobs.needed()
    pace = Pace.of(wave=wave, canary=canary, max_failures=max_failures, pause=pause)
    refuse_unfit(plan, library.kinds_of(plan, kinds))
    refuse_too_large(plan, pace)
    stored = store.new(plan, pace, lock_timeout)
    told = {"plan_id": plan.plan_id, "waves": len(stored.waves), "targets": len(stored.targets)}
    with _inside(database) as connection:
        # What looking sets up, is not left behind in the caller's transaction.
        with connection.transaction(force_rollback=True):
            refuse_elsewhere(plan, lambda: open_ledger(connection))
            install.opened(connection)
        if plan.empty:
            return Deferred(what="nothing_to_do", plan_id=plan.plan_id)
        _approve(connection, plan, Approvals(tuple(approvals), require))
        if not store.add(connection, stored, plan):
            return Deferred(what="enqueued_before", **told)
        first = stored.next_to(0)
        jobs.defer(connection, plan.plan_id, first)
        return Deferred(what="enqueued", jobs=len(first), **told)


def resume(database: Database, plan_id: str, *, max_failures: int | None = None) -> Deferred:
    """Give the workers what is left of a plan, also the targets that were refused.

    `plan_id` may be its beginning. Raises NotFoundError for a plan that was not enqueued.
    """
    jobs.needed()
    with session(database) as connection, transaction(connection, read_only=False):
        open_ledger(connection)
        install.opened(connection)
        stored = store.found(connection, store.named(connection, plan_id), "update")
        done = store.done(connection, stored)
        left = [
            number for number, targets in enumerate(stored.waves, 1) if not done.issuperset(targets)
        ]
        told = {
            "plan_id": stored.plan_id,
            "waves": len(stored.waves),
            "targets": len(stored.targets) - len(done),
        }
        if not left:
            return Deferred(what="nothing_to_do", **told)
        jobs.take_back(connection, stored.plan_id)
        # Whether it waits for the first of them, is as it was when it was enqueued.
        first = stored.next_to(left[0] - 1)
        again = [left[0]] if len(first) == 1 else left
        store.forget(connection, stored.plan_id, stored.targets)
        allowed = stored.pace.max_failures if max_failures is None else max_failures
        store.restart(connection, stored.plan_id, deferred=again[-1], max_failures=allowed)
        jobs.defer(connection, stored.plan_id, again)
        return Deferred(what="resumed", jobs=len(again), **told)


def cancel(database: Database, plan_id: str) -> Deferred:
    """Take what waits of a plan from the workers; what is applied stays, and a wave that is in
    progress is finished.

    `plan_id` may be its beginning. Raises NotFoundError for a plan that was not enqueued.
    """
    jobs.needed()
    with session(database) as connection, transaction(connection, read_only=False):
        open_ledger(connection)
        install.opened(connection)
        stored = store.found(connection, store.named(connection, plan_id), "update")
        done = store.done(connection, stored)
        left = len(stored.targets) - len(done)
        if not left:
            return Deferred(what="nothing_to_do", plan_id=stored.plan_id)
        taken = jobs.take_back(connection, stored.plan_id)
        store.end(connection, stored.plan_id, "cancelled", None, "cancelled", Exit.ERROR)
        return Deferred(
            what="cancelled",
            plan_id=stored.plan_id,
            jobs=taken,
            waves=len(stored.waves),
            targets=left,
        )


def _approve(connection: Connection, plan: Plan, approvals: Approvals) -> None:
    batch = Batch()
    approved = approving(batch, plan, plan.plan_id, approvals)
    batch.send(connection)
    run(connection, recording(plan.plan_id, approved()))


@contextmanager
def _inside(database: Database) -> Iterator[Connection]:
    """A part of the caller's transaction that can fail alone, or a transaction of its own."""
    if isinstance(database, str):
        with session(database) as connection, translated(), connection.transaction():
            yield connection
        return
    with translated():
        if not database.autocommit:
            # So that the transaction is the caller's, who has to commit it.
            database.execute(b"SELECT 1")
        with database.transaction():
            yield database
