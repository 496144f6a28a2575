"""A first install, and the promise after it: plan again and there is nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import planfile
from reconciler.model.change import Change
from reconciler.model.plan import Plan
from tests.fixtures.world import FOR_AN_ENTITY, World, notes, shipped, shipped_to_birch

TEMPLATE_ORGANIZATION = "org_public_finance"
ROWS = shipped_to_birch()
SCOPES = ("", "watcher_", "entity_")
LEDGER = ("revision", "target", "content", "placement")


def change(plan: Plan, address: str) -> Change:
    """The one change at this address."""
    (found,) = (one for one in plan.changes if one.address == address)
    return found


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the platform and of the ledger, with its row version."""
    tables = world.sql(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'reconcile')"
    )
    return {
        f"{schema}.{table}": world.sql(
            f'SELECT t::text, t.xmin::text, t.ctid::text FROM "{schema}"."{table}" t ORDER BY 1'
        )
        for schema, table in tables
    }


def test_the_agent_that_the_plan_shows_is_the_one_that_is_created(world: World) -> None:
    world.sql("""UPDATE agents SET model = 'large', persona = '{"tone": "dry"}'""")
    plan = world.plan("birch")
    agent = change(plan, "agent.agent_pf")
    assert agent.action == "create"
    assert agent.ids == change(world.plan("birch"), "agent.agent_pf").ids
    assert agent.ids != change(world.plan("acme"), "agent.agent_pf").ids
    assert world.sql("SELECT 1 FROM agents WHERE organization_id = 'org_birch'") == []

    world.apply(plan)

    columns = "id, template_agent_id, name, owner_user_id, model, persona"
    installed = world.sql(f"SELECT {columns} FROM agents WHERE organization_id = 'org_birch'")
    # Settings are inherited at run time through template_agent_id, so they are not copied.
    assert installed == [(agent.ids[0], "agent_pf", "Personal Finance", "user_ana", None, {})]
    assert agent.ids[0].startswith("agent_")
    assert world.plan("birch").targets[0].agent_id == agent.ids[0]


@pytest.fixture(scope="module")
def installed(shared_world: World) -> World:
    """A world to look at, in which birch has the template."""
    outcome = shared_world.install("birch", skip=[], actor="user_ben")
    assert outcome.status == "applied"
    assert outcome.counts == {kind: {"create": rows} for kind, rows in ROWS.items()}
    return shared_world


def test_every_row_arrives_as_the_template_has_it_tagged_with_its_owner(installed: World) -> None:
    world = installed
    for table, columns in (
        (
            "entity_types",
            "slug, name, description, icon, color, metadata_schema::text, event_kinds",
        ),
        (
            "entity_relationship_types",
            "slug, name, description, is_symmetric, metadata_schema::text, status",
        ),
    ):
        rows = f"SELECT {columns} FROM {table} WHERE organization_id = %s AND slug <> '$member'"
        ours = world.sql(f"{rows} ORDER BY slug", "org_birch")
        assert ours == world.sql(f"{rows} ORDER BY slug", TEMPLATE_ORGANIZATION)
        tags = world.sql(
            "SELECT DISTINCT managed_by_template_agent_id, source_template_org_id, created_by,"
            f" deleted_at FROM {table} WHERE organization_id = 'org_birch' AND slug <> '$member'"
        )
        assert tags == [("agent_pf", TEMPLATE_ORGANIZATION, "user_ben", None)]
    assert world.sql(
        "SELECT DISTINCT updated_by FROM entity_types"
        " WHERE organization_id = 'org_birch' AND slug <> '$member'"
    ) == [("user_ben",)]
    # The ledger names the same rows.
    assert world.sql(
        "SELECT key[1], row_id FROM reconcile.placement WHERE kind = 'entity_type' ORDER BY 1"
    ) == world.sql(
        "SELECT slug, id::text FROM entity_types"
        " WHERE managed_by_template_agent_id = 'agent_pf' ORDER BY 1"
    )


def test_inverses_and_rules_stay_within_the_target(installed: World) -> None:
    world = installed
    inverses = (
        "SELECT t.slug, i.slug, i.organization_id = t.organization_id"
        " FROM entity_relationship_types t"
        " LEFT JOIN entity_relationship_types i ON i.id = t.inverse_type_id"
        " WHERE t.organization_id = %s ORDER BY 1"
    )
    ours = world.sql(inverses, "org_birch")
    assert ours == world.sql(inverses, TEMPLATE_ORGANIZATION)
    assert ("owns", "owned_by", True) in ours
    assert ("owned_by", "owns", True) in ours
    rules = (
        "SELECT t.slug, r.source_entity_type_slug, r.target_entity_type_slug, r.deleted_at"
        " FROM entity_relationship_type_rules r"
        " JOIN entity_relationship_types t ON t.id = r.relationship_type_id"
        " WHERE t.organization_id = %s ORDER BY 1, 2, 3"
    )
    ours = world.sql(rules, "org_birch")
    assert ours == world.sql(rules, TEMPLATE_ORGANIZATION)
    assert len(ours) == ROWS["relationship_rule"]
    # A rule may speak of a system type, although the type itself is nobody's business.
    assert ("manages", "$member", "household", None) in ours


