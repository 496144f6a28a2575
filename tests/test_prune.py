"""Pruning: what the template no longer has is retired, unless the tenant uses it; and renames."""

from __future__ import annotations

from reconciler.model.change import Retire
from tests.fixtures.settlers import (
    CLASSIFIER,
    RELATION,
    RULE,
    SORTER,
    TYPE,
    VIEW,
    WATCHER,
    Settlers,
    in_the_way,
    noted,
    said,
    settled,
)


def apart(settlers: Settlers) -> None:
    """The second watcher leaves the first one's group, so that it stays what it is."""
    settlers.live("group", "template", "w2", "w2")
    settlers.do(settlers.acme, settlers.bob)


def dropped(settlers: Settlers, *addresses: str) -> None:
    """The template's people delete these rows for good."""
    for address in addresses:
        kind, slug = address.split(".")
        settlers.live("kill", "template", kind, slug, "delete")


def test_nothing_is_pruned_unasked(settlers: Settlers) -> None:
    apart(settlers)
    dropped(settlers, TYPE, WATCHER, RELATION)
    plan = settlers.plan()
    assert plan.empty
    assert {("orphaned", one) for one in (TYPE, WATCHER, RELATION, SORTER, RULE)} <= noted(plan)


def test_pruning_retires_what_the_template_no_longer_has(settlers: Settlers) -> None:
    apart(settlers)
    dropped(settlers, TYPE, CLASSIFIER, WATCHER, RELATION)
    plan = settlers.plan(prune=True)
    gone = {TYPE, CLASSIFIER, WATCHER, RELATION, SORTER}
    # Rules and versions go with what they belong to.
    assert said(plan) == {("retire", one) for one in gone}
    before = settlers.photo()
    settlers.apply(plan)
    after = settlers.photo()
    here = {key: was for key, was in before.rows.items() if was.organization == settlers.acme}
    named = {key for key, was in here.items() if before.address(was) in gone}
    died = {
        key for key, was in here.items() if before.live(was) and not after.live(after.rows[key])
    }
    assert died - named == {key for key, was in here.items() if before.address(was) == RULE}
    assert named <= died
    assert all(after.rows[key] == was for key, was in here.items() if key not in named)
    settled(settlers.plan())
    settled(settlers.plan(prune=True))


def test_a_rule_that_left_a_type_that_stays_is_retired_alone(settlers: Settlers) -> None:
    settlers.live("rule", "template", "r1", "t1", "t2")
    plan = settlers.plan(prune=True)
    assert said(plan) == {("retire", RULE)}
    settlers.apply(plan)
    settled(settlers.plan(prune=True))


def test_an_edit_goes_with_what_is_pruned_and_is_said(settlers: Settlers) -> None:
    settlers.live("edit", "acme", "entity_type", "t1", "description", "Mine")
    dropped(settlers, TYPE)
    (change,) = settlers.plan(prune=True).changes
    assert isinstance(change, Retire)
    assert change.edited == ("description",)


def test_what_is_used_is_asked_about_in_each_target(settlers: Settlers) -> None:
    settlers.entity(slug="a")
    settlers.entity(slug="b")
    dropped(settlers, TYPE)
    both = (settlers.acme, settlers.bob)
    plan = settlers.plan(*both, prune=True)
    (conflict,) = plan.conflicts
    assert conflict.reason == "in_use"
    assert (conflict.target, conflict.uses) == (settlers.acme, {"entities": 2})
    assert [(one.action, one.targets) for one in plan.changes] == [("retire", (settlers.bob,))]

    left = settlers.plan(*both, prune=True, skip=[TYPE])
    assert in_the_way(left) == set()
    given = settlers.plan(*both, prune=True, release=["entity_type.*:in_use"])
    assert {(one.action, one.targets) for one in given.changes} == {
        ("release", (settlers.acme,)),
        ("retire", (settlers.bob,)),
    }
    settlers.apply(given)
    assert settlers.row(TYPE).row["managed_by_template_agent_id"] is None
    settled(settlers.plan(*both, prune=True))


