"""procrastinate, as it is used here: one queue, one task, one job a wave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.database.keepalive import unsaid
from reconciler.errors import DatabaseError, ReconcilerError
from reconciler.redaction import redacted

if TYPE_CHECKING:
    from procrastinate import App

QUEUE: Final = "reconcile"
TASK: Final = "reconcile.wave"

_PATH: Final = Fixed("SELECT current_setting('search_path')")
_SET_PATH: Final = "SELECT set_config('search_path', $1, true)"
_CANCEL: Final = """
UPDATE reconcile_fleet.procrastinate_jobs SET status = 'cancelled'
WHERE queue_name = $1 AND args ->> 'plan_id' = $2 AND status = 'todo' RETURNING id"""
# Whoever takes a job of a worker that is gone takes it alone: the row is locked, and looked at
# again after that.
_REQUEUE: Final = """
SELECT reconcile_fleet.procrastinate_retry_job_v2(found.id, now(), NULL, NULL, NULL),
       found.args ->> 'plan_id', (found.args ->> 'wave')::int
FROM (SELECT j.id, j.args FROM reconcile_fleet.procrastinate_jobs j
      WHERE j.queue_name = $1 AND j.status = 'doing'
        AND NOT EXISTS (SELECT FROM reconcile_fleet.procrastinate_workers w
                        WHERE w.id = j.worker_id
                          AND w.last_heartbeat >= now() - make_interval(secs => $2))
      FOR UPDATE OF j SKIP LOCKED) found"""
_OPEN: Final = """
SELECT count(*) FROM reconcile_fleet.procrastinate_jobs
WHERE queue_name = $1 AND status IN ('todo', 'doing')"""


def needed() -> None:
    """Raise ReconcilerError where the extra is not installed."""
    try:
        import procrastinate  # noqa: F401
    except ImportError as error:
        raise ReconcilerError(
            "`reconcile fleet` needs procrastinate, which is not installed here",
            hint="Install the extra: pip install 'row-reconciler[fleet]'",
        ) from error


def app(conninfo: str, connections: int) -> App:
    """procrastinate's, with connections that find its tables."""
    from procrastinate import App, PsycopgConnector

    return App(
        connector=PsycopgConnector(
            conninfo=_with_path(conninfo), min_size=1, max_size=connections, timeout=10
        )
    )


def _with_path(conninfo: str) -> str:
    """This database, with a search path that is set when the connection begins."""
    said = conninfo_to_dict(conninfo)
    given = said.get("options") or os.environ.get("PGOPTIONS", "")
    path = f"{given} -c search_path=reconcile_fleet".strip()
    return make_conninfo(conninfo, options=path, **unsaid(said))


def defer(connection: Connection, plan_id: str, waves: Iterable[int], pause: float = 0) -> None:
    """Give these waves to the workers, in the transaction that is open; after this many seconds."""
    from procrastinate import PsycopgConnector
    from procrastinate.jobs import Job
    from procrastinate.manager import JobManager

    at = datetime.now(UTC) + timedelta(seconds=pause) if pause else None
    jobs = [
        Job(
            queue=QUEUE,
            lock=None,
            queueing_lock=f"{plan_id}/{wave}",
            task_name=TASK,
            task_kwargs={"plan_id": plan_id, "wave": wave},
            scheduled_at=at,
        )
        for wave in waves
    ]
    with _on_path(connection):
        JobManager(PsycopgConnector()).batch_defer_jobs(jobs, connection=connection)


def take_back(connection: Connection, plan_id: str) -> int:
    """Cancel what waits of a plan; says how many jobs that are."""
    with _on_path(connection):
        (rows,) = run(connection, [Fixed(_CANCEL, (QUEUE, plan_id))])
    return len(rows)


def requeue(connection: Connection, silent: float) -> list[tuple[str, int]]:
    """Have the jobs of workers done again that were silent for so many seconds; says which plans'
    waves they are.
    """
    with _on_path(connection):
        (rows,) = run(connection, [Fixed(_REQUEUE, (QUEUE, silent))])
    return [(plan_id, wave) for _, plan_id, wave in rows]


def waiting_or_running(connection: Connection) -> int:
    """How many jobs are not done."""
    ((number,),) = run(connection, [Fixed(_OPEN, (QUEUE,))])[0]
    return int(number)


@contextmanager
def _on_path(connection: Connection) -> Iterator[None]:
    """procrastinate's functions and triggers find its tables meanwhile, in this transaction."""
    before = run(connection, [_PATH])[0][0][0]
    run(connection, [Fixed(_SET_PATH, ("reconcile_fleet",))])
    yield
    run(connection, [Fixed(_SET_PATH, (before,))])


def lost(error: BaseException) -> DatabaseError:
    """An error about the database, procrastinate's or ours, as the worker says it."""
    cause = error.__cause__ or error
    return DatabaseError(
        f"the worker has lost the database: {redacted(' '.join(str(cause).split()))}",
        hint="Try again. A wave that was in progress is applied whole or not at all, and another "
        "worker takes it over.",
    )
