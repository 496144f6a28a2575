"""What happens to an installed vocabulary when the template, or the tenant, moves on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from reconciler import library, planfile
from reconciler.database.embedded import Server
from reconciler.model.change import FieldChange, Update
from reconciler.model.plan import Plan
from reconciler.model.value import Json
from tests.fixtures.world import TRACKED, World, _copy

HOME = "org_public_finance"
# Digits that a float, a Decimal of Python or an int of JavaScript would lose.
NUMBERS = (
    '{"big": 12345678901234567890, "price": 1.10, "huge": 1e400,'
    ' "fine": 0.1000000000000000000001, "whole": 1.0, "list": [1, 1.0, true]}'
)
HOSTILE = 'it\'s "a" %s 100%% $1 {x} \\n \\\\ \t\r\n;--</b> [red] \u202egnp.exe\u200b 🙂 a/b.c~d'


@pytest.fixture(scope="module")
def installed_database(server: Server, seeded: str) -> Iterator[str]:
    """The seeded database with the template installed in birch, to copy from."""
    name = f"installed_{uuid4().hex[:8]}"
    dsn = server.create_database(name, template=seeded)
    library.apply(dsn, library.plan(dsn, "agent_pf", ["birch"], actor="user_ana"))
    yield name
    server.drop_database(name)


@pytest.fixture
def birch(server: Server, installed_database: str) -> Iterator[World]:
    """A world in which birch has the template."""
    yield from _copy(server, installed_database)


def versions(world: World) -> dict[tuple[str, str], str]:
    """The row version of every row that a plan could write."""
    return {
        (table, identity): version
        for table in TRACKED
        for identity, version in world.sql(f"SELECT id::text, xmin::text FROM {table}")
    }


def written(world: World, before: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    """The table and id of rows that are new or were written since."""
    return {row for row, version in versions(world).items() if before.get(row) != version}


def row_id(world: World, table: str, slug: str, organization: str = "org_birch") -> str:
    """The id of a row, as text."""
    ((found,),) = world.sql(
        f"SELECT id::text FROM {table} WHERE organization_id = %s AND slug = %s", organization, slug
    )
    return found


def set_schema(world: World, slug: str, value: str | None) -> None:
    """Give a type of the template another metadata_schema."""
    world.sql(
        "UPDATE entity_types SET metadata_schema = %s WHERE organization_id = %s AND slug = %s",
        value,
        HOME,
        slug,
    )


def only_field(plan: Plan) -> FieldChange:
    """The field of a plan that changes one field of one row."""
    (change,) = plan.changes
    assert change.action == "update"
    (field,) = change.fields
    return field


def notes(plan: Plan) -> list[tuple[str, str]]:
    """What the plan leaves alone."""
    return [(note.about, note.address) for note in plan.notes]


TYPE = f"WHERE organization_id = '{HOME}' AND slug = 'account'"
LIMITS = f"WHERE organization_id = '{HOME}' AND slug = 'limits'"

# What is changed in the template: kind, slug, column, and the new value as SQL.
EDITS = (
    ("entity_type", "account", "name", "'Bank account'"),
    ("entity_type", "card", "description", "'A piece of plastic'"),
    ("entity_type", "goal", "icon", "NULL"),
    ("entity_type", "loan", "color", "'#000000'"),
    ("entity_type", "bill", "event_kinds", """'{"due": {}}'"""),
    (
        "entity_type",
        "person",
        "metadata_schema",
        """jsonb_set(metadata_schema, '{properties,"a/b~c"}', '{"type": "string"}')""",
    ),
    ("relationship_type", "limits", "name", "'Caps'"),
    ("relationship_type", "funds", "description", "'Pays for'"),
    ("relationship_type", "paid_to", "is_symmetric", "true"),
    ("relationship_type", "holds", "metadata_schema", "'{}'"),
    ("relationship_type", "owns", "inverse_type_id", "NULL"),
    (
        "relationship_type",
        "leg_of",
        "inverse_type_id",
        "(SELECT id FROM entity_relationship_types i WHERE i.slug = 'funds'"
        f" AND i.organization_id = '{HOME}')",
    ),
)
TABLES = {"entity_type": "entity_types", "relationship_type": "entity_relationship_types"}


def test_each_change_in_the_template_arrives_alone(birch: World) -> None:
    for kind, slug, column, value in EDITS:
        birch.sql(
            f"UPDATE {TABLES[kind]} SET {column} = {value}"
            f" WHERE organization_id = '{HOME}' AND slug = '{slug}'"
        )
    before = versions(birch)
    plan = birch.plan("birch", actor="user_ben")
    shown = {
        (*one.address.split("."), field.column, field.drift)
        for one in plan.changes
        if one.action == "update"
        for field in one.fields
    }
    assert shown == {(kind, slug, column, False) for kind, slug, column, _ in EDITS}
    (person,) = (one for one in plan.changes if one.address == "entity_type.person")
    assert isinstance(person, Update)
    assert [(step.op, step.path) for step in person.fields[0].operations] == [
        ("add", "/properties/a~1b~0c")
    ]

    assert birch.apply(plan).status == "applied"

    assert written(birch, before) == {
        (TABLES[kind], row_id(birch, TABLES[kind], slug)) for kind, slug, _, _ in EDITS
    }
    assert birch.plan("birch").empty


def test_the_description_of_the_agent_is_the_templates_and_its_name_the_tenants(
    birch: World,
) -> None:
    birch.sql("UPDATE agents SET name = 'Penny' WHERE organization_id = 'org_birch'")
    birch.sql("UPDATE agents SET name = 'Money', description = 'New' WHERE id = 'agent_pf'")
    before = versions(birch)
    plan = birch.plan("birch", template="agent_pf")
    assert only_field(plan).column == "description"
    birch.apply(plan)
    assert birch.sql("SELECT name, description FROM agents WHERE id <> 'agent_pf'") == [
        ("Penny", "New")
    ]
    ((agent,),) = birch.sql("SELECT id FROM agents WHERE organization_id = 'org_birch'")
    assert written(birch, before) == {("agents", agent)}


def test_who_wrote_a_row_last_is_remembered_and_who_created_it_stays(birch: World) -> None:
    stamps = (
        "SELECT created_by, updated_by, created_at < updated_at FROM entity_types"
        " WHERE organization_id = 'org_birch' AND slug = 'account'"
    )
    assert birch.sql(stamps) == [("user_ana", "user_ana", False)]
    birch.sql(f"UPDATE entity_types SET description = 'A pot' {TYPE}")
    birch.install("birch", skip=[], actor="user_ben")
    assert birch.sql(stamps) == [("user_ana", "user_ben", True)]


def test_new_rows_arrive_alone_with_what_they_refer_to(birch: World) -> None:
    limits = row_id(birch, "entity_relationship_types", "limits", HOME)
    birch.insert("entity_types", organization_id=HOME, slug="allowance", name="Allowance")
    granted = birch.insert(
        "entity_relationship_types",
        organization_id=HOME,
        slug="limited_by",
        name="Limited by",
        inverse_type_id=limits,
    )
    for kind, source, target in ((limits, "goal", "category"), (granted, "allowance", "person")):
        birch.insert(
            "entity_relationship_type_rules",
            relationship_type_id=kind,
            source_entity_type_slug=source,
            target_entity_type_slug=target,
        )
    before = versions(birch)
    plan = birch.plan("birch")
    assert [(one.action, one.address) for one in plan.changes] == [
        ("create", "entity_type.allowance"),
        ("create", "relationship_type.limited_by"),
        ("create", "relationship_rule.limited_by/allowance/person"),
        ("create", "relationship_rule.limits/goal/category"),
    ]
    birch.apply(plan)
    assert len(written(birch, before)) == 4
    assert birch.sql(
        "SELECT inverse_type_id::text FROM entity_relationship_types"
        " WHERE organization_id = 'org_birch' AND slug = 'limited_by'"
    ) == [(row_id(birch, "entity_relationship_types", "limits"),)]
    assert birch.plan("birch").empty


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {table} SET deleted_at = now()",
        "DELETE FROM {table}",
    ],
)
def test_what_left_the_template_is_noted_and_stays(birch: World, sql: str) -> None:
    birch.sql(sql.format(table="entity_types") + f" WHERE organization_id = '{HOME}'"
              " AND slug = 'vehicle'")  # fmt: skip
    birch.sql(sql.format(table="entity_relationship_types") + f" {LIMITS}")
    before = versions(birch)
    plan = birch.plan("birch")
    assert (plan.changes, plan.conflicts) == ((), ())
    assert notes(plan) == [
        ("orphaned", "entity_type.vehicle"),
        ("orphaned", "relationship_type.limits"),
        ("orphaned", "relationship_rule.limits/budget/category"),
    ]
    assert birch.apply(plan).status == "nothing_to_do"
    assert written(birch, before) == set()


# A relationship type can be dead in two ways; only one of them frees its slug.
@pytest.mark.parametrize(
    ("of_type", "of_relationship", "of_rule"),
    [
        ("UPDATE {} SET deleted_at = now()",) * 3,
        ("DELETE FROM {}",) * 3,
        (
            "UPDATE {} SET deleted_at = now()",
            "UPDATE {} SET status = 'archived'",
            "UPDATE {} SET deleted_at = now()",
        ),
    ],
)
def test_what_the_tenant_deleted_stays_deleted_and_the_rest_arrives(
    birch: World, of_type: str, of_relationship: str, of_rule: str
) -> None:
    here = "WHERE organization_id = 'org_birch' AND slug ="
    owns = row_id(birch, "entity_relationship_types", "owns")
    birch.sql(of_rule.format("entity_relationship_type_rules")
              + f" WHERE relationship_type_id = {owns} AND target_entity_type_slug = 'vehicle'")  # fmt: skip
    birch.sql(of_type.format("entity_types") + f" {here} 'goal'")
    birch.sql(of_relationship.format("entity_relationship_types") + f" {here} 'limits'")
    birch.sql(f"UPDATE entity_types SET description = 'A pot' {TYPE}")
    birch.sql(f"UPDATE entity_types SET description = 'Scored' WHERE organization_id = '{HOME}'"
              " AND slug = 'goal'")  # fmt: skip
    before = versions(birch)
    plan = birch.plan("birch")
    assert plan.conflicts == ()
    assert only_field(plan).after == "A pot"
    # The rules of a deleted relationship type went with it.
    assert notes(plan) == [
        ("deleted_by_tenant", "entity_type.goal"),
        ("deleted_by_tenant", "relationship_type.limits"),
        ("deleted_by_tenant", "relationship_rule.owns/person/vehicle"),
    ]
    birch.apply(plan)
    account = ("entity_types", row_id(birch, "entity_types", "account"))
    assert written(birch, before) == {account}
    assert birch.plan("birch").empty


def test_drift_is_shown_and_overwritten_only_by_the_reviewed_plan(birch: World) -> None:
    birch.sql(
        "UPDATE entity_types SET description = 'Ours' WHERE organization_id = 'org_birch'"
        " AND slug IN ('account', 'card')"
    )
    birch.sql(f"UPDATE entity_types SET description = 'A pot', name = 'Pot' {TYPE}")
    before = versions(birch)
    plan = birch.plan("birch")
    assert written(birch, before) == set()
    account, card = plan.changes
    assert [(field.column, field.before, field.drift) for field in account.fields] == [
        ("name", "Account", False),
        ("description", "Ours", True),
    ]
    assert [(field.before, field.drift) for field in card.fields] == [("Ours", True)]
    birch.apply(plan)
    assert birch.plan("birch").empty


def test_numbers_survive_to_the_last_digit(birch: World) -> None:
    set_schema(birch, "account", NUMBERS)
    plan = birch.plan("birch")
    assert '"price": 1.10' in planfile.dumps(plan)
    assert "12345678901234567890" in planfile.dumps(plan)
    birch.apply(planfile.loads(planfile.dumps(plan)))
    schemas = "SELECT DISTINCT metadata_schema::text FROM entity_types WHERE slug = 'account'"
    ((ours,),) = birch.sql(schemas)
    assert '"price": 1.10,' in ours
    assert '"fine": 0.1000000000000000000001,' in ours
    assert f'"huge": 1{"0" * 400},' in ours
    assert birch.plan("birch").empty
    # To jsonb 1.10 and 1.1 are equal; to a person who reads a schema they are not.
    set_schema(birch, "account", NUMBERS.replace("1.10", "1.1"))
    (step,) = only_field(birch.plan("birch")).operations
    assert (step.op, step.path, step.value) == ("replace", "/price", "1.1")
    birch.install("birch", skip=[])
    assert len(birch.sql(schemas)) == 1
    assert birch.plan("birch").empty


def test_json_null_is_not_sql_null_and_true_is_not_one(birch: World) -> None:
    steps: dict[str, tuple[str | None, str | None]] = {
        "account": ("null", None),
        "bill": (None, "null"),
        "card": ('""', "null"),
        "goal": ("true", "1"),
        "loan": ("{}", "[]"),
    }
    for step in (0, 1):
        wanted = {slug: values[step] for slug, values in steps.items()}
        for slug, value in wanted.items():
            set_schema(birch, slug, value)
        plan = birch.plan("birch")
        assert {
            one.address.key[0]: one.fields[0].after
            for one in plan.changes
            if one.action == "update"
        } == {slug: None if value is None else Json(text=value) for slug, value in wanted.items()}
        birch.apply(plan)
        assert (
            dict(
                birch.sql(
                    "SELECT slug, metadata_schema::text FROM entity_types"
                    " WHERE organization_id = 'org_birch' AND slug = ANY(%s)",
                    list(steps),
                )
            )
            == wanted
        )
    assert birch.plan("birch").empty


def test_hostile_text_arrives_to_the_letter(birch: World) -> None:
    texts = [HOSTILE, '{"looks": "like JSON"}', "null", "true", "12", '"quoted"', "", " x ", "\\N"]
    long = "long " * 2_000
    for number, text in enumerate(texts):
        birch.insert(
            "entity_types",
            organization_id=HOME,
            slug=f"{number}{text}",
            name=text,
            description=long + text,
            icon=text,
            metadata_schema=json.dumps({text: [text, long]}),
        )
    one, other = (
        birch.insert("entity_relationship_types", organization_id=HOME, slug=slug, name=slug)
        for slug in (HOSTILE, HOSTILE[::-1])
    )
    birch.sql("UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s", one, other)
    birch.insert(
        "entity_relationship_type_rules",
        relationship_type_id=one,
        source_entity_type_slug=HOSTILE,
        target_entity_type_slug="$member/a.b",
    )
    plan = planfile.loads(planfile.dumps(birch.plan("birch")))
    assert {one.action for one in plan.changes} == {"create"}

    birch.apply(plan)

    rows = (
        "SELECT slug, name, description, icon, metadata_schema::text FROM entity_types"
        " WHERE organization_id = %s AND slug <> '$member' ORDER BY slug"
    )
    assert birch.sql(rows, "org_birch") == birch.sql(rows, HOME)
    assert birch.sql(
        "SELECT i.slug, t.slug, r.source_entity_type_slug, r.target_entity_type_slug"
        " FROM entity_relationship_types t"
        " JOIN entity_relationship_types i ON i.inverse_type_id = t.id"
        " JOIN entity_relationship_type_rules r ON r.relationship_type_id = t.id"
        " WHERE t.organization_id = 'org_birch' AND i.organization_id = 'org_birch'"
        " AND t.slug = %s",
        HOSTILE,
    ) == [(HOSTILE[::-1], HOSTILE, HOSTILE, "$member/a.b")]
    assert birch.plan("birch").empty


def test_a_second_agent_of_the_same_organisation_shares_the_rows(birch: World) -> None:
    birch.insert("agents", id="agent_second", organization_id=HOME, name="Second")
    plan = birch.plan("birch", template="agent_second")
    assert [(one.action, one.address) for one in plan.changes] == [("create", "agent.agent_second")]
    birch.apply(plan)
    birch.sql(f"UPDATE entity_types SET description = 'A pot' {TYPE}")
    plan = birch.plan("birch", template="agent_second")
    assert only_field(plan).drift is False
    birch.apply(plan)
    # The first owner keeps the tag, and has nothing left to do.
    assert birch.sql(
        "SELECT DISTINCT managed_by_template_agent_id, source_template_org_id FROM entity_types"
        " WHERE organization_id = 'org_birch' AND slug <> '$member'"
    ) == [("agent_pf", HOME)]
    assert birch.plan("birch", template="agent_pf").empty
