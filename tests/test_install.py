"""A first install, and the promise after it: plan again and there is nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import planfile
from reconciler.model.change import Change, Update
from reconciler.model.plan import Plan
from tests.fixtures.world import World

TEMPLATE_ORGANIZATION = "org_public_finance"
ROWS = {"agent": 1, "entity_type": 27, "relationship_type": 28, "relationship_rule": 76}
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
    after = everything(world)
    assert all(set(rows) <= set(after[table]) for table, rows in before.items())
    new = {table: len(rows) - len(before[table]) for table, rows in after.items()}
    assert {table: rows for table, rows in new.items() if rows} == {
        "public.agents": 1,
        "public.entity_types": 26,
        "public.entity_relationship_types": 28,
        "public.entity_relationship_type_rules": 76,
        "reconcile.revision": 1,
        "reconcile.target": 1,
        "reconcile.content": 56,
        "reconcile.placement": 131,
    }
    assert outcome.counts["entity_type"] == {"create": 26}


def test_apply_then_plan_again_is_empty_and_a_no_op_writes_nothing(installed: World) -> None:
    before = everything(installed)
    again = installed.plan("birch")
    assert (again.changes, again.conflicts, again.notes) == ((), (), ())

    outcome = installed.apply(again)

    assert (outcome.status, outcome.revision, outcome.counts) == ("nothing_to_do", None, {})
    assert everything(installed) == before


def test_two_targets_in_one_plan(world: World) -> None:
    plan = world.plan("birch", "acme", skip=["entity_type.transaction"])
    assert change(plan, "entity_type.account").targets == ("org_acme", "org_birch")
    assert change(plan, "entity_type.transaction").targets == ("org_birch",)
    assert len({one.address for one in plan.changes}) == len(plan.changes) == sum(ROWS.values())

    outcome = world.apply(plan)

    assert outcome.counts["agent"] == {"create": 2}
    assert outcome.counts["entity_type"] == {"create": 53}
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


def test_numbers_arrive_to_the_last_digit(world: World) -> None:
    # Digits that a float loses, and most libraries with it.
    digits = '{"big": 12345678901234567890, "price": 1.10, "fine": 0.1000000000000000000001,'
    digits += ' "huge": 1e400, "list": [1, 1.0, true]}'
    template = "WHERE organization_id = 'org_public_finance' AND slug = 'account'"
    world.sql(f"UPDATE entity_types SET metadata_schema = %s {template}", digits)
    plan = world.plan("birch")
    written = planfile.dumps(plan)
    assert '"big": 12345678901234567890' in written
    assert '"price": 1.10' in written
    world.apply(planfile.loads(written))
    schemas = "SELECT DISTINCT metadata_schema::text FROM entity_types WHERE slug = 'account'"
    ((ours,),) = world.sql(schemas)
    assert '"fine": 0.1000000000000000000001, ' in ours
    assert f'"huge": 1{"0" * 400}, ' in ours
    assert '"list": [1, 1.0, true]' in ours
    assert world.plan("birch").empty
    # jsonb calls 1.10 and 1.1 equal; a person who reads the schema does not.
    other = digits.replace("10,", "1,")
    world.sql(f"UPDATE entity_types SET metadata_schema = %s {template}", other)
    plan = world.plan("birch")
    (update,) = plan.changes
    assert isinstance(update, Update)
    (step,) = update.fields[0].operations
    assert (step.op, step.path, step.value) == ("replace", "/price", "1.1")
    world.apply(plan)
    ((ours,),) = world.sql(schemas)
    assert '"price": 1.1}' in ours


def test_json_null_is_not_sql_null_and_true_is_not_one(world: World) -> None:
    steps: dict[str, tuple[str | None, str | None]] = {
        "account": ("null", None),
        "bill": (None, "null"),
        "card": ('""', "null"),
        "goal": ("true", "1"),
        "loan": ("{}", "[]"),
    }
    schemas = "SELECT slug, metadata_schema::text FROM entity_types"
    schemas += " WHERE organization_id = 'org_birch' AND slug = ANY(%s)"
    for step in (0, 1):
        for slug, values in steps.items():
            sql = "UPDATE entity_types SET metadata_schema = %s WHERE slug = %s AND organization_id"
            world.sql(f"{sql} = 'org_public_finance'", values[step], slug)
        plan = world.plan("birch")
        assert {f"entity_type.{slug}" for slug in steps} <= {one.address for one in plan.changes}
        world.apply(planfile.loads(planfile.dumps(plan)))
        found = dict(world.sql(schemas, list(steps)))
        assert found == {slug: values[step] for slug, values in steps.items()}
    assert world.plan("birch").empty


def test_hostile_text_arrives_to_the_letter(world: World) -> None:
    home = "org_public_finance"
    hostile = (
        'it\'s "a" %s 100%% $1 {x} \\n \\\\ \t\r\n;--</b> [red] \u202egnp.exe\u200b 🙂 a/b.c~d'
    )
    texts = [hostile, '{"like": "JSON"}', "null", "true", "12", '"quoted"', "", " x ", "\\N", "{a}"]
    for number, text in enumerate(texts):
        world.insert(
            "entity_types",
            organization_id=home,
            slug=text and f"{number}{text}",
            name=text,
            description="ten thousand " * 1_000 + text,
            icon=text,
            metadata_schema={text: [text, "long" * 2_500]},
        )
    kinds = "entity_relationship_types"
    one = world.insert(kinds, organization_id=home, slug=hostile, name=hostile)
    other = world.insert(
        kinds, organization_id=home, slug=hostile[::-1], name="", inverse_type_id=one
    )
    world.insert(
        "entity_relationship_type_rules",
        relationship_type_id=other,
        source_entity_type_slug=hostile,
        target_entity_type_slug="",
    )
    world.apply(planfile.loads(planfile.dumps(world.plan("birch"))))
    for rows in (
        "SELECT slug, name, description, icon, metadata_schema::text FROM entity_types"
        " WHERE organization_id = %s AND slug <> '$member' ORDER BY slug",
        "SELECT t.slug, t.name, i.slug, source_entity_type_slug, target_entity_type_slug"
        " FROM entity_relationship_types t JOIN entity_relationship_type_rules r"
        " ON r.relationship_type_id = t.id LEFT JOIN entity_relationship_types i"
        " ON i.id = t.inverse_type_id AND i.organization_id = t.organization_id"
        " WHERE t.organization_id = %s ORDER BY 1, 4, 5",
    ):
        assert world.sql(rows, "org_birch") == world.sql(rows, home)
    assert world.plan("birch").empty
