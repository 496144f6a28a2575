"""What was given away stays given away; what was deleted stays deleted, unless it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import NotFoundError, RefusedError
from reconciler.model.change import Restore
from tests.fixtures.settlers import (
    CLASSIFIER,
    RELATION,
    RULE,
    SECOND,
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

TAGS = ("managed_by_template_agent_id", "source_template_org_id", "updated_at", "updated_by")
OWNED = [TYPE, VIEW, WATCHER, CLASSIFIER, SORTER, RELATION]


@pytest.mark.parametrize("address", OWNED)
def test_a_released_row_is_the_tenants_and_stays_so(settlers: Settlers, address: str) -> None:
    before = settlers.photo()
    plan = settlers.plan(release=[address])
    assert said(plan) == {("release", address)}
    settlers.apply(plan)
    row = settlers.row(address)
    assert row.without(*TAGS) == before.rows[row.table, row.number].without(*TAGS)
    assert (row.row[TAGS[0]], row.row[TAGS[1]]) == (None, None)
    settled(settlers.plan())
    assert ("released", address) in noted(settlers.plan())
    # Whatever the template, or the tenant, does with it.
    kind, slug = address.split(".")
    settlers.live("edit", "template", kind, slug, "name", "New")
    settlers.live("edit", "acme", kind, slug, "name", "Mine")
    settlers.live("edit", "template", "watcher", "w2", "name", "New")
    mine = settlers.row(address)
    assert said(settlers.plan()) == {("update", SECOND)}
    settlers.do()
    assert settlers.row(address) == mine


@pytest.mark.parametrize("asked", [{"release": [CLASSIFIER]}, {"prune": True}])
def test_what_stands_twice_is_not_known_well_enough_to_leave(
    settlers: Settlers, asked: dict[str, Any]
) -> None:
    settlers.live("kill", "template", "classifier", "c1", "retire")
    settlers.world.insert(
        "event_classifiers",
        slug="c1",
        name="Own",
        attribute_key="own",
        organization_id=settlers.acme,
        created_by="user_ana",
    )
    settled(settlers.plan())
    plan = settlers.plan(**asked)
    assert in_the_way(plan) == {("ambiguous", CLASSIFIER)}
    assert CLASSIFIER not in {address for _, address in said(plan)}
    # Where it stands once, it can leave.
    both = settlers.plan(settlers.acme, settlers.bob, **asked)
    assert {one.target for one in both.conflicts} == {settlers.acme}
    assert [one.targets for one in both.changes] == [(settlers.bob,)]


def test_a_released_row_that_the_tenant_deleted_is_not_placed_again(settlers: Settlers) -> None:
    settlers.do(release=[TYPE, WATCHER])
    settlers.live("kill", "acme", "entity_type", "t1", "delete")
    settlers.live("kill", "acme", "watcher", "w1", "retire")
    plan = settlers.plan()
    settled(plan)
    assert {("released", TYPE), ("released", WATCHER)} <= noted(plan)


def test_a_released_row_can_be_taken_over_again_by_name(settlers: Settlers) -> None:
    settlers.do(release=[TYPE])
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Mine")
    plan = settlers.plan(adopt=[TYPE])
    assert said(plan) == {("adopt", TYPE)}
    settlers.apply(plan)
    assert settlers.row(TYPE).row["name"] != "Mine"
    settled(settlers.plan())
    assert ("released", TYPE) not in noted(settlers.plan())


def test_an_edited_row_and_an_orphan_can_be_released(settlers: Settlers) -> None:
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Mine")
    settlers.live("kill", "template", "relationship_type", "r1", "delete")
    plan = settlers.plan(release=[TYPE, RELATION])
    assert said(plan) == {("release", TYPE), ("release", RELATION)}
    settlers.apply(plan)
    assert settlers.row(TYPE).row["name"] == "Mine"
    settled(settlers.plan(prune=True))


def test_what_cannot_be_released_is_said(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    plan = settlers.plan(release=[RULE, TYPE])
    assert plan.empty
    assert {("needless_flag", RULE), ("needless_flag", TYPE)} <= noted(plan)
    with pytest.raises(NotFoundError, match="no row"):
        settlers.plan(release=["entity_type.t99"])


def private(settlers: Settlers) -> None:
    settlers.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", settlers.home)


def deleted(settlers: Settlers) -> None:
    settlers.sql("DELETE FROM agents WHERE id = %s", settlers.agent)


@pytest.mark.parametrize("how", [private, deleted])
def test_rows_are_released_where_the_template_is_gone(settlers: Settlers, how: Any) -> None:
    how(settlers)
    plan = settlers.plan(settlers.acme, settlers.bob, release=[TYPE])
    assert plan.request.mode == "release"
    assert said(plan) == {("release", TYPE)}
    settlers.apply(plan)
    for who in (settlers.acme, settlers.bob):
        assert settlers.row(TYPE, who).row[TAGS[0]] is None
    with pytest.raises((NotFoundError, RefusedError)):
        settlers.plan(release=[TYPE], adopt=[WATCHER])


DEATHS = {
    TYPE: "deleted_at = now()",
    RELATION: "deleted_at = now()",
    WATCHER: "status = 'archived'",
    CLASSIFIER: "status = 'deprecated'",
    SORTER: "status = 'deprecated'",
}


@pytest.mark.parametrize("address", DEATHS)
def test_what_the_tenant_deleted_comes_back_as_the_same_row(
    settlers: Settlers, address: str
) -> None:
    before = settlers.row(address)
    settlers.sql(f"UPDATE {before.table} SET {DEATHS[address]} WHERE id = %s", int(before.number))
    dead = settlers.row(address)
    settled(settlers.plan())
    assert ("deleted_by_tenant", address) in noted(settlers.plan())
    settlers.do(settlers.bob, settlers.acme, restore=[])
    assert settlers.row(address) == dead

    plan = settlers.plan(restore=[address])
    (change,) = (one for one in plan.changes if isinstance(one, Restore))
    assert said(plan) == {("restore", address)}
    assert change.ids == (before.number,)
    settlers.apply(plan)
    assert settlers.row(address).without("updated_at", "updated_by") == before.without(
        "updated_at", "updated_by"
    )
    settled(settlers.plan())


def test_what_changed_meanwhile_arrives_with_it(settlers: Settlers) -> None:
    number = settlers.number(WATCHER)
    settlers.live("kill", "acme", "watcher", "w1", "retire")
    settlers.live("publish", "template", "watcher", "w1", "next", "two", True, True)
    settlers.live("edit", "template", "watcher", "w1", "name", "New")
    plan = settlers.plan(restore=[WATCHER])
    assert said(plan) == {("restore", WATCHER), ("create", "watcher_version.w1/2")}
    settlers.apply(plan)
    row = settlers.row(WATCHER).row
    assert (row["id"], row["name"], row["version"], row["status"]) == (number, "New", 2, "active")
    settled(settlers.plan())


def test_what_was_deleted_for_good_is_a_new_row(settlers: Settlers) -> None:
    number = settlers.number(TYPE)
    settlers.live("kill", "acme", "entity_type", "t1", "delete")
    settled(settlers.plan())
    plan = settlers.plan(restore=[TYPE])
    assert said(plan) == {("create", TYPE)}
    settlers.apply(plan)
    assert settlers.number(TYPE) != number
    settled(settlers.plan())


def test_undone_what_was_deleted_for_good_stays_deleted(settlers: Settlers) -> None:
    """What a plan creates anew by name is retired by an undo, and does not come back by itself."""
    settlers.sql("DELETE FROM entity_type_audit")
    settlers.sql("DELETE FROM entity_types WHERE id::text = %s", settlers.row(TYPE).number)
    before = settlers.plan()
    done = settlers.apply(settlers.plan(restore=[TYPE]))
    back = settlers.apply(settlers.undo(done.revision))
    after = settlers.plan()
    assert said(after) == said(before)
    assert noted(after) == noted(before)
    assert ("deleted_by_tenant", TYPE) in noted(after)
    # And undone once more it is there again, as the same row.
    settlers.apply(settlers.undo(back.revision))
    assert settlers.row(TYPE).row["deleted_at"] is None
    settled(settlers.plan())


def test_two_targets_in_two_states_are_restored_in_one_plan(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    settlers.live("kill", "bob", "entity_type", "t1", "delete")
    both = (settlers.acme, settlers.bob)
    plan = settlers.plan(*both, restore=["entity_type.*:deleted_by_tenant"])
    assert {(one.action, one.targets) for one in plan.changes} == {
        ("restore", (settlers.acme,)), ("create", (settlers.bob,)),
    }  # fmt: skip
    settlers.apply(plan)
    settled(settlers.plan(*both))


def test_a_row_of_the_tenants_in_its_place_is_in_the_way(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    settlers.live("add", "acme", "entity_type", "t1", "two", True)
    mine = settlers.row(TYPE)
    plan = settlers.plan(restore=[TYPE])
    assert in_the_way(plan) == {("user_authored", TYPE)}
    settlers.do(skip=[TYPE])
    assert settlers.row(TYPE) == mine


def test_a_flag_for_a_row_that_is_there_is_needless(settlers: Settlers) -> None:
    plan = settlers.plan(restore=[TYPE])
    assert plan.empty
    assert ("needless_flag", TYPE) in noted(plan)
