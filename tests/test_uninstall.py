"""Uninstall: what only this template placed and nobody uses is retired, all else is given away."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import NotFoundError, RefusedError
from reconciler.model.change import Release, Retire
from tests.fixtures.settlers import (
    CLASSIFIER,
    RELATION,
    RETIRED,
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


def given_away(settlers: Settlers, **options: Any) -> dict[str, str]:
    """What is released by an uninstall, and why; all else is retired."""
    plan = settlers.plan(destroy=True, **options)
    assert plan.conflicts == ()
    return {one.address: one.because for one in plan.changes if isinstance(one, Release)}


def test_an_uninstall_retires_what_nobody_uses_and_unlinks_the_agent(settlers: Settlers) -> None:
    bobs = {
        key: row for key, row in settlers.photo().rows.items() if row.organization != settlers.acme
    }
    plan = settlers.plan(destroy=True)
    assert said(plan) == {
        *(("retire", one) for one in (*RETIRED, f"agent.{settlers.agent}")),
        ("release", VIEW),
    }
    assert settlers.apply(plan).counts["watcher"] == {"retire": 2}
    photo = settlers.photo()
    for address in RETIRED:
        assert not photo.live(settlers.row(address))
    assert settlers.row(VIEW).row["managed_by_template_agent_id"] is None
    assert settlers.row(VIEW).row["source_template_org_id"] is None
    # The agent stays, and is nobody's installation any more.
    linked = "SELECT template_agent_id FROM agents WHERE organization_id = %s"
    assert settlers.sql(linked, settlers.acme) == [(None,)]
    assert {key: photo.rows[key] for key in bobs} == bobs
    settled(settlers.plan(destroy=True))
    assert settlers.world.apply(plan).status == "already_applied"
    settled(settlers.plan(settlers.bob))


def test_what_the_tenant_uses_or_has_edited_is_given_to_it(settlers: Settlers) -> None:
    settlers.entity()
    settlers.live("edit", "acme", "watcher", "w2", "name", "Mine")
    settlers.live("publish", "acme", "classifier", "c1", "own", "one", False, True)
    assert given_away(settlers) == {
        TYPE: "in_use", SECOND: "edited", CLASSIFIER: "in_use", VIEW: "lasting",
    }  # fmt: skip
    settlers.do(destroy=True)
    row = settlers.row(TYPE).row
    assert (row["deleted_at"], row["managed_by_template_agent_id"]) == (None, None)
    assert settlers.row(SECOND).row["name"] == "Mine"
    settled(settlers.plan(destroy=True))


def use(settlers: Settlers, how: str) -> str:
    """Something of the tenant's uses a row of ours; gives which."""
    insert = settlers.world.insert
    made: dict[str, Any] = {"organization_id": settlers.acme, "created_by": "user_ana"}
    match how:
        case "entity":
            settlers.entity()
            return TYPE
        case "relationship":
            own = insert("entity_types", organization_id=settlers.acme, slug="own", name="Own")
            ends = [settlers.entity(entity_type=own, slug=slug) for slug in ("a", "b")]
            kind = settlers.number(RELATION)
            insert("entity_relationships", from_entity_id=ends[0], to_entity_id=ends[1],
                   relationship_type_id=kind, **made)  # fmt: skip
            return RELATION
        case "window":
            watcher = settlers.row(WATCHER).row
            insert("watcher_windows", watcher_id=watcher["id"], window_start="2026-01-01",
                   version_id=watcher["current_version_id"], window_end="2026-01-02")  # fmt: skip
            return WATCHER
        case "version":
            settlers.live("publish", "acme", "watcher", "w1", "own", "one", False, True)
            return WATCHER
        case "rule":
            settlers.live("rule", "acme", "r1", "t2", "t1")
            return RELATION
        case "classifier":
            insert("event_classifiers", watcher_id=settlers.number(WATCHER), slug="mine",
                   name="Mine", attribute_key="mood", **made)  # fmt: skip
            return WATCHER
        case "inverse":
            settlers.live("add", "acme", "relationship_type", "r2", "one", True)
            settlers.live("inverse", "acme", "r2", "r1")
            return RELATION
    raise AssertionError(how)


USES = {
    "entity": "entities",
    "relationship": "entity_relationships",
    "window": "watcher_windows",
    "version": "watcher_versions",
    "rule": "entity_relationship_type_rules",
    "classifier": "event_classifiers",
    "inverse": "entity_relationship_types",
}


