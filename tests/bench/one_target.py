"""One target: a library call on an open connection, and how often it waits for the server."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

import psycopg

from reconciler import library
from tests.bench import by_hand
from tests.bench.goal import Goal
from tests.bench.measure import Spread
from tests.bench.town import Town

LIMIT: Final = 3.0
TRIPS: Final = 14


def measured(town: Town, repeats: int) -> list[Goal]:
    """A first install: planned, and applied."""
    floors, planned, applied, trips = [], [], [], []
    # The first warms up what is made once a process.
    for _ in range(repeats + 1):
        with town.copy() as tenants:
            (target,) = tenants.targets(1)
            gc.collect()
            start = perf_counter()
            by_hand.install(tenants.connection, [target])
            floors.append(perf_counter() - start)
        with town.copy() as tenants, _counted() as seen:
            gc.collect()
            start = perf_counter()
            plan = library.plan(tenants.connection, "agent_template", [target], actor="user_owner")
            middle = perf_counter()
            library.apply(tenants.connection, plan)
            applied.append(perf_counter() - middle)
            planned.append(middle - start)
            trips.append(len(seen))
    floor, plans, applies = (Spread.of(one[1:]) for one in (floors, planned, applied))
    whole = Spread.of(a + b for a, b in zip(planned[1:], applied[1:], strict=True))
    told = {
        "floor_seconds": vars(floor),
        "plan_seconds": vars(plans),
        "apply_seconds": vars(applies),
        "round_trips": trips[-1],
    }
    says = (
        f"by hand {1000 * floor.median:.1f} ms, plan {1000 * plans.median:.1f} ms, "
        f"apply {1000 * applies.median:.1f} ms",
    )
    return [
        Goal("one target planned and applied", whole.median / floor.median, LIMIT, says, told),
        Goal("round trips of one target", trips[-1], TRIPS, (), told),
    ]


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Every wait for the server: a pipeline is one, and so is a statement outside of one."""
    seen: list[int] = []
    pipeline, execute = psycopg.Connection.pipeline, psycopg.Connection.execute

    def piped(connection: Any) -> Any:
        seen.append(1)
        return pipeline(connection)

    def executed(connection: Any, *given: Any, **named: Any) -> Any:
        seen.append(1)
        return execute(connection, *given, **named)

    with (
        patch.object(psycopg.Connection, "pipeline", piped),
        patch.object(psycopg.Connection, "execute", executed),
    ):
        yield seen
