"""Workers: whoever of them is killed, a target is done whole or not at all, and once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from threading import Thread
from typing import Any

import psycopg
import pytest

from reconciler import fleet as workers
from reconciler import library
from reconciler.errors import DatabaseError, Exit
from tests.fixtures.cut import between_statements, cut, in_a_child
from tests.fleet.conftest import SILENT, Queued

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

# RECONCILE_SOAK=1000 has fifty times five workers killed.
SOAK = int(os.environ.get("RECONCILE_SOAK", "0"))
RUNNING = """SELECT count(*) FROM pg_stat_activity WHERE application_name = 'w'
             AND wait_event_type = 'Lock'"""


def test_what_workers_do_is_what_an_apply_does(fleet: Queued) -> None:
    undisturbed = fleet.another()
    undisturbed.apply(wave="2", canary="1")
    assert fleet.enqueue(wave="2", canary="1") == "enqueued"
    before = fleet.status()
    assert (before.course, before.applied, before.exit_code) == ("going", 0, Exit.CHANGES)
    assert before.waves.waiting == 3
    assert [number for number, _ in fleet.jobs()] == [1]
    said = fleet.work(concurrency=2, name="w")
    assert len(said) == 3
    assert "wave 1: 1 target applied (revision " in said[0]
    fleet.whole(*fleet.ids)
    assert fleet.told() == undisturbed.told()
    assert fleet.plan().empty
    after = fleet.status()
    assert (after.course, after.applied, after.exit_code) == ("done", 5, Exit.DONE)
    assert after.waves.done == 3
    revisions = library.history(fleet.world.dsn, limit=3)
    assert {one.part_of for one in revisions} == {fleet.made.plan_id}
    assert sorted(one.targets for one in revisions) == [1, 2, 2]


@pytest.mark.parametrize("_", range(max(1, SOAK // 20)))
def test_killed_at_random_moments_and_done_by_another(fleet: Queued, _: int) -> None:
    undisturbed = fleet.another()
    undisturbed.apply(wave="1")
    fleet.enqueue(wave="1", canary="1")
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(5):
        left = moments.randrange(10, 70)

        def die(connection: psycopg.Connection[Any], what: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                if what == b"COMMIT" and moments.random() < 0.5:
                    connection.pgconn.exec_(b"COMMIT")
                os.kill(os.getpid(), signal.SIGKILL)

        assert in_a_child(fleet.work, die) in (0, -signal.SIGKILL)
        if done := fleet.done():
            fleet.whole(*done)
    fleet.work()
    fleet.whole(*fleet.ids)
    assert fleet.told() == undisturbed.told()
    assert fleet.status().exit_code == Exit.DONE
    assert fleet.plan().empty


def test_killed_between_the_canary_and_the_rest(fleet: Queued) -> None:
    """Its wave is committed, and nobody has been told yet."""
    fleet.enqueue(wave="2", canary="1")

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        if what == b"COMMIT" and fleet_revision(connection):
            connection.pgconn.exec_(b"COMMIT")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(fleet.work, die) == -signal.SIGKILL
    fleet.whole(fleet.ids[0])
    assert fleet.jobs() == [(1, "doing")]
    said = fleet.work()
    assert "its worker is gone" in said[0]
    assert "was applied before" in said[1]
    fleet.whole(*fleet.ids)


def fleet_revision(connection: psycopg.Connection[Any]) -> bool:
    """Whether this transaction has written a revision."""
    found = connection.pgconn.exec_(
        b"SELECT 1 FROM reconcile.revision WHERE xmin = pg_current_xact_id_if_assigned()::xid"
    )
    return bool(found.ntuples)


def test_two_workers_do_each_target_once(fleet: Queued) -> None:
    fleet.enqueue(wave="1")
    found: list[list[str]] = []
    threads = [Thread(target=lambda: found.append(fleet.work(concurrency=2))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("1 target applied" in said for each in found for said in each) == 5
    fleet.whole(*fleet.ids)


def test_a_refused_canary_is_all_that_was_tried(fleet: Queued) -> None:
    fleet.take_a_key(fleet.ids[0])
    fleet.enqueue(wave="2", canary="1")
    said = fleet.work()
    assert "stops the plan: 1 target is refused, and --max-failures allows 0" in said[-1]
    assert fleet.jobs() == [(1, "succeeded")]
    assert fleet.done() == {}
    status = fleet.status()
    assert (status.course, status.exit_code) == ("stopped", Exit.STALE)
    assert (status.waves.failed, status.waves.waiting) == (1, 2)
    assert [(one.target, one.reason) for one in status.refused] == [(fleet.ids[0], "stale")]
    fleet.world.sql("DELETE FROM entity_types WHERE name = 'Mine'")
    assert workers.resume(fleet.world.dsn, fleet.made.plan_id).jobs == 1
    fleet.work()
    fleet.whole(*fleet.ids)
    assert fleet.status().exit_code == Exit.DONE
    assert fleet.status().refused == ()


def test_as_many_may_be_refused_in_all_of_the_plan(fleet: Queued) -> None:
    for one in (fleet.ids[1], fleet.ids[2]):
        fleet.take_a_key(one)
    fleet.enqueue(wave="2", max_failures=1)
    said = fleet.work()
    assert any("is not applied: the plan is stopped" in one for one in said)
    assert fleet.done() == {fleet.ids[0]: 1}
    assert (fleet.status().course, fleet.status().waves.failed) == ("stopped", 1)
    assert workers.resume(fleet.world.dsn, fleet.made.plan_id, max_failures=2).jobs == 3
    fleet.work()
    status = fleet.status()
    assert (status.course, status.exit_code, status.applied) == ("done", Exit.STALE, 3)
    assert len(status.refused) == 2
    assert sorted(fleet.done()) == sorted({*fleet.ids} - {*fleet.ids[1:3]})


def test_with_a_pause_waves_go_one_after_the_other(fleet: Queued) -> None:
    fleet.enqueue(wave="2", pause="1ms")
    assert [number for number, _ in fleet.jobs()] == [1]
    fleet.work(concurrency=3)
    assert fleet.jobs() == [(1, "succeeded"), (2, "succeeded"), (3, "succeeded")]
    fleet.whole(*fleet.ids)


def test_cancelled_and_resumed(fleet: Queued) -> None:
    fleet.enqueue(wave="2")
    told = workers.cancel(fleet.world.dsn, fleet.made.plan_id[:8])
    assert (told.what, told.jobs, told.targets) == ("cancelled", 3, 5)
    fleet.work()
    assert fleet.done() == {}
    assert (fleet.status().course, fleet.status().exit_code) == ("cancelled", Exit.ERROR)
    assert fleet.enqueue() == "enqueued_before"
    assert workers.resume(fleet.world.dsn, fleet.made.plan_id).what == "resumed"
    fleet.work()
    fleet.whole(*fleet.ids)
    assert workers.resume(fleet.world.dsn, fleet.made.plan_id).what == "nothing_to_do"
    assert workers.cancel(fleet.world.dsn, fleet.made.plan_id).what == "nothing_to_do"


def test_what_was_applied_by_hand_is_not_applied_again(fleet: Queued) -> None:
    fleet.enqueue(wave="2")
    fleet.apply(wave="3")
    said = fleet.work()
    assert all("was applied before" in one for one in said)
    fleet.whole(*fleet.ids)


def test_a_lost_connection_is_tried_again(fleet: Queued) -> None:
    fleet.enqueue()
    cuts = 0

    def lose(connection: psycopg.Connection[Any], what: object) -> None:
        nonlocal cuts
        if not cuts and what == b"answered" and fleet_locks(fleet, connection):
            cuts += 1
            cut(connection)

    with between_statements(lose):
        said = fleet.work()
    assert cuts == 1
    assert "is tried again: the connection to the database was lost" in said[0]
    fleet.whole(*fleet.ids)


def fleet_locks(fleet: Queued, connection: psycopg.Connection[Any]) -> bool:
    return bool(
        fleet.world.sql(
            "SELECT 1 FROM pg_locks WHERE pid = %s AND relation = 'reconcile.target'::regclass",
            connection.info.backend_pid,
        )
    )


def test_what_no_worker_can_apply_stops_the_plan(fleet: Queued) -> None:
    fleet.enqueue(wave="2")
    fleet.world.sql("UPDATE reconcile_fleet.plan SET plan = replace(plan, 'user_ana', 'user_eve')")
    said = fleet.work()
    assert "stops the plan: changed after it was made" in said[0]
    assert (fleet.status().course, fleet.status().exit_code) == ("stopped", Exit.ERROR)
    assert fleet.done() == {}


def test_a_terminated_worker_finishes_its_wave(fleet: Queued) -> None:
    fleet.enqueue(wave="2", lock_timeout="30s")
    command = "import sys; from reconciler.cli import main; sys.exit(main())"
    with psycopg.connect(fleet.world.dsn) as writer:
        fleet.world.sql(
            "INSERT INTO reconcile.target (organization_id) VALUES (%s) ON CONFLICT DO NOTHING",
            fleet.ids[0],
        )
        writer.execute(
            "SELECT FROM reconcile.target WHERE organization_id = %s FOR UPDATE", (fleet.ids[0],)
        )
        worker = subprocess.Popen(
            [sys.executable, "-c", command, "fleet", "worker", "--name", "w"],
            env={**os.environ, "RECONCILE_DATABASE_URL": fleet.world.dsn},
            stderr=subprocess.PIPE,
            text=True,
        )
        while not fleet.world.sql(RUNNING)[0][0]:
            assert worker.poll() is None
            time.sleep(0.02)
        assert fleet.status().waves.running == 1
        worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert "Stopping when the wave in progress is done." in said
    assert "Traceback" not in said
    fleet.whole(*fleet.ids[:2])
    assert fleet.jobs() == [(1, "succeeded"), (2, "todo"), (3, "todo")]
    fleet.work()
    fleet.whole(*fleet.ids)


def test_a_server_that_cannot_be_reached(fleet: Queued) -> None:
    with pytest.raises(DatabaseError, match="cannot connect"):
        workers.work("host=/nonexistent dbname=x", silent=SILENT)


def test_a_job_that_is_gone_is_missed(fleet: Queued) -> None:
    fleet.enqueue(wave="2")
    fleet.world.sql("TRUNCATE reconcile_fleet.procrastinate_jobs CASCADE")
    status = fleet.status()
    assert (status.course, status.waves.failed, status.exit_code) == ("going", 3, Exit.ERROR)
    assert workers.resume(fleet.world.dsn, fleet.made.plan_id).jobs == 3
    fleet.work()
    fleet.whole(*fleet.ids)


def test_what_ended_the_process_too_often_is_not_begun_again(fleet: Queued) -> None:
    fleet.enqueue(wave="2")
    fleet.world.sql("UPDATE reconcile_fleet.procrastinate_jobs SET attempts = 99 WHERE id = "
                    "(SELECT min(id) FROM reconcile_fleet.procrastinate_jobs)")  # fmt: skip
    said = fleet.work()
    assert "wave 1 was begun 99 times, and never ended" in said[0]
    assert fleet.done() == {}
    assert fleet.status().exit_code == Exit.ERROR
