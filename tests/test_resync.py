"""What happens to an installed vocabulary when the template, or the tenant, moves on."""

from __future__ import annotations

import pytest

from reconciler.errors import ReconcilerError
from reconciler.model.change import FieldChange
from reconciler.model.plan import Plan
from tests.fixtures.world import TRACKED, World, notes

HOME, TENANT = "org_public_finance", "org_birch"
TYPES, RELATIONS = "entity_types", "entity_relationship_types"
RULES = "entity_relationship_type_rules"
Versions = dict[tuple[str, str], str]


def edit(world: World, table: str, slug: str, column: str, to: str, at: str = HOME) -> None:
    """Set a column to an SQL expression; in the template, unless another place is named."""
    where = f"organization_id = '{at}' AND slug = '{slug}'"
    world.sql(f"UPDATE {table} SET {column} = {to} WHERE {where}")


def row_id(world: World, table: str, slug: str, at: str = TENANT) -> str:
    """The id of a row, as text."""
    sql = f"SELECT id::text FROM {table} WHERE organization_id = %s AND slug = %s"
    ((found,),) = world.sql(sql, at, slug)
    return str(found)


def versions(world: World) -> Versions:
    """The row version of every row that a plan could write."""
    return {
        (table, identity): version
        for table in TRACKED
        for identity, version in world.sql(f"SELECT id::text, xmin::text FROM {table}")
    }


def written(world: World, before: Versions) -> set[tuple[str, str]]:
    """The table and id of the rows that are new or were written since."""
    return {row for row, version in versions(world).items() if before.get(row) != version}


def fields(plan: Plan) -> dict[tuple[str, str], FieldChange]:
    """The changed columns of a plan that only updates, by address and column."""
    assert plan.conflicts == ()
    assert {one.action for one in plan.changes} <= {"update"}
    return {
        (str(one.address), field.column): field
        for one in plan.changes
        if one.action == "update"
        for field in one.fields
    }


def test_each_change_in_the_template_arrives_alone(birch: World) -> None:
    funds = f"(SELECT id FROM {RELATIONS} f WHERE f.slug = 'funds' AND organization_id = '{HOME}')"
    add = """jsonb_set(metadata_schema, '{properties,"a/b~c"}', '{"type": "string"}')"""
    edits = [
        (TYPES, "account", "name", "'Bank account'"),
        (TYPES, "card", "description", "'A piece of plastic'"),
        (TYPES, "goal", "icon", "NULL"),
        (TYPES, "loan", "color", "'#000000'"),
        (TYPES, "bill", "event_kinds", """'{"due": {}}'"""),
        (TYPES, "person", "metadata_schema", add),
        (RELATIONS, "limits", "name", "'Caps'"),
        (RELATIONS, "funds", "description", "'Pays for'"),
        (RELATIONS, "paid_to", "is_symmetric", "true"),
        (RELATIONS, "holds", "metadata_schema", "'{}'"),
        (RELATIONS, "owns", "inverse_type_id", "NULL"),
        (RELATIONS, "leg_of", "inverse_type_id", funds),
    ]
    for one in edits:
        edit(birch, *one)
    before = versions(birch)
    plan = birch.plan("birch", actor="user_ben")
    found = fields(plan)
    kinds = {TYPES: "entity_type", RELATIONS: "relationship_type"}
    assert found.keys() == {(f"{kinds[one[0]]}.{one[1]}", one[2]) for one in edits}
    assert not any(field.drift for field in found.values())
    (step,) = found["entity_type.person", "metadata_schema"].operations
    assert (step.op, step.path, step.value) == ("add", "/properties/a~1b~0c", {"type": "string"})

    birch.apply(plan)

    assert written(birch, before) == {(one[0], row_id(birch, one[0], one[1])) for one in edits}
    assert birch.plan("birch").empty
    stamps = "SELECT created_by, updated_by, created_at < updated_at FROM entity_types"
    assert birch.sql(f"{stamps} WHERE id = {row_id(birch, TYPES, 'card')}") == [
        ("user_ana", "user_ben", True)
    ]


def test_a_renamed_agent_stays_renamed(birch: World) -> None:
    birch.sql("UPDATE agents SET name = 'Penny' WHERE organization_id = 'org_birch'")
    birch.sql("UPDATE agents SET name = 'Money', description = 'New' WHERE id = 'agent_pf'")
    before = versions(birch)
    plan = birch.plan("birch", template="agent_pf")
    assert fields(plan).keys() == {("agent.agent_pf", "description")}
    birch.apply(plan)
    ours = "SELECT name, description FROM agents WHERE organization_id = 'org_birch'"
    assert birch.sql(ours) == [("Penny", "New")]
    assert {table for table, _ in written(birch, before)} == {"agents"}