@pytest.mark.parametrize("how", USES)
def test_whatever_the_tenant_has_beside_a_row_uses_it(settlers: Settlers, how: str) -> None:
    assert given_away(settlers) == {VIEW: "lasting"}
    used = use(settlers, how)
    # What belongs to it, and has an owner of its own, goes where it goes.
    with_it = {SORTER: "in_use"} if used == WATCHER else {}
    assert given_away(settlers) == {VIEW: "lasting", used: "in_use", **with_it}
    # Pruned it is asked about, with a count for each table.
    kind, slug = used.split(".")
    settlers.live("kill", "template", kind, slug, "delete")
    (conflict,) = settlers.plan(prune=True).conflicts
    assert conflict.reason == "in_use"
    assert (conflict.address, conflict.uses) == (used, {USES[how]: 1})


def test_what_the_tenant_has_thrown_away_uses_nothing(settlers: Settlers) -> None:
    settlers.entity()
    use(settlers, "rule")
    settlers.sql("UPDATE entities SET deleted_at = now() WHERE organization_id = %s", settlers.acme)
    settlers.sql("UPDATE entity_relationship_type_rules SET deleted_at = now() WHERE "
                 "relationship_type_id = %s", settlers.number(RELATION))  # fmt: skip
    assert given_away(settlers) == {VIEW: "lasting"}


def test_what_the_tenant_deleted_stays_deleted(settlers: Settlers) -> None:
    for kind, slug in (("entity_type", "t1"), ("watcher", "w1"), ("relationship_type", "r1")):
        settlers.live("kill", "acme", kind, slug, "retire")
    dead = [settlers.row(one) for one in (TYPE, WATCHER, RELATION)]
    plan = settlers.plan(destroy=True)
    assert {address for _, address in said(plan)}.isdisjoint({TYPE, WATCHER, RELATION, SORTER})
    settlers.apply(plan)
    assert [settlers.row(one) for one in (TYPE, WATCHER, RELATION)] == dead


def test_keep_rows_gives_all_of_it_to_the_tenant(settlers: Settlers) -> None:
    before = settlers.photo()
    plan = settlers.plan(destroy=True, keep_rows=True)
    assert said(plan) == {
        *(("release", one) for one in (*RETIRED, VIEW)),
        ("retire", f"agent.{settlers.agent}"),
    }
    settlers.apply(plan)
    after = settlers.photo()
    tags = ("managed_by_template_agent_id", "source_template_org_id", "updated_at")
    for key, was in before.rows.items():
        if was.table != "agents":
            assert after.rows[key].without(*tags) == was.without(*tags)
    settled(settlers.plan(destroy=True))
    # What was given away stays so, whatever the template does.
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    again = settlers.plan()
    assert said(again) == {("restore", f"agent.{settlers.agent}")}
    assert {("released", one) for one in (TYPE, VIEW, WATCHER)} <= noted(again)


def test_a_row_can_be_left_out_of_an_uninstall_or_released_by_name(settlers: Settlers) -> None:
    before = settlers.row(TYPE)
    plan = settlers.plan(destroy=True, skip=[TYPE], release=[RELATION])
    assert ("skipped", TYPE) in noted(plan)
    assert {("release", RELATION), ("retire", WATCHER)} <= said(plan)
    settlers.apply(plan)
    assert settlers.row(TYPE) == before
    assert said(settlers.plan(destroy=True)) == {("retire", TYPE)}


def test_a_part_that_was_left_with_a_released_row_can_leave_later(settlers: Settlers) -> None:
    settlers.do(release=[WATCHER])
    plan = settlers.plan(destroy=True)
    assert {("release", SORTER), ("retire", SECOND)} <= said(plan)
    settlers.apply(plan)
    assert settlers.photo().live(settlers.row(WATCHER))
    settled(settlers.plan(destroy=True))


def private(settlers: Settlers) -> None:
    settlers.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", settlers.home)


def deleted(settlers: Settlers) -> None:
    settlers.sql("DELETE FROM agents WHERE id = %s", settlers.agent)


def razed(settlers: Settlers) -> None:
    deleted(settlers)
    for table in ("entity_relationship_types", "entity_types", "watchers", "event_classifiers"):
        settlers.sql(f"DELETE FROM {table} WHERE organization_id = %s", settlers.home)
    settlers.sql("DELETE FROM organization WHERE id = %s", settlers.home)


