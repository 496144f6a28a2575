"""A plan that has nothing to do, beside a scan of the tables that reads the JSON in them.

The scan compares each JSON value with itself, so that all of it is read and no text is made.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from tests.bench.goal import Goal
from tests.bench.measure import Connection, Spread, tidied
from tests.bench.town import ROWS, Tenants, Town

LIMIT: Final = 1.5
GROWTH: Final = 11.0
_SCAN: Final = (
    "SELECT count(*) FROM entity_types WHERE metadata_schema = metadata_schema",
    "SELECT count(*) FROM entity_relationship_types WHERE metadata_schema = metadata_schema",
)


def measured(town: Town, repeats: int) -> list[Goal]:
    """With all targets, with a tenth of them, and right after an install."""
    part = max(1, town.targets // 10)
    with town.copy() as tenants:
        # One process on either side, so that whatever else a machine does slows both down alike.
        tenants.connection.execute("SET max_parallel_workers_per_gather = 0")
        tenants.apply(tenants.plan(town.targets))
        untold = _spread(lambda: _nothing_to_do(tenants, town.targets), repeats)
        tidied(tenants.connection)
        scan = _spread(lambda: scanned(tenants.connection), repeats)
        whole = _spread(lambda: _nothing_to_do(tenants, town.targets), repeats)
    with town.copy() as tenants:
        # In a database of their own: a plan of few reads a table of few.
        tenants.apply(tenants.plan(part))
        tidied(tenants.connection)
        tenth = _spread(lambda: _nothing_to_do(tenants, part), repeats)
    about = {"targets": town.targets, "rows_a_target": ROWS + 1}
    return [
        Goal(
            "a no-op plan beside a scan that reads the JSON",
            whole.median / scan.median,
            LIMIT,
            (
                f"{1000 * whole.median:.0f} ms for {town.targets:,} targets, "
                f"the scan {1000 * scan.median:.0f} ms",
                f"before anything was analysed: {1000 * untold.median:.0f} ms",
            ),
            {
                **about,
                "seconds": vars(whole),
                "scan_seconds": vars(scan),
                "seconds_not_analysed": vars(untold),
            },
        ),
        Goal(
            "a no-op plan of ten times as many targets",
            whole.median / tenth.median,
            GROWTH,
            (f"{1000 * tenth.median:.0f} ms for {part:,} targets",),
            {**about, "seconds": vars(whole), "seconds_of_a_tenth": vars(tenth)},
        ),
    ]


def scanned(connection: Connection) -> None:
    """Read the JSON of all rows."""
    for scan in _SCAN:
        connection.execute(scan)


def _nothing_to_do(tenants: Tenants, targets: int) -> None:
    assert not tenants.plan(targets).changes


def _spread(what: Callable[[], None], repeats: int) -> Spread:
    what()
    found = []
    for _ in range(repeats):
        start = perf_counter()
        what()
        found.append(perf_counter() - start)
    return Spread.of(found)
