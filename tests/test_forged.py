"""Plans that somebody edited, and plans that come too late: an apply refuses them.

A plan file may come from anywhere, with a plan_id that fits what stands in it. What it may do is
what a plan of that kind does; what was true when it was made must still be true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from reconciler import library
from reconciler.applier.attempt import Attempt
from reconciler.errors import (
    InvalidPlanError,
    NotFoundError,
    StalePlanError,
)
from reconciler.model.change import Change, FieldChange
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RowOwner
from tests.fixtures.world import World

PUBLISHED = "organization_id = 'org_public_finance'"
BIRCH = "organization_id = 'org_birch'"


def undo(world: World, number: int | None, **options: Any) -> Plan:
    """A plan that undoes a revision."""
    assert number is not None
    return library.plan_undo(world.dsn, number, actor="user_ana", **options)


def forged(plan: Plan, changes: Iterable[Change] | None = None, **request: Any) -> Plan:
    """The plan with other changes, or asked for otherwise, and a plan_id that fits."""
    update: dict[str, Any] = {"request": plan.request.model_copy(update=request)}
    if changes is not None:
        update["changes"] = tuple(changes)
    return plan.model_copy(update=update).identified()


def other(change: Change, **update: Any) -> Change:
    """The change, otherwise."""
    return change.model_copy(update=update)


def templates(world: World, *agents: str) -> None:
    """Templates of one more organisation."""
    world.insert(
        "organization",
        id="org_tt",
        slug="tt",
        name="tt",
        visibility="public",
        createdAt="2026-01-01",
    )
    for agent in agents:
        world.insert("agents", id=agent, organization_id="org_tt", name=agent)


class TestUndo:
    """What an undo does, is the inverse of what was applied, and nothing else."""

    def test_other_values(self, birch: World) -> None:
        birch.sql(f"UPDATE entity_types SET name = 'New' WHERE {PUBLISHED} AND slug = 'goal'")
        plan = undo(birch, birch.apply(birch.plan("birch")).revision)
        (change,) = plan.changes
        (field,) = change.fields  # type: ignore[union-attr]
        bad = other(change, fields=(field.model_copy(update={"after": "hacked"}),))
        with pytest.raises(InvalidPlanError, match="never done"):
            birch.apply(forged(plan, [bad]))
        assert birch.apply(plan).status == "applied"

    def test_another_column(self, birch: World) -> None:
        birch.sql(f"UPDATE entity_types SET name = 'New' WHERE {PUBLISHED} AND slug = 'goal'")
        plan = undo(birch, birch.apply(birch.plan("birch")).revision)
        (change,) = plan.changes
        was = change.before["color"]  # type: ignore[union-attr]
        bad = other(change, fields=(FieldChange(column="color", before=was, after="hacked"),))
        with pytest.raises(InvalidPlanError, match="never done"):
            birch.apply(forged(plan, [bad]))

    def test_a_released_row_that_the_tenant_has_edited(self, birch: World) -> None:
        number = birch.apply(birch.plan("birch", release=["entity_type.goal"])).revision
        birch.sql(f"UPDATE entity_types SET name = 'Own' WHERE {BIRCH} AND slug = 'goal'")
        plan = undo(birch, number, adopt=["entity_type.goal"])
        with pytest.raises(InvalidPlanError, match="never done"):
            birch.apply(forged(plan, resolutions=()))
        assert birch.apply(plan).status == "applied"

    def test_to_another_owner(self, world: World) -> None:
        world.insert("entity_types", slug="zz", name="zz", organization_id="org_public_finance")
        world.insert("entity_types", slug="zz", name="mine", organization_id="org_birch")
        world.install("birch", skip=[], adopt=["entity_type.zz"])
        ((number,),) = world.sql("SELECT max(id) FROM reconcile.revision")
        plan = undo(world, number)
        (change,) = [one for one in plan.changes if one.action == "release"
                     and one.address == "entity_type.zz"]  # fmt: skip
        bad = other(change, to=RowOwner(agent="agent_evil", organization="org_evil"))
        with pytest.raises(InvalidPlanError, match="never done"):
            world.apply(forged(plan, [bad]))

    def test_an_adoption_from_another_owner(self, birch: World) -> None:
        plan = undo(birch, birch.apply(birch.plan("birch", release=["entity_type.goal"])).revision)
        (change,) = plan.changes
        birch.sql(
            "UPDATE entity_types SET managed_by_template_agent_id = 'agent_other', "
            f"source_template_org_id = 'org_other' WHERE {BIRCH} AND slug = 'goal'"
        )
        bad = other(change, owner=RowOwner(agent="agent_other", organization="org_other"))
        with pytest.raises(InvalidPlanError, match="never done"):
            birch.apply(forged(plan, [bad]))

    def test_of_another_template(self, birch: World) -> None:
        birch.insert("entity_types", slug="zz", name="n", organization_id="org_public_finance")
        plan = undo(birch, birch.apply(birch.plan("birch")).revision)
        templates(birch, "agent_t1")
        birch.insert("entity_types", slug="zz", name="n", organization_id="org_tt")
        birch.apply(birch.plan("birch", template="agent_t1", take=["entity_type.zz"]))
        home = plan.template.organization.model_copy(update={"id": "org_tt"})
        update = {"agent_id": "agent_t1", "organization": home}
        bad = plan.model_copy(update={"template": plan.template.model_copy(update=update)})
        with pytest.raises(InvalidPlanError, match="never done"):
            birch.apply(bad.identified())

    def test_of_no_revision(self, birch: World) -> None:
        number = birch.apply(birch.plan("birch", release=["entity_type.goal"])).revision
        plan = undo(birch, number)
        with pytest.raises(InvalidPlanError, match="does not say which revision"):
            birch.apply(forged(plan, revision=None))


class TestRestore:
    """What comes back is ours, and was retired by a plan, unless somebody asked for it."""

    def test_the_tenants_own_agent(self, birch: World) -> None:
        birch.apply(birch.plan("birch", destroy=True))
        own = {"organization_id": "org_birch", "name": "Mine", "description": "own"}
        birch.insert("agents", id="agent_mine", **own)
        plan = birch.plan("birch")
        field = FieldChange(column="description", before="own", after="hacked")
        before = {"description": "own", "template_entity_id": None}
        update = {"ids": ("agent_mine",), "before": before, "fields": (field,)}
        changes = [
            other(one, **update) if one.address.kind == "agent" else one for one in plan.changes
        ]
        with pytest.raises(StalePlanError, match="was not retired by a plan"):
            birch.apply(forged(plan, changes))
        assert birch.apply(plan).status == "applied"

    def test_nobody_asked_for_it(self, birch: World) -> None:
        birch.sql(f"UPDATE entity_types SET deleted_at = now() WHERE {BIRCH} AND slug = 'goal'")
        plan = birch.plan("birch", restore=["entity_type.goal"])
        with pytest.raises(StalePlanError, match="was not retired by a plan"):
            birch.apply(forged(plan, resolutions=()))
        assert birch.apply(plan).status == "applied"

    def test_another_dead_row(self, birch: World) -> None:
        old = {"organization_id": "org_birch", "deleted_at": "2026-01-01"}
        identity = birch.insert("entity_types", slug="old", name="o", **old)
        birch.sql(f"UPDATE entity_types SET deleted_at = now() WHERE {BIRCH} AND slug = 'goal'")
        birch.sql("UPDATE entity_types SET slug = 'goal' WHERE id = %s", identity)
        plan = birch.plan("birch", restore=["entity_type.goal"])
        (change,) = plan.changes
        with pytest.raises(StalePlanError):
            birch.apply(forged(plan, [other(change, ids=(str(identity),))]))

    def test_of_another_dead_row_the_ledger_says_nothing(self, birch: World) -> None:
        """A rule was retired by a plan; the tenant deleted it, and has a dead one of its own."""
        ((kind,),) = birch.sql(
            f"SELECT id FROM entity_relationship_types WHERE {PUBLISHED} AND slug = 'owns'"
        )
        ((source, target),) = birch.sql(
            "SELECT source_entity_type_slug, target_entity_type_slug "
            "FROM entity_relationship_type_rules WHERE relationship_type_id = %s "
            "ORDER BY id LIMIT 1",
            kind,
        )
        rule = "relationship_type_id = %s AND source_entity_type_slug = %s "
        rule += "AND target_entity_type_slug = %s"
        table = "entity_relationship_type_rules"
        birch.sql(f"UPDATE {table} SET deleted_at = now() WHERE {rule}", kind, source, target)
        birch.apply(birch.plan("birch", prune=True))
        birch.sql(f"UPDATE {table} SET deleted_at = NULL WHERE {rule}", kind, source, target)
        ((own,),) = birch.sql(
            f"SELECT id FROM entity_relationship_types WHERE {BIRCH} AND slug = 'owns'"
        )
        birch.sql(f"DELETE FROM {table} WHERE {rule}", own, source, target)
        birch.insert(
            table,
            relationship_type_id=own,
            source_entity_type_slug=source,
            target_entity_type_slug=target,
            deleted_at="2026-01-01",
        )
        plan = birch.plan("birch")
        assert "restore" not in [one.action for one in plan.changes]
        if plan.changes:
            birch.apply(plan)
        again = birch.plan("birch")
        assert again.empty or again.conflicts


class TestWhatAModeMayDo:
    """What was not asked for is not done."""

    def test_a_refresh_changes_nothing(self, world: World) -> None:
        plan = world.plan("birch")
        with pytest.raises(InvalidPlanError, match="only says what drifted"):
            world.apply(forged(plan, mode="refresh"))

    @pytest.mark.parametrize("mode", ["sync", "release", "destroy"])
    def test_a_row_is_given_to_nobody_else(self, birch: World, mode: str) -> None:
        plan = birch.plan("birch", release=["entity_type.goal"])
        (change,) = plan.changes
        bad = other(change, to=RowOwner(agent="agent_evil", organization="org_evil"))
        with pytest.raises(InvalidPlanError, match="cannot inherit"):
            birch.apply(forged(plan, [bad], mode=mode))

    def test_only_templates_of_the_same_organisation_inherit(self, world: World) -> None:
        templates(world, "agent_t1", "agent_t2")
        world.insert("entity_types", slug="zz", name="zz", organization_id="org_tt")
        for agent in ("agent_t1", "agent_t2"):
            world.apply(world.plan("birch", template=agent))
        plan = world.plan("birch", template="agent_t1", destroy=True)
        evil = RowOwner(agent="agent_pf", organization="org_public_finance")
        changes = [other(one, to=evil) if one.action == "release" else one for one in plan.changes]
        with pytest.raises(InvalidPlanError, match="cannot inherit"):
            world.apply(forged(plan, changes))


@pytest.mark.parametrize("gone", [False, True])
def test_a_name_of_several_templates_is_not_guessed(world: World, *, gone: bool) -> None:
    templates(world, "agent_t1", "agent_t2")
    world.insert("entity_types", slug="zz", name="zz", organization_id="org_tt")
    world.sql("UPDATE agents SET name = 'Twin' WHERE id IN ('agent_t1', 'agent_t2')")
    for agent in ("agent_t1", "agent_t2"):
        world.apply(world.plan("birch", template=agent))
    if gone:
        world.sql("UPDATE agents SET template_agent_id = NULL, name = 'x' WHERE name = 'Twin'")
    with pytest.raises(NotFoundError, match="names several templates: agent_t1"):
        world.plan("birch", template="twin", destroy=True)
    assert world.plan("birch", template="agent_t2", destroy=True).template.agent_id == "agent_t2"


def test_who_inherits_must_still_be_there(world: World) -> None:
    templates(world, "agent_t1", "agent_t2")
    world.insert("entity_types", slug="zz", name="zz", organization_id="org_tt")
    for agent in ("agent_t1", "agent_t2"):
        world.apply(world.plan("birch", template=agent))
    plan = world.plan("birch", template="agent_t1", destroy=True)
    world.apply(world.plan("birch", template="agent_t2", destroy=True))
    with pytest.raises(StalePlanError, match=r"entity_type.zz in birch would go to agent_t2"):
        world.apply(plan)


def test_what_a_row_belongs_to_stays_as_it_was_checked(
    birch: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule is brought back; what it belongs to cannot be released before it is written."""
    birch.sql(
        "INSERT INTO entity_relationship_type_rules (relationship_type_id, "
        "source_entity_type_slug, target_entity_type_slug) SELECT id, 'goal', 'goal' "
        f"FROM entity_relationship_types WHERE {PUBLISHED} AND slug = 'owns'"
    )
    plan = birch.plan("birch")
    assert [one.address.kind for one in plan.changes] == ["relationship_rule"]
    release = (
        "UPDATE entity_relationship_types SET managed_by_template_agent_id = NULL, "
        f"source_template_org_id = NULL WHERE {BIRCH} AND slug = 'owns'"
    )
    verify = Attempt._verify
    stopped: list[str] = []

    def meanwhile(work: Any, *given: Any) -> bool:
        found = verify(work, *given)
        with psycopg.connect(birch.dsn, autocommit=True) as platform:
            platform.execute("SET lock_timeout = '200ms'")
            try:
                platform.execute(release)
            except psycopg.errors.LockNotAvailable:
                stopped.append("waits")
        return found

    monkeypatch.setattr(Attempt, "_verify", meanwhile)
    assert birch.apply(plan).status == "applied"
    assert stopped == ["waits"]


def test_an_undo_points_at_the_tenants_own_version_again(birch: World) -> None:
    ((columns,),) = birch.sql(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
        "WHERE table_name = 'watcher_versions' AND column_name NOT IN ('id', 'version')"
    )
    for where, number in ((BIRCH, 9), (PUBLISHED, 4)):
        ((watcher,),) = birch.sql(f"SELECT id FROM watchers WHERE {where} AND slug = 'bills_due'")
        ((version,),) = birch.sql(
            f"INSERT INTO watcher_versions (version, {columns}) SELECT {number}, {columns} "
            "FROM watcher_versions WHERE watcher_id = %s AND version = 3 RETURNING id",
            watcher,
        )
        birch.sql(
            "UPDATE watchers SET version = %s, current_version_id = %s WHERE id = %s",
            number,
            version,
            watcher,
        )
    revision = birch.apply(birch.plan("birch", adopt=["watcher.bills_due"])).revision
    current = f"SELECT v.version FROM watchers w JOIN watcher_versions v ON v.id = \
w.current_version_id WHERE w.{BIRCH} AND w.slug = 'bills_due'"
    assert birch.sql(current) == [(4,)]
    birch.apply(undo(birch, revision))
    assert birch.sql(current) == [(9,)]
