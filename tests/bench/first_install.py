"""A first install of all targets, against the floor and against row by row."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter
from typing import Final

from tests.bench import by_hand
from tests.bench.goal import Goal
from tests.bench.measure import Spread, wal_position
from tests.bench.stopwatch import Stopwatch
from tests.bench.town import ROWS, Tenants, Town

WITH_LEDGER: Final = 1.75
WITHOUT: Final = 1.5
ROW_BY_ROW: Final = 0.1
# Row by row takes a time that nobody waits for: it is measured on so many, and counted up.
_SOME: Final = 50


def measured(town: Town, repeats: int) -> list[Goal]:
    """Three goals from the same runs, taken in turns so that they share the machine's moods."""
    some = min(_SOME, town.targets)
    floors, rows, ours, without, wal_floor, wal_ours = [], [], [], [], [], []
    for _ in range(repeats):
        with town.copy() as tenants:
            targets = tenants.targets(town.targets)
            seconds, size = _timed(tenants, lambda: by_hand.install(tenants.connection, targets))  # noqa: B023
            floors.append(seconds)
            wal_floor.append(size)
        with town.copy() as tenants:
            targets = tenants.targets(some)
            seconds, _ = _timed(tenants, lambda: by_hand.row_by_row(tenants.connection, targets))  # noqa: B023
            rows.append(seconds * town.targets / some)
        with town.copy() as tenants:
            plan = tenants.plan(town.targets)
            seconds, size = _timed(tenants, lambda: tenants.apply(plan))  # noqa: B023
            ours.append(seconds)
            wal_ours.append(size)
        with town.copy() as tenants:
            plan = tenants.plan(town.targets)
            watch = Stopwatch()
            gc.collect()
            with watch.running():
                tenants.apply(plan)
            without.append(watch.total - watch.ledgers_time)
    floor, own, by_row = Spread.of(floors), Spread.of(ours), Spread.of(rows)
    bare = Spread.of(without)
    says = (
        f"floor {floor.shown(2)} s, apply {own.shown(2)} s, without the ledger {bare.shown(2)} s, "
        f"row by row {by_row.shown(1)} s (from {some} targets)",
        f"{town.targets:,} targets of {ROWS} rows; WAL {Spread.of(wal_floor).median / 1e6:.1f} MB "
        f"by hand, {Spread.of(wal_ours).median / 1e6:.1f} MB by an apply",
    )
    told = {
        "targets": town.targets,
        "floor_seconds": vars(floor),
        "apply_seconds": vars(own),
        "without_ledger_seconds": vars(bare),
        "row_by_row_seconds": vars(by_row),
        "floor_wal_bytes": Spread.of(wal_floor).median,
        "apply_wal_bytes": Spread.of(wal_ours).median,
    }
    return [
        Goal("a first install, to the floor", own.median / floor.median, WITH_LEDGER, says, told),
        Goal("the same, without the ledger", bare.median / floor.median, WITHOUT, (), told),
        Goal("the same, to row by row", own.median / by_row.median, ROW_BY_ROW, (), told),
    ]


def _timed(tenants: Tenants, work: Callable[[], None]) -> tuple[float, int]:
    """Seconds, and bytes of WAL."""
    gc.collect()
    before = wal_position(tenants.connection)
    start = perf_counter()
    work()
    seconds = perf_counter() - start
    return seconds, wal_position(tenants.connection) - before
