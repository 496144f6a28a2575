"""One changed type, planned for and brought to all targets that have it, against an UPDATE by
hand: with the same precondition, and with nothing to review or to remember.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Final

from tests.bench import by_hand
from tests.bench.goal import Goal
from tests.bench.measure import Spread, tidied
from tests.bench.town import Tenants, Town

LIMIT: Final = 2.0


def measured(town: Town, repeats: int) -> list[Goal]:
    """The two in turns, each on a fresh version of the template."""
    floors: list[float] = []
    ours: list[tuple[float, float]] = []
    with town.copy() as tenants:
        tenants.apply(tenants.plan(town.targets))
        targets = tenants.targets(town.targets)
        for _ in range(repeats + 1):
            floors.append(_by_hand(tenants, targets))
            ours.append(_planned_and_applied(tenants, town.targets))
    # The first of each warms up what is made once a process.
    floor = Spread.of(floors[1:])
    planned, applied = (Spread.of(one[place] for one in ours[1:]) for place in (0, 1))
    both = Spread.of(map(sum, ours[1:]))
    return [
        Goal(
            "one changed type, to an UPDATE by hand",
            both.median / floor.median,
            LIMIT,
            (
                f"by hand {floor.shown(3)} s, {town.targets:,} targets",
                f"plan {planned.shown(3)} s, which is {planned.median / floor.median:.2f} of it; "
                f"apply {applied.shown(3)} s, {applied.median / floor.median:.2f}",
            ),
            {
                "targets": town.targets,
                "floor_seconds": vars(floor),
                "plan_seconds": vars(planned),
                "apply_seconds": vars(applied),
            },
        )
    ]


def _by_hand(tenants: Tenants, targets: list[str]) -> float:
    tidied(tenants.connection)
    before = by_hand.schema_of(tenants.connection)
    tenants.change_one_type()
    gc.collect()
    start = perf_counter()
    by_hand.update(tenants.connection, targets, before)
    return perf_counter() - start


def _planned_and_applied(tenants: Tenants, targets: int) -> tuple[float, float]:
    tidied(tenants.connection)
    tenants.change_one_type()
    gc.collect()
    start = perf_counter()
    plan = tenants.plan(targets)
    planned = perf_counter()
    tenants.apply(plan)
    return planned - start, perf_counter() - planned
