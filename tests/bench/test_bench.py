"""The benchmark runs, and knows the ledger's statements; how fast they are, no test asks."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.database import embedded
from tests.bench import ABOUT, chart, report
from tests.bench.stopwatch import FIXED, Stopwatch, is_the_ledgers
from tests.bench.town import ROWS, Town
from tests.fixtures.server import in_memory


def test_each_goal_can_be_measured_and_reported(tmp_path: Path) -> None:
    # A server of its own: the town turns autovacuum off.
    with embedded.temporary(in_memory()) as server:
        town = Town(server, 2)
        goals = [goal for one in ABOUT for goal in one.measured(town, 1)]
    report.write(goals, tmp_path / "build" / "bench.json")
    chart.draw(goals, tmp_path / "bench.svg")
    assert all(one.goal in (tmp_path / "bench.svg").read_text() for one in goals)
    found = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert [one["goal"] for one in found] == [one.goal for one in goals]
    assert all({"goal", "ratio", "limit", "met", "measured"} == one.keys() for one in found)
    assert all(one.goal in report.table(goals) for one in goals)


def test_each_statement_of_the_ledger_is_known_by_its_name() -> None:
    with embedded.temporary(in_memory()) as server, Town(server, 1).copy() as tenants:
        watch = Stopwatch()
        with watch.running():
            tenants.apply(tenants.plan(1))
        placed = tenants.connection.execute("SELECT count(*) FROM reconcile.placement").fetchone()
    assert placed == (ROWS + 1,)
    kinds = ("agent", "entity_type", "relationship_type")
    assert set(filter(is_the_ledgers, watch.sent)) == FIXED | {f"remember {one}" for one in kinds}
    assert 0 < watch.share < 1