def test_a_column_that_is_not_written_again_collides_with_nothing(birch: World) -> None:
    birch.sql("UPDATE agents SET name = 'Penny' WHERE organization_id = 'org_birch'")
    birch.sql("CREATE UNIQUE INDEX any_agent ON agents (name)")
    birch.sql("UPDATE agents SET description = 'New' WHERE id = 'agent_pf'")
    plan = birch.plan("birch")
    assert fields(plan).keys() == {("agent.agent_pf", "description")}


def test_new_rows_arrive_alone_with_what_they_refer_to(birch: World) -> None:
    limits = row_id(birch, RELATIONS, "limits", HOME)
    new = {"organization_id": HOME, "name": "New"}
    birch.insert(TYPES, slug="allowance", **new)
    granted = birch.insert(RELATIONS, slug="limited_by", inverse_type_id=limits, **new)
    rule = f"INSERT INTO {RULES} (relationship_type_id, source_entity_type_slug,"
    rule += " target_entity_type_slug) VALUES (%s, %s, %s)"
    birch.sql(rule, limits, "goal", "category")
    birch.sql(rule, granted, "allowance", "person")
    before = versions(birch)
    plan = birch.plan("birch")
    assert [(one.action, one.address) for one in plan.changes] == [
        ("create", "relationship_type.limited_by"),
        ("create", "relationship_rule.limited_by/allowance/person"),
        ("create", "relationship_rule.limits/goal/category"),
        ("create", "entity_type.allowance"),
    ]
    birch.apply(plan)
    assert len(written(birch, before)) == 4
    inverse = f"SELECT inverse_type_id::text FROM {RELATIONS} WHERE slug = 'limited_by'"
    assert (row_id(birch, RELATIONS, "limits"),) in birch.sql(inverse)
    assert birch.plan("birch").empty


def test_what_hangs_on_a_skipped_row_is_left_out_too(birch: World) -> None:
    birch.sql(f"CREATE UNIQUE INDEX one_name ON {RELATIONS} (organization_id, name)")
    birch.insert(RELATIONS, organization_id=TENANT, slug="ours", name="Hires")
    hires = birch.insert(RELATIONS, organization_id=HOME, slug="hires", name="Hires")
    inverse = {"slug": "hired_by", "name": "Hired by", "inverse_type_id": hires}
    birch.insert(RELATIONS, organization_id=HOME, **inverse)
    ends = {"source_entity_type_slug": "employer", "target_entity_type_slug": "person"}
    birch.insert(RULES, relationship_type_id=hires, **ends)
    skip = ["relationship_type.hires"]
    plan = birch.plan("birch", skip=skip)
    assert plan.conflicts == ()
    assert [str(one.address) for one in plan.changes] == ["relationship_type.hired_by"]
    assert notes(plan) == [
        ("skipped", "relationship_type.hires"),
        ("unlinked", "relationship_type.hired_by"),
        ("with_parent", "relationship_rule.hires/employer/person"),
    ]
    birch.apply(plan)
    assert birch.plan("birch", skip=skip).empty


@pytest.mark.parametrize("how", ["UPDATE {} SET deleted_at = now()", "DELETE FROM {}"])
def test_what_left_the_template_is_noted_and_stays(birch: World, how: str) -> None:
    for table, slug in ((TYPES, "vehicle"), (RELATIONS, "limits")):
        birch.sql("DELETE FROM entity_type_audit")
        birch.sql(f"{how.format(table)} WHERE organization_id = '{HOME}' AND slug = '{slug}'")
    before = versions(birch)
    plan = birch.plan("birch")
    assert fields(plan) == {}
    assert notes(plan) == [
        ("orphaned", "relationship_type.limits"),
        ("orphaned", "relationship_rule.limits/budget/category"),
        ("orphaned", "entity_type.vehicle"),
    ]
    assert birch.apply(plan).status == "nothing_to_do"
    assert written(birch, before) == set()


