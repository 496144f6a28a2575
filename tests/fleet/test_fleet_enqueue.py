"""Giving plans to workers: in one transaction, once, and only what an apply would not refuse."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from reconciler import fleet as workers
from reconciler.database.embedded import Server
from reconciler.errors import (
    ConflictsError,
    NotFoundError,
    NotInitialisedError,
    PlanFileError,
    ReconcilerError,
    RefusedError,
)
from reconciler.fleet.store import Stored, new
from reconciler.rollout.pace import Pace
from tests.fixtures import plans
from tests.fixtures.world import World, copied
from tests.fleet.conftest import Queued

SETTINGS = """SELECT current_setting('search_path'), current_setting('TimeZone'),
              current_setting('row_security')"""


@pytest.mark.parametrize("autocommit", [True, False])
def test_it_is_a_part_of_the_callers_transaction(fleet: Queued, autocommit: bool) -> None:
    with psycopg.connect(fleet.world.dsn, autocommit=autocommit) as connection:
        connection.execute("SET search_path = pg_catalog; SET TimeZone = 'Asia/Tokyo'")
        connection.commit()

        def approve() -> None:
            before = connection.execute(SETTINGS).fetchone()
            assert workers.enqueue(connection, fleet.made, wave="2").what == "enqueued"
            assert connection.execute(SETTINGS).fetchone() == before
            assert fleet.jobs() == []

        with connection.transaction(force_rollback=True):
            approve()
        assert fleet.jobs() == []
        assert workers.queue(fleet.world.dsn).plans == ()
        with connection.transaction():
            approve()
    assert fleet.jobs() == [(1, "todo"), (2, "todo"), (3, "todo")]


def test_the_first_statement_of_an_implicit_transaction(fleet: Queued) -> None:
    with psycopg.connect(fleet.world.dsn) as connection:
        workers.enqueue(connection, fleet.made)
        assert fleet.jobs() == []
        connection.rollback()
        workers.enqueue(connection, fleet.made)
        connection.commit()
    assert fleet.jobs() == [(1, "todo")]


def test_a_refusal_leaves_the_callers_transaction_usable(fleet: Queued) -> None:
    other = fleet.made.model_copy(
        update={"database": fleet.made.database.model_copy(update={"name": "elsewhere"})}
    ).identified()
    with psycopg.connect(fleet.world.dsn) as connection:
        with pytest.raises(PlanFileError):
            workers.enqueue(connection, other)
        workers.enqueue(connection, fleet.made)
    assert fleet.jobs() == [(1, "todo")]


def test_twice_is_once(fleet: Queued) -> None:
    assert fleet.enqueue(wave="2") == "enqueued"
    assert fleet.enqueue(wave="1", canary="1") == "enqueued_before"
    assert len(fleet.jobs()) == 3
    assert fleet.status().pace == ("--wave", "2")
    fleet.work()
    assert fleet.enqueue() == "enqueued_before"
    assert len(fleet.jobs()) == 3


def test_what_an_apply_refuses_at_once(fleet: Queued, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.take_a_key(fleet.ids[0])
    with pytest.raises(ConflictsError):
        workers.enqueue(fleet.world.dsn, fleet.plan())
    unknown = fleet.made.model_copy(update={"kinds": {**fleet.made.kinds, "price": "0"}})
    with pytest.raises(PlanFileError, match="no such kind"):
        workers.enqueue(fleet.world.dsn, unknown.identified())
    with pytest.raises(ReconcilerError, match="is no number of targets"):
        fleet.enqueue(wave="many")
    monkeypatch.setattr("reconciler.rollout.MOST_ROWS", 10)
    with pytest.raises(RefusedError):
        fleet.enqueue()
    assert fleet.jobs() == []
    assert fleet.enqueue(wave="100%") == "enqueued"


def test_a_plan_with_nothing_to_do(fleet: Queued) -> None:
    fleet.apply()
    fleet.made = fleet.plan()
    assert fleet.enqueue() == "nothing_to_do"
    assert fleet.jobs() == []


def test_before_init(server: Server, seeded: str) -> None:
    for world in copied(server, seeded):
        asks: list[Any] = [
            lambda world=world: workers.enqueue(world.dsn, world.plan("birch")),
            lambda world=world: workers.work(world.dsn),
            lambda world=world: workers.queue(world.dsn),
            lambda world=world: workers.resume(world.dsn, "0"),
        ]
        for ask in asks:
            with pytest.raises(NotInitialisedError, match="is missing") as caught:
                ask()
            assert "reconcile fleet init" in caught.value.hint
        # As a script, and a second time, and by a release that brought more migrations.
        for _ in range(2):
            world.connection.execute(workers.script().encode())
        assert workers.init(world.dsn) == []
        last = "UPDATE reconcile_fleet.setting SET value = %s WHERE name = %s"
        world.sql(last, "03.04.00_01_pre_add_retry_failed_job_procedure", "procrastinate_migration")
        (told,) = workers.init(world.dsn)
        assert "03.04.00_50_post" in told
        assert workers.init(world.dsn) == []
        world.sql(last, "2", "version")
        with pytest.raises(NotInitialisedError, match="has version 2"):
            workers.init(world.dsn)


def test_plans_that_nobody_enqueued(fleet: Queued) -> None:
    fleet.enqueue()
    assert workers.queue(fleet.world.dsn, fleet.made.plan_id[:9]).plans[0].targets == 5
    for ask in (workers.queue, workers.resume, workers.cancel):
        with pytest.raises(NotFoundError, match="'nobody' was enqueued"):
            ask(fleet.world.dsn, "nobody")
    fleet.another().enqueue()
    with pytest.raises(ReconcilerError, match="several plans"):
        workers.queue(fleet.world.dsn, "")


@pytest.mark.parametrize(
    ("pace", "order"),
    [
        ({}, {0: [1]}),
        ({"wave": "1"}, {0: [1, 2, 3], 1: [], 3: []}),
        ({"wave": "1", "canary": "1"}, {0: [1], 1: [2, 3], 2: [], 3: []}),
        ({"wave": "1", "pause": "1s"}, {0: [1], 1: [2], 2: [3], 3: []}),
        ({"canary": "9"}, {0: [1], 1: []}),
    ],
)
def test_which_waves_follow_which(pace: dict[str, str], order: dict[int, list[int]]) -> None:
    made = Pace.of(**{"wave": None, "canary": None, "max_failures": 0, "pause": "0s", **pace})
    targets = [plans.target(slug) for slug in "abc"]
    plan = plans.plan(
        [plans.create().model_copy(update={"targets": tuple(t.organization.id for t in targets)})],
        targets=targets,
    )
    stored: Stored = new(plan, made, "10s")
    assert {number: list(stored.next_to(number)) for number in order} == order


def test_the_world_has_no_queue_of_its_own(world: World) -> None:
    """`reconcile init` does not bring it: nobody needs it who has no workers."""
    assert world.sql("SELECT to_regnamespace('reconcile_fleet')") == [(None,)]
