"""Undo of every kind of plan brings back the rows as they were; undo of an undo does it again.

A few histories run by default; RECONCILE_SOAK=1000 runs that many, other ones every time.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.shown import Variants
from tests.fixtures.world import World
from tests.histories.neighbours import Neighbours
from tests.histories.steps import PLAIN, TENANTS, on_a_row
from tests.histories.sync import sync
from tests.histories.test_histories import SLOW
from tests.histories.town import SLUGS
from tests.histories.undoing import there_and_back

TENANT = st.sampled_from(["acme", "acme", "bob"])
ONE = st.sampled_from(
    [
        *[PLAIN] * 8,
        on_a_row("claim", st.sampled_from(["rival", "gone", "lost"]), who=TENANT),
        st.tuples(st.just("sibling"), TENANT),
        st.tuples(st.just("use"), TENANT, st.sampled_from(SLUGS["entity_type"])),
    ]
).flatmap(lambda one: one)
FIRST, THEN = st.lists(PLAIN, min_size=2, max_size=8), st.lists(ONE, min_size=2, max_size=8)
WHO = st.sampled_from([("acme",), ("acme",), TENANTS])
PLANS = st.sampled_from(
    [
        {},
        {},
        {"prune": True},
        {"prune": True},
        {"destroy": True},
        {"destroy": True, "keep_rows": True},
    ]
)


@pytest.mark.shows(
    "random histories, undone", "the rows are what they were; undo of undo applies again"
)
@SLOW
@given(
    first=FIRST, installed=st.booleans(), then=THEN, who=WHO, plan=PLANS,
    chance=st.integers(0, 2**20),
)  # fmt: skip
def test_what_is_undone_is_as_it_was(
    shared_world: World,
    variants: Variants,
    first: list[tuple[Any, ...]],
    installed: bool,
    then: list[tuple[Any, ...]],
    who: tuple[str, ...],
    plan: dict[str, Any],
    chance: int,
) -> None:
    variants.add()
    town = Neighbours.found(shared_world)
    for step in first:
        town.live(step)
    if installed:
        sync(town, TENANTS, adopting=bool(chance % 2))
        for step in then:
            town.live(step)
    there_and_back(town, who, plan, Random(chance))
