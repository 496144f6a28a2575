"""A few storms with every run; `python -m tests.soak` has as many as one likes."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World
from tests.soak.__main__ import crowd, storms


@pytest.mark.shows(
    "random histories with cuts, kills, locks and a second applier",
    "all or nothing; what was said of it is true; the next plan succeeds",
)
def test_storms(world: World, variants: Variants) -> None:
    seen: Counter[str] = Counter()
    storms(world, 7, seen, examples=depth(1, 20))
    assert seen["applies"] > 1
    variants.add(seen["faults"])


@pytest.mark.shows(
    "two appliers with overlapping targets, a publisher, and a tenant who writes at full speed",
    "no deadlock that is not retried, no double row, no lost edit",
)
def test_a_crowd(world: World, variants: Variants) -> None:
    seen: Counter[str] = Counter()
    crowd(world, 7, seen, seconds=depth(2, 30))
    assert seen["crowd: tenant's writes"] > 10
    variants.add(sum(times for name, times in seen.items() if name.startswith("crowd: applies")))
