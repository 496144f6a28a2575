"""One changed type for all targets, planned and applied, beside the UPDATE that somebody would
write by hand: with the same precondition, and with nothing to review or to remember.
"""

from __future__ import annotations

from time import perf_counter
from typing import Final

from tests.bench.goal import Goal
from tests.bench.measure import Spread, tidied
from tests.bench.town import ROWS, Tenants, Town

LIMIT: Final = 2.0
_REMEMBER: Final = """
CREATE TABLE before AS SELECT slug, metadata_schema FROM entity_types
WHERE organization_id = 'org_template' AND slug = 'type_1'
"""
_BY_HAND: Final = """
UPDATE entity_types AS t SET metadata_schema = w.metadata_schema, updated_at = now()
FROM entity_types AS w JOIN before AS b USING (slug)
WHERE w.organization_id = 'org_template' AND w.deleted_at IS NULL
  AND t.slug = w.slug AND t.organization_id <> 'org_template' AND t.deleted_at IS NULL
  AND t.managed_by_template_agent_id = 'agent_template'
  AND t.metadata_schema IS NOT DISTINCT FROM b.metadata_schema
"""


def measured(town: Town, repeats: int) -> list[Goal]:
    """The two, each on a fresh version of the template."""
    with town.copy() as tenants:
        tenants.apply(tenants.plan(town.targets))
        tidied(tenants.connection)
        by_hand = [_by_hand(tenants) for _ in range(repeats)]
        tidied(tenants.connection)
        assert not tenants.plan(town.targets).changes
        ours = [_planned_and_applied(tenants, town.targets) for _ in range(repeats)]
    hand = Spread.of(by_hand)
    planned, applied = (Spread.of(one[place] for one in ours) for place in (0, 1))
    both = Spread.of(map(sum, ours))
    return [
        Goal(
            "one changed type, beside an UPDATE by hand",
            both.median / hand.median,
            LIMIT,
            (
                f"{1000 * planned.median:.0f} ms to plan and {1000 * applied.median:.0f} ms to "
                f"apply for {town.targets:,} targets, by hand {1000 * hand.median:.0f} ms",
                f"the plan alone is {planned.median / hand.median:.2f} of it",
            ),
            {
                "targets": town.targets,
                "rows_a_target": ROWS + 1,
                "plan_seconds": vars(planned),
                "apply_seconds": vars(applied),
                "by_hand_seconds": vars(hand),
            },
        )
    ]


def _by_hand(tenants: Tenants) -> float:
    tenants.connection.execute(_REMEMBER)
    tenants.change_one_type()
    start = perf_counter()
    tenants.connection.execute(_BY_HAND)
    seconds = perf_counter() - start
    tenants.connection.execute("DROP TABLE before")
    return seconds


def _planned_and_applied(tenants: Tenants, targets: int) -> tuple[float, float]:
    tenants.change_one_type()
    start = perf_counter()
    plan = tenants.plan(targets)
    planned = perf_counter()
    tenants.apply(plan)
    return planned - start, perf_counter() - planned
