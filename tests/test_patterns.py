"""Patterns: many rows with one flag, which must name a kind and a reason."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import planfile
from reconciler.errors import ReconcilerError
from tests.fixtures.settlers import Settlers, in_the_way, noted, said, settled
from tests.fixtures.world import World

T1, T2, R1 = "entity_type.t1", "entity_type.t2", "relationship_type.r1"


@pytest.fixture(scope="module")
def settlers(shared_world: World) -> Settlers:
    """Acme wrote two types and a relationship type of its own before."""
    settlers = Settlers.found(shared_world)
    settlers.live("add", "template", "entity_type", "t2", "one", True)
    for kind, slug in (("entity_type", "t1"), ("entity_type", "t2"), ("relationship_type", "r1")):
        settlers.live("add", "acme", kind, slug, "two", True)
    return settlers


def test_a_pattern_means_the_rows_of_a_kind_with_a_reason(settlers: Settlers) -> None:
    plan = settlers.plan(adopt=["entity_type.*:user_authored"])
    assert {("adopt", T1), ("adopt", T2)} <= said(plan)
    assert in_the_way(plan) == {("user_authored", R1)}
    found = {(one.address, one.pattern, one.keep) for one in plan.request.resolutions}
    pattern = "entity_type.*:user_authored"
    assert found == {(T1, pattern, False), (T2, pattern, False)}
    assert {one.chosen_by for one in plan.request.resolutions} == {plan.actor.label}
    # What was typed makes the same plan again.
    words = plan.request.command()
    assert words.count("--adopt") == 1
    assert words[words.index("--adopt") + 1] == pattern
    assert planfile.loads(planfile.dumps(plan)) == plan
    assert settlers.plan(adopt=[pattern]).plan_id == plan.plan_id


def test_keep_goes_for_all_that_a_pattern_means(settlers: Settlers) -> None:
    plan = settlers.plan(adopt=["entity_type.t*:user_authored=keep"], skip=[R1])
    assert in_the_way(plan) == set()
    assert [one.fields for one in plan.changes if one.action == "adopt"] == [(), ()]


def test_a_key_narrows_it_and_a_named_row_is_not_meant(settlers: Settlers) -> None:
    narrow = settlers.plan(adopt=["entity_type.*1:user_authored"])
    assert in_the_way(narrow) == {("user_authored", T2), ("user_authored", R1)}
    both = settlers.plan(adopt=["entity_type.*:user_authored"], skip=[T1])
    assert ("skipped", T1) in noted(both)
    assert ("adopt", T2) in said(both)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"adopt": ["*"]}, "names no kind and reason"),
        ({"skip": ["*:user_authored"]}, "names no kind"),
        ({"skip": ["*.*:user_authored"]}, "names no kind"),
        ({"skip": ["entity_type.*"]}, "names no reason"),
        ({"adopt": ["entity_type.t1=kep"]}, "what stands behind the = is not known"),
        ({"adopt": ["entity_type.*:in_use"]}, "is no reason that --adopt can resolve"),
        ({"release": ["entity_type.*:user_authored"]}, "is no reason that --release can resolve"),
        ({"skip": ["entity_type.*:foreign_owner"]}, "means no row of this plan"),
        ({"skip": ["entity_type.z*:user_authored"]}, "means no row of this plan"),
        (
            {"skip": ["entity_type.*:user_authored"], "adopt": ["entity_type.t*:user_authored"]},
            "is meant by two patterns",
        ),
        ({"skip": [T1], "adopt": [T1]}, "is resolved twice"),
        ({"adopt": [T1, f"{T1}=keep"]}, "is resolved twice"),
    ],
)
def test_what_means_nothing_or_too_much_is_refused(
    settlers: Settlers, flags: dict[str, Any], words: str
) -> None:
    with pytest.raises(ReconcilerError, match=words) as caught:
        settlers.plan(**flags)
    assert caught.value.hint


def test_what_a_pattern_does_not_meet_in_all_targets_it_resolves_where_it_does(
    settlers: Settlers,
) -> None:
    both = (settlers.acme, settlers.bob)
    flags = {"adopt": ["entity_type.*:user_authored"], "skip": [R1]}
    plan = settlers.plan(*both, **flags)
    assert in_the_way(plan) == set()
    assert {(one.action, one.targets) for one in plan.changes if one.address == T1} == {
        ("adopt", (settlers.acme,)), ("create", (settlers.bob,)),
    }  # fmt: skip
    settlers.apply(plan)
    settled(settlers.plan(*both, skip=[R1]))


def test_a_pattern_resolves_nothing_but_what_it_names(settlers: Settlers) -> None:
    """In one target a row is the tenant's own; in another, ours was edited on both sides."""
    settlers.live("add", "acme", "entity_type", "t9", "two", True)
    settlers.live("add", "bob", "entity_type", "t9", "two", True)
    settlers.live("add", "template", "entity_type", "t9", "one", True)
    settlers.apply(settlers.plan(settlers.bob, adopt=["entity_type.t9=keep"]))
    settlers.live("edit", "template", "entity_type", "t9", "name", "New")
    plan = settlers.plan(settlers.acme, settlers.bob, adopt=["entity_type.*:user_authored"])
    of_it = [(one.reason, one.target) for one in plan.conflicts if one.address == "entity_type.t9"]
    assert of_it == [("edited_both", settlers.bob)]
    changed = [(one.action, one.targets) for one in plan.changes if one.address == "entity_type.t9"]
    assert changed == [("adopt", (settlers.acme,))]