def test_nobody_else_is_touched(world: World) -> None:
    world.insert("agents", id="agent_own", organization_id="org_acme", name="Our own")
    before = everything(world)
    plan = world.plan("acme", skip=["entity_type.transaction"])
    assert not any(one.address.key[0].startswith("$") for one in plan.changes)
    assert [(note.about, note.address) for note in plan.notes] == [
        ("skipped", "entity_type.transaction")
    ]

    outcome = world.apply(plan)

    # Acme's transaction and $member, its people and entities, the template, birch: every row
    # that was there is there still, the very same version of it.
    acme, plain = shipped(), "public.entity_"
    acme["entity_type"] -= 1
    after = everything(world)
    assert all(set(rows) <= set(after[table]) for table, rows in before.items())
    new = {table: len(rows) - len(before[table]) for table, rows in after.items()}
    assert {table: rows for table, rows in new.items() if rows} == {
        "public.agents": 1,
        f"{plain}types": acme["entity_type"],
        f"{plain}type_audit": acme["entity_type"],
        f"{plain}relationship_types": acme["relationship_type"],
        f"{plain}relationship_type_rules": acme["relationship_rule"],
        "public.view_templates": acme["view_template"],
        "public.view_template_versions": acme["view_template_version"],
        "public.watchers": acme["watcher"],
        "public.watcher_versions": acme["watcher_version"],
        "public.event_classifiers": sum(acme[f"{of}classifier"] for of in SCOPES),
        "public.event_classifier_versions": sum(acme[f"{of}classifier_version"] for of in SCOPES),
        "reconcile.revision": 1,
        "reconcile.target": 1,
        # A rule is nothing but its key, so the content of all rules is one.
        "reconcile.content": acme.total() - acme["relationship_rule"] + 1,
        "reconcile.placement": acme.total(),
    }
    assert outcome.counts == {kind: {"create": rows} for kind, rows in acme.items()}


def test_apply_then_plan_again_is_empty_and_a_no_op_writes_nothing(installed: World) -> None:
    before = everything(installed)
    again = installed.plan("birch")
    assert (again.changes, again.conflicts, notes(again)) == ((), (), [])
    # What is for an entity that birch does not have waits for it, and the plan says so.
    assert [(one.about, one.address.kind) for one in again.notes] == list(
        zip(("deferred", "with_parent"), FOR_AN_ENTITY, strict=True)
    )
    assert again.unchanged == sum(ROWS.values())

    outcome = installed.apply(again)

    assert (outcome.status, outcome.revision, outcome.counts) == ("nothing_to_do", None, {})
    assert everything(installed) == before


def test_two_targets_in_one_plan(world: World) -> None:
    plan = world.plan("birch", "acme", skip=["entity_type.transaction"])
    assert change(plan, "entity_type.account").targets == ("org_acme", "org_birch")
    assert change(plan, "entity_type.transaction").targets == ("org_birch",)
    assert len({one.address for one in plan.changes}) == len(plan.changes)
    assert len(plan.changes) == shipped().total()
    (for_an_entity,) = (one for one in plan.changes if one.address.kind == FOR_AN_ENTITY[0])
    assert for_an_entity.targets == ("org_acme",)

    outcome = world.apply(plan)

    assert outcome.counts["agent"] == {"create": 2}
    assert outcome.counts["entity_type"] == {"create": 2 * ROWS["entity_type"] - 1}
    assert outcome.counts["watcher"] == {"create": 2 * ROWS["watcher"]}
    agent = change(plan, "agent.agent_pf")
    assert world.sql(
        "SELECT organization_id, id FROM agents WHERE template_agent_id = 'agent_pf' ORDER BY 1"
    ) == list(zip(agent.targets, agent.ids, strict=True))
    assert world.sql("SELECT count(*) FROM reconcile.revision") == [(1,)]
    assert world.plan("birch", "acme", skip=["entity_type.transaction"]).empty


def test_an_install_may_name_the_agent_once(world: World) -> None:
    world.install("birch", skip=[], name="Penny")
    names = "SELECT name FROM agents WHERE template_agent_id = 'agent_pf'"
    assert world.sql(names) == [("Penny",)]
    # From then on the name is the tenant's.
    assert world.plan("birch", name="Shilling").empty
    assert world.plan("birch").empty


def test_the_same_request_makes_the_same_plan(shared_world: World) -> None:
    first, second, *same = (
        shared_world.plan("acme", "birch"),
        shared_world.plan("acme", "birch"),
        shared_world.plan("birch", "org_acme", "acme", actor="ana@acme.test", template="agent_pf"),
    )
    assert len({plan.plan_id for plan in (first, second, *same)}) == 1
    second = second.model_copy(update={"created_at": first.created_at})
    assert planfile.dumps(first) == planfile.dumps(second)
    assert planfile.loads(planfile.dumps(first)) == first
    others = (
        shared_world.plan("acme"),
        shared_world.plan("acme", name="Penny"),
        shared_world.plan("acme", skip=["entity_type.transaction"]),
    )
    assert len({plan.plan_id for plan in (first, *others)}) == 4