# A relationship type can be dead in two ways; only being archived frees its slug.
@pytest.mark.parametrize(
    ("row", "relationship"),
    [
        ("UPDATE {} SET deleted_at = now()", "UPDATE {} SET deleted_at = now()"),
        ("UPDATE {} SET deleted_at = now()", "UPDATE {} SET status = 'archived'"),
        ("DELETE FROM {}", "DELETE FROM {}"),
    ],
)
def test_what_the_tenant_deleted_stays_deleted_and_the_rest_arrives(
    birch: World, row: str, relationship: str
) -> None:
    owns = row_id(birch, RELATIONS, "owns")
    vehicles = f"relationship_type_id = {owns} AND target_entity_type_slug = 'vehicle'"
    birch.sql(f"{row.format(RULES)} WHERE {vehicles}")
    birch.sql("DELETE FROM entity_type_audit")
    birch.sql(f"{row.format(TYPES)} WHERE id = {row_id(birch, TYPES, 'goal')}")
    birch.sql(f"{relationship.format(RELATIONS)} WHERE id = {row_id(birch, RELATIONS, 'limits')}")
    for slug in ("account", "goal"):
        edit(birch, TYPES, slug, "description", "'A pot'")
    before = versions(birch)
    plan = birch.plan("birch")
    assert fields(plan).keys() == {("entity_type.account", "description")}
    # The rules of a deleted relationship type went with it, which is said.
    assert notes(plan) == [
        ("deleted_by_tenant", "relationship_type.limits"),
        ("deleted_by_tenant", "relationship_rule.owns/person/vehicle"),
        ("deleted_by_tenant", "entity_type.goal"),
        ("with_parent", "relationship_rule.limits/budget/category"),
    ]
    birch.apply(plan)
    assert written(birch, before) == {(TYPES, row_id(birch, TYPES, "account"))}
    assert birch.plan("birch").empty


@pytest.mark.parametrize("at", [TENANT, HOME])
def test_a_change_arrives_alone_where_the_inverse_was_archived(birch: World, at: str) -> None:
    edit(birch, RELATIONS, "owned_by", "status", "'archived'", at)
    birch.install("birch", skip=[])  # whatever follows from that
    edit(birch, RELATIONS, "owns", "description", "'Has'")
    assert fields(birch.plan("birch")).keys() == {("relationship_type.owns", "description")}


def test_drift_is_shown_and_overwritten_only_by_the_reviewed_plan(birch: World) -> None:
    for slug in ("account", "card"):
        edit(birch, TYPES, slug, "description", "'Ours'", TENANT)
    for column in ("description", "name"):
        edit(birch, TYPES, "account", column, "'A pot'")
    birch.sql("DELETE FROM reconcile.placement WHERE key = '{loan}'")  # mirrored by another tool
    edit(birch, TYPES, "loan", "name", "'Debt'")
    before = versions(birch)
    plan = birch.plan("birch")
    assert written(birch, before) == set()
    assert {place: (field.before, field.drift) for place, field in fields(plan).items()} == {
        ("entity_type.account", "name"): ("Account", False),
        ("entity_type.account", "description"): ("Ours", True),
        ("entity_type.card", "description"): ("Ours", True),
        ("entity_type.loan", "name"): ("Loan", False),
    }
    assert notes(plan) == [("no_base", "entity_type.loan")]
    birch.apply(plan)
    assert birch.plan("birch").empty


def test_a_second_agent_of_the_same_organisation_shares_the_rows(birch: World) -> None:
    birch.insert("agents", id="agent_second", organization_id=HOME, name="Second")
    plan = birch.plan("birch", template="agent_second")
    assert [(one.action, one.address) for one in plan.changes] == [("create", "agent.agent_second")]
    birch.apply(plan)
    edit(birch, TYPES, "account", "description", "'A pot'")
    plan = birch.plan("birch", template="agent_second")
    assert fields(plan).keys() == {("entity_type.account", "description")}
    birch.apply(plan)
    # The first owner keeps the tag, and has nothing left to do.
    tags = f"SELECT DISTINCT managed_by_template_agent_id, source_template_org_id FROM {TYPES}"
    tags += f" WHERE organization_id = '{TENANT}' AND slug <> '$member'"
    assert birch.sql(tags) == [("agent_pf", HOME)]
    assert birch.plan("birch", template="agent_pf").empty


def test_a_template_row_that_no_plan_can_hold_is_named(birch: World) -> None:
    deep = "[" * 5_000 + "]" * 5_000
    birch.sql(
        f"INSERT INTO {TYPES} (organization_id, slug, name, metadata_schema)"
        " VALUES (%s, 'deep', 'Deep', %s)",
        HOME,
        deep,
    )
    with pytest.raises(ReconcilerError, match=r"entity_type\.deep") as caught:
        birch.plan("birch")
    assert "nested" in caught.value.message
    assert caught.value.hint
