"""How far plans are: what waits, what the ledger says is done, and who was refused."""

from __future__ import annotations

from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection, Database, session, transaction
from reconciler.database.opening import open_ledger
from reconciler.fleet import install, store
from reconciler.fleet.jobs import QUEUE
from reconciler.model.enqueued import Course, Enqueued, Queue, WaveCounts
from reconciler.model.outcome import Refusal

_JOBS: Final = """
SELECT (args ->> 'wave')::int, status::text FROM reconcile_fleet.procrastinate_jobs
WHERE queue_name = $1 AND args ->> 'plan_id' = $2 AND status IN ('todo', 'doing')
ORDER BY id"""


def queue(database: Database, plan_id: str | None = None) -> Queue:
    """All plans that were enqueued, the newest first; or the one that begins with `plan_id`.

    Raises NotFoundError for a plan that was not enqueued, NotInitialisedError before `init`.
    """
    with session(database) as connection, transaction(connection, read_only=True):
        open_ledger(connection)
        install.opened(connection)
        if plan_id is None:
            asked = store.everything(connection)
        else:
            asked = [store.found(connection, store.named(connection, plan_id))]
        return Queue(plans=tuple(_told(connection, one) for one in asked))


def _told(connection: Connection, stored: store.Stored) -> Enqueued:
    done = store.done(connection, stored)
    refused = [one for one in store.refused(connection, stored.plan_id) if one.target not in done]
    settled = done | {one.target for one in refused}
    ended = stored.state == "going" and settled.issuperset(stored.targets)
    course: Course = "done" if ended else stored.state
    stopped = course == "stopped"
    return Enqueued(
        plan_id=stored.plan_id,
        template=stored.template,
        enqueued_by=stored.enqueued_by,
        enqueued_at=stored.enqueued_at,
        pace=tuple(stored.pace.words()),
        course=course,
        waves=_waves(connection, stored, done, refused),
        targets=len(stored.targets),
        applied=len(done),
        refused=tuple(refused),
        why=stored.why if stopped else "",
        code=stored.exit_code,
    )


def _waves(
    connection: Connection, stored: store.Stored, done: set[str], refused: list[Refusal]
) -> WaveCounts:
    jobs: dict[int, str] = dict(run(connection, [Fixed(_JOBS, (QUEUE, stored.plan_id))])[0])
    settled = done | {one.target for one in refused}
    counts = dict.fromkeys(WaveCounts.model_fields, 0)
    for number, targets in enumerate(stored.waves, 1):
        job = jobs.get(number, "")
        # Nobody will do it: it ended in a way that nobody noted, or the job was removed.
        left = stored.state == "going" and number <= stored.deferred and job != "todo"
        if number == stored.stopped_in and not done.issuperset(targets):
            counts["failed"] += 1
        elif settled.issuperset(targets):
            counts["done"] += 1
        elif job == "doing":
            counts["running"] += 1
        else:
            counts["failed" if left else "waiting"] += 1
    return WaveCounts(**counts)
