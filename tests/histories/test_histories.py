"""Whatever a template and its tenants do, in any order: the promises hold after every apply.

A few histories run by default; RECONCILE_SOAK=1000 runs that many, other ones every time.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World
from tests.histories.steps import HISTORY
from tests.histories.sync import sync
from tests.histories.town import Town

SOAK = int(os.environ.get("RECONCILE_SOAK", "0"))
# Each history is some plans and applies on a real server: few of them, and no shrinking.
SLOW = settings(
    deadline=None,
    database=None,
    derandomize=not SOAK,
    max_examples=SOAK or depth(3, 60),
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if SOAK else [])],
    suppress_health_check=list(HealthCheck),
    print_blob=bool(SOAK),
)


@pytest.mark.shows(
    "random histories of publishers and tenants",
    "tenants' rows are byte-identical; planned again is empty",
)
@SLOW
@given(history=HISTORY)
def test_whatever_happens_to_versions_nothing_is_lost(
    shared_world: World,
    variants: Variants,
    history: list[tuple[list[tuple[Any, ...]], tuple[Any, ...]]],
) -> None:
    variants.add()
    town = Town.found(shared_world)
    for steps, (_, who, adopting) in history:
        for step in steps:
            town.live(step)
        sync(town, who, adopting=adopting)