def forgotten(settlers: Settlers) -> None:
    razed(settlers)
    settlers.sql("UPDATE reconcile.target SET revision = NULL")
    settlers.sql("DELETE FROM reconcile.placement")
    settlers.sql("DELETE FROM reconcile.revision")


@pytest.mark.parametrize("how", [private, deleted, razed])
@pytest.mark.parametrize("keep_rows", [True, False])
def test_an_uninstall_needs_no_template(settlers: Settlers, how: Any, keep_rows: bool) -> None:
    how(settlers)
    with pytest.raises((NotFoundError, RefusedError)):
        settlers.plan()
    plan = settlers.plan(settlers.acme, settlers.bob, destroy=True, keep_rows=keep_rows)
    assert plan.conflicts == ()
    assert plan.template.gone == (how is not private)
    wanted = {("release" if keep_rows else "retire", one) for one in RETIRED}
    assert wanted | {("release", VIEW)} == said(plan) - {("retire", f"agent.{settlers.agent}")}
    # Where the template agent was deleted, the database has unlinked the installation.
    assert (("retire", f"agent.{settlers.agent}") in said(plan)) == (how is private)
    settlers.apply(plan)
    for who in (settlers.acme, settlers.bob):
        settled(settlers.plan(who, destroy=True))


def test_rows_tell_of_a_template_that_nothing_else_tells_of(settlers: Settlers) -> None:
    forgotten(settlers)
    plan = settlers.plan(destroy=True)
    # Whose the parts of a row are, only the ledger knew.
    assert said(plan) == {
        ("retire", TYPE),
        *(("release", one) for one in (*RETIRED - {TYPE}, VIEW)),
    }
    settlers.apply(plan)
    settled(settlers.plan(destroy=True))


def test_two_targets_in_different_states_leave_in_one_plan(settlers: Settlers) -> None:
    settlers.entity(settlers.bob)
    settlers.live("kill", "bob", "watcher", "w2", "retire")
    settlers.live("edit", "acme", "classifier", "c1", "name", "Mine")
    plan = settlers.plan(settlers.acme, settlers.bob, destroy=True)
    found = {(one.address, type(one), one.targets) for one in plan.changes}
    acme, bob = (settlers.acme,), (settlers.bob,)
    assert {
        (TYPE, Retire, acme), (TYPE, Release, bob), (SECOND, Retire, acme),
        (CLASSIFIER, Release, acme), (CLASSIFIER, Retire, bob),
        (WATCHER, Retire, tuple(sorted(acme + bob))),
    } <= found  # fmt: skip
    settlers.apply(plan)
    settled(settlers.plan(settlers.acme, settlers.bob, destroy=True))


def test_shared_rows_go_to_the_other_agent_of_the_same_source(settlers: Settlers) -> None:
    settlers.live("sibling", "acme")
    second = f"agent_second_{settlers.home}"
    plan = settlers.plan(settlers.acme, settlers.bob, destroy=True)
    handed = [one for one in plan.changes if isinstance(one, Release) and one.to]
    assert {one.address for one in handed} == {*RETIRED, VIEW}
    assert {(one.because, one.targets) for one in handed} == {("handed_over", (settlers.acme,))}
    settlers.apply(plan)
    for address in (TYPE, WATCHER, SORTER, VIEW):
        assert settlers.row(address).row["managed_by_template_agent_id"] == second
    assert settlers.row(WATCHER).row["agent_id"] == f"{second}_acme"
    # Nothing has to be done there, and a later change of the template's arrives.
    settled(settlers.plan(template=second))
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    assert said(settlers.plan(template=second)) == {("update", TYPE)}


def test_what_was_retired_by_an_uninstall_comes_back_as_the_same_rows(settlers: Settlers) -> None:
    before = {one: settlers.number(one) for one in (*RETIRED, VIEW, RULE)}
    agent = settlers.sql("SELECT id FROM agents WHERE organization_id = %s", settlers.acme)
    settlers.do(destroy=True)
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    again = settlers.plan()
    assert in_the_way(again) == set()
    assert said(again) == {("restore", one) for one in (*RETIRED, f"agent.{settlers.agent}")}
    settlers.apply(again)
    assert {one: settlers.number(one) for one in before} == before
    assert settlers.sql("SELECT id FROM agents WHERE organization_id = %s", settlers.acme) == agent
    assert settlers.row(TYPE).row["name"] == "New"
    settled(settlers.plan())