def test_skipping_leaves_an_orphan_and_nothing_else(settlers: Settlers) -> None:
    dropped(settlers, TYPE, CLASSIFIER)
    before = settlers.row(TYPE)
    plan = settlers.plan(prune=True, skip=[TYPE])
    assert said(plan) == {("retire", CLASSIFIER)}
    assert ("orphaned", TYPE) in noted(plan)
    settlers.apply(plan)
    assert settlers.row(TYPE) == before


def test_the_tenants_own_rows_and_dead_ones_are_not_pruned(settlers: Settlers) -> None:
    apart(settlers)
    settlers.live("add", "acme", "entity_type", "t2", "one", True)
    settlers.live("kill", "acme", "watcher", "w1", "retire")
    dropped(settlers, TYPE, WATCHER)
    frozen = [settlers.row(one) for one in ("entity_type.t2", WATCHER)]
    plan = settlers.plan(prune=True)
    assert said(plan) == {("retire", TYPE)}
    settlers.apply(plan)
    assert [settlers.row(one) for one in ("entity_type.t2", WATCHER)] == frozen


def test_what_cannot_be_retired_stays_and_is_said(settlers: Settlers) -> None:
    settlers.live("show", "template", "t1", None, 0)
    dropped(settlers, VIEW)
    plan = settlers.plan(prune=True)
    assert said(plan) == {("update", TYPE)}
    assert ("orphaned", VIEW) in noted(plan)


def test_what_comes_back_to_the_template_comes_back_as_the_same_row(settlers: Settlers) -> None:
    number = settlers.number(TYPE)
    settlers.live("kill", "template", "entity_type", "t1", "retire")
    settlers.do(prune=True)
    settlers.live("kill", "template", "entity_type", "t1", "revive")
    settlers.live("edit", "template", "entity_type", "t1", "name", "Again")
    plan = settlers.plan()
    assert said(plan) == {("restore", TYPE)}
    settlers.apply(plan)
    row = settlers.row(TYPE)
    assert (int(row.number), row.row["name"], row.row["deleted_at"]) == (number, "Again", None)
    settled(settlers.plan())


def test_a_new_row_in_place_of_a_pruned_one_is_the_tenants(settlers: Settlers) -> None:
    dropped(settlers, TYPE)
    settlers.do(prune=True)
    settlers.live("add", "acme", "entity_type", "t1", "two", True)
    mine = settlers.row(TYPE)
    settlers.live("add", "template", "entity_type", "t1", "one", True)
    plan = settlers.plan()
    assert in_the_way(plan) == {("user_authored", TYPE)}
    settlers.do(skip=[TYPE])
    assert settlers.row(TYPE) == mine


def test_a_row_that_the_tenant_brought_back_by_hand_is_compared_again(settlers: Settlers) -> None:
    dropped(settlers, TYPE)
    settlers.do(prune=True)
    settlers.live("kill", "acme", "entity_type", "t1", "revive")
    plan = settlers.plan()
    assert plan.empty
    assert ("orphaned", TYPE) in noted(plan)
    assert said(settlers.plan(prune=True)) == {("retire", TYPE)}


def rename(settlers: Settlers, **columns: str) -> None:
    columns["slug"] = "t9"
    for column, value in columns.items():
        settlers.sql(f"UPDATE entity_types SET {column} = %s WHERE organization_id = %s",
                     value, settlers.home)  # fmt: skip


def test_a_likely_rename_is_a_question(settlers: Settlers) -> None:
    rename(settlers)
    plan = settlers.plan(settlers.acme, settlers.bob)
    (note,) = (one for one in plan.notes if one.about == "likely_rename")
    assert (note.address, note.source) == ("entity_type.t9", TYPE)
    assert note.targets == tuple(sorted((settlers.acme, settlers.bob)))
    # Nothing is guessed: the new row is a new row.
    assert said(plan) == {("create", "entity_type.t9")}


def test_what_is_not_alike_is_no_likely_rename(settlers: Settlers) -> None:
    rename(settlers, name="Other", icon="star", description="Something else")
    assert {about for about, _ in noted(settlers.plan())} == {"orphaned"}
    settlers.do()
    # Nor is what is there already.
    assert {about for about, _ in noted(settlers.plan())} == {"orphaned"}
