"""A fleet whose plan is given to workers: a database with the queue, and nothing in it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import fleet as workers
from reconciler.fleet.wave import _plan
from reconciler.model.enqueued import Enqueued
from reconciler.model.event import Event
from reconciler.progress import listening
from tests.fixtures.world import World
from tests.test_waves import OWN, Fleet

# A worker that says nothing for so long is taken for dead.
SILENT = 0.5
EMPTY = """TRUNCATE reconcile_fleet.procrastinate_jobs, reconcile_fleet.procrastinate_workers,
           reconcile_fleet.plan CASCADE"""


class Queued(Fleet):
    """A fleet, and what workers do with its plan."""

    def enqueue(self, **pace: Any) -> str:
        self.own = self.world.sql(OWN)
        return workers.enqueue(self.world.dsn, self.made, **pace).what

    def work(self, **options: Any) -> list[str]:
        """Be a worker until nothing is left; what it said."""
        said: list[str] = []

        def hear(event: Event) -> None:
            if event.event == "note":
                said.append(event.text)

        with listening(hear):
            workers.work(self.world.dsn, until_empty=True, silent=SILENT, **options)
        return said

    def status(self) -> Enqueued:
        (found,) = workers.queue(self.world.dsn, self.made.plan_id).plans
        return found

    def jobs(self) -> list[tuple[int, str]]:
        return self.world.sql(
            "SELECT (args ->> 'wave')::int, status::text FROM reconcile_fleet.procrastinate_jobs "
            "ORDER BY id"
        )

    def told(self) -> list[list[tuple[Any, ...]]]:
        """All rows; ids of agents are minted for their organisations."""
        return [
            [(kind, "" if kind == "agent" else key, *rest) for kind, key, *rest in rows]
            for rows in self.rows().values()
        ]

    def another(self) -> Queued:
        return Queued(self.world, self.template, len(self.ids))


@pytest.fixture(scope="module")
def queue_world(shared_world: World) -> World:
    workers.init(shared_world.dsn)
    return shared_world


@pytest.fixture
def fleet(queue_world: World, small_template: str) -> Queued:
    queue_world.sql(EMPTY)
    _plan.cache_clear()
    queue_world.sql("DELETE FROM entity_types WHERE slug = 'own'")
    return Queued(queue_world, small_template, 5)
