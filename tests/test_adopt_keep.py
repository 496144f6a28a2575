"""--adopt ADDRESS=keep: a tenant's own row becomes managed, and keeps every value that it has."""

from __future__ import annotations

import pytest

from reconciler.model.change import Adopt
from tests.fixtures.settlers import Settlers, in_the_way, noted, said, settled
from tests.fixtures.world import World

TYPE, RELATION, CLASSIFIER = "entity_type.t1", "relationship_type.r1", "classifier.c1"
WATCHER = "watcher.w1"
TAGS = ("managed_by_template_agent_id", "source_template_org_id", "updated_at", "updated_by")


@pytest.fixture
def settlers(shared_world: World) -> Settlers:
    """Acme wrote a type, a relationship type, a classifier and a watcher of its own before."""
    settlers = Settlers.found(shared_world)
    for address in (TYPE, RELATION, CLASSIFIER, WATCHER):
        kind, slug = address.split(".")
        settlers.live("add", "acme", kind, slug, "two", True)
    settlers.live("edit", "acme", "entity_type", "t1", "description", "Mine")
    return settlers


KEEP = [f"{one}=keep" for one in (TYPE, RELATION, CLASSIFIER, WATCHER)]


def test_no_value_changes_and_the_row_is_managed(settlers: Settlers) -> None:
    assert in_the_way(settlers.plan()) >= {("user_authored", TYPE), ("user_authored", WATCHER)}
    before = {one: settlers.row(one) for one in (TYPE, RELATION, CLASSIFIER)}
    rest = [WATCHER, "classifier_version.c1/1"]
    plan = settlers.plan(adopt=[*KEEP[:3]], skip=rest)
    adopted = [one for one in plan.changes if isinstance(one, Adopt)]
    assert {one.address for one in adopted} == before.keys()
    assert [one.fields for one in adopted] == [(), (), ()]
    settlers.apply(plan)
    for address, was in before.items():
        row = settlers.row(address)
        assert row.without(*TAGS) == was.without(*TAGS)
        assert row.row[TAGS[0]] == settlers.agent
    again = settlers.plan(skip=rest)
    settled(again)
    assert ("kept_edit", TYPE) in noted(again)


def test_a_later_change_of_a_kept_column_asks_and_of_another_arrives(settlers: Settlers) -> None:
    settlers.do(adopt=[KEEP[0]], skip=[RELATION, CLASSIFIER, WATCHER])
    rest = {"skip": [RELATION, CLASSIFIER, WATCHER]}
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    settlers.sql("UPDATE entity_types SET icon = 'star' WHERE organization_id = %s", settlers.home)
    plan = settlers.plan(**rest)
    assert in_the_way(plan) == {("edited_both", TYPE)}
    kept = settlers.plan(skip=[*rest["skip"], TYPE])
    assert said(kept) == {("update", TYPE)}
    settlers.apply(kept)
    row = settlers.row(TYPE).row
    assert (row["name"], row["description"], row["icon"]) == ("two of acme", "Mine", "star")
    # Asked again, as long as it is not decided.
    assert in_the_way(settlers.plan(**rest)) == {("edited_both", TYPE)}
    settlers.do(adopt=[TYPE], **rest)
    row = settlers.row(TYPE).row
    assert (row["name"], row["description"]) == ("New", "Mine")
    settled(settlers.plan(**rest))


def test_an_adopted_column_that_the_tenant_gives_up_is_the_templates(settlers: Settlers) -> None:
    rest = {"skip": [RELATION, CLASSIFIER, WATCHER]}
    settlers.do(adopt=[KEEP[0]], **rest)
    settlers.live("edit", "acme", "entity_type", "t1", "description", None)
    settled(settlers.plan(**rest))
    settlers.live("edit", "template", "entity_type", "t1", "description", "New")
    assert said(settlers.plan(**rest)) == {("update", TYPE)}


def test_the_template_wins_without_keep(settlers: Settlers) -> None:
    settlers.do(adopt=[TYPE], skip=[RELATION, CLASSIFIER, WATCHER])
    assert settlers.row(TYPE).row["name"] == "one of template"


def test_a_watcher_keeps_its_own_version_in_force(settlers: Settlers) -> None:
    before = settlers.row(WATCHER).row
    settlers.do(adopt=[KEEP[3]], skip=[TYPE, RELATION, CLASSIFIER, "watcher_version.w1/1"])
    after = settlers.row(WATCHER).row
    for column in ("current_version_id", "version", "schedule", "name", "next_run_at"):
        assert after[column] == before[column]


def test_what_was_kept_can_be_uninstalled_and_stays_the_tenants(settlers: Settlers) -> None:
    settlers.do(adopt=[KEEP[0]], skip=[RELATION, CLASSIFIER, WATCHER])
    mine = settlers.row(TYPE)
    plan = settlers.plan(destroy=True)
    assert ("release", TYPE) in said(plan)
    settlers.apply(plan)
    assert settlers.row(TYPE).without(*TAGS) == mine.without(*TAGS)


def test_keep_for_a_row_that_is_not_there_is_needless(settlers: Settlers) -> None:
    rest = [RELATION, CLASSIFIER, WATCHER]
    plan = settlers.plan(adopt=["entity_type.t1", "view_template.v1=keep"], skip=rest)
    assert ("needless_flag", "view_template.v1") in noted(plan)


def test_two_targets_of_which_one_has_a_row_of_its_own(settlers: Settlers) -> None:
    both = (settlers.acme, settlers.bob)
    versions = ["watcher_version.w1/1", "classifier_version.c1/1"]
    plan = settlers.plan(*both, adopt=KEEP, skip=versions)
    found = {(one.action, one.targets) for one in plan.changes if one.address == TYPE}
    assert found == {("adopt", (settlers.acme,)), ("create", (settlers.bob,))}
    settlers.apply(plan)
    settled(settlers.plan(*both, skip=versions))
