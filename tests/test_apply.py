"""What was reviewed is what is applied, in one transaction; or it is refused whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from reconciler import library, planfile
from reconciler.database.embedded import Server
from reconciler.errors import (
    ConflictsError,
    Exit,
    InvalidPlanError,
    LockedError,
    NotAuthorisedError,
    NotInitialisedError,
    PlanFileError,
    ReconcilerError,
    RefusedError,
    SchemaMismatchError,
    StalePlanError,
)
from tests.fixtures.world import World, copied, prepared

HOME, TENANT = "org_public_finance", "org_birch"
TYPES, RELATIONS = "entity_types", "entity_relationship_types"
RULES = "entity_relationship_type_rules"
OWNER, SOURCE = "managed_by_template_agent_id", "source_template_org_id"
EDITED = ("account", "bill", "budget", "card", "goal", "loan", "pension", "person")
NEW_RULE = (
    f"INSERT INTO {RULES} (relationship_type_id, source_entity_type_slug, target_entity_type_slug)"
    f" SELECT id, 'goal', 'category' FROM {RELATIONS} WHERE slug = %s AND organization_id = %s"
)


@pytest.fixture(scope="module")
def moved_database(server: Server, birch_database: str) -> Iterator[str]:
    """To copy from: the template is installed in birch, and has changed since."""
    with prepared(server, birch_database, _publish) as name:
        yield name


def _publish(world: World) -> None:
    changed = f"SET description = 'As reviewed' WHERE organization_id = '{HOME}' AND slug"
    world.sql(f"UPDATE {TYPES} {changed} = ANY(%s)", list(EDITED))
    world.sql(f"UPDATE {RELATIONS} {changed} IN ('limits', 'owns')")
    world.sql("UPDATE agents SET description = 'As reviewed' WHERE id = 'agent_pf'")
    world.insert(TYPES, organization_id=HOME, slug="allowance", name="New")
    world.sql(NEW_RULE, "limits", HOME)


@pytest.fixture
def moved(server: Server, moved_database: str) -> Iterator[World]:
    """A world with something to apply in birch."""
    yield from copied(server, moved_database)


def state(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the platform's tables and of the ledger, with its version."""
    found = world.dump(with_versions=True)
    for table in ("revision", "target", "content", "placement"):
        found[table] = world.sql(f"SELECT t::text, xmin::text FROM reconcile.{table} t ORDER BY 1")
    return found


def here(world: World, table: str, slug: str, assignment: str) -> None:
    """The tenant's own people change a row of theirs."""
    world.sql(
        f"UPDATE {table} SET {assignment} WHERE organization_id = %s AND slug = %s", TENANT, slug
    )


def test_every_row_that_moved_makes_the_plan_stale_and_is_named(moved: World) -> None:
    plan = moved.plan("birch")
    here(moved, TYPES, "account", "description = 'Ours'")
    here(moved, TYPES, "bill", "name = 'Ours'")
    here(moved, TYPES, "budget", "current_view_template_version_id = NULL")
    here(moved, TYPES, "card", f"{OWNER} = 'agent_rival', {SOURCE} = 'org_rival'")
    here(moved, TYPES, "goal", f"{OWNER} = NULL, {SOURCE} = NULL")
    here(moved, TYPES, "loan", "deleted_at = now()")
    here(moved, TYPES, "pension", "metadata_schema = jsonb_set(metadata_schema, '{x}', '1.10')")
    moved.sql("DELETE FROM entity_type_audit")
    moved.sql(f"DELETE FROM {TYPES} WHERE organization_id = %s AND slug = 'person'", TENANT)
    moved.insert(TYPES, organization_id=TENANT, slug="allowance", name="Ours")
    inverse = f"SELECT id FROM {RELATIONS} WHERE slug = 'funds' AND organization_id = '{TENANT}'"
    here(moved, RELATIONS, "limits", f"inverse_type_id = ({inverse})")
    moved.sql(NEW_RULE, "limits", TENANT)
    here(moved, RELATIONS, "owns", "status = 'archived'")
    moved.sql("UPDATE agents SET description = 'Ours' WHERE organization_id = %s", TENANT)
    before = state(moved)

    with pytest.raises(StalePlanError) as caught:
        moved.apply(plan)

    assert caught.value.exit_code == Exit.STALE == 4
    first, *rows, last = caught.value.message.splitlines()
    assert (first, last) == ("the plan is stale", "Nothing was written.")
    changed = "in birch changed after the plan was made"
    assert {row.strip() for row in rows} == {
        f"entity_type.account {changed} (description)",
        f"entity_type.bill {changed} (name)",
        f"entity_type.budget {changed} (current_view_template_version_id)",
        f"entity_type.card {changed} ({OWNER})",
        f"entity_type.goal {changed} ({OWNER})",
        "entity_type.loan in birch is gone: it was deleted or retired",
        f"entity_type.pension {changed} (metadata_schema)",
        "entity_type.person in birch is gone: it was deleted or retired",
        "entity_type.allowance in birch exists by now",
        f"relationship_type.limits {changed} (inverse_type_id)",
        "relationship_type.owns in birch is gone: it was deleted or retired",
        "relationship_rule.limits/goal/category in birch exists by now",
        f"agent.agent_pf {changed} (description)",
    }
    assert "reconcile plan personal-finance --target birch --as user_ana" in caught.value.hint
    assert state(moved) == before


ARCHIVE = f"UPDATE {RELATIONS} SET status = 'archived' WHERE organization_id = '{TENANT}'"
INSTEAD = (
    f"INSERT INTO {RELATIONS} (organization_id, slug, name) VALUES ('{TENANT}', 'funds', 'Own')"
)


@pytest.mark.parametrize(
    ("address", "meanwhile"),
    [
        ("relationship_rule.funds/goal/category", [f"{ARCHIVE} AND slug = 'funds'"]),
        ("relationship_rule.funds/goal/category", [f"{ARCHIVE} AND slug = 'funds'", INSTEAD]),
        ("relationship_type.falls_in", [f"{ARCHIVE} AND slug = 'manages'"]),
    ],
    ids=["parent gone", "parent replaced by the tenant's own", "inverse gone"],
)
def test_a_row_that_lost_what_it_hangs_on_makes_the_plan_stale(
    moved: World, address: str, meanwhile: list[str]
) -> None:
    moved.sql(NEW_RULE, "funds", HOME)
    inverse = f"SELECT id FROM {RELATIONS} WHERE organization_id = '{HOME}' AND slug = 'manages'"
    where = f"organization_id = '{HOME}' AND slug = 'falls_in'"
    moved.sql(f"UPDATE {RELATIONS} SET inverse_type_id = ({inverse}) WHERE {where}")
    plan = moved.plan("birch")
    assert address in {change.address for change in plan.changes}
    for sql in meanwhile:
        moved.sql(sql)
    before = state(moved)
    with pytest.raises(StalePlanError) as caught:
        moved.apply(plan)
    assert address in caught.value.message
    assert state(moved) == before


def test_what_the_plan_does_not_touch_does_not_make_it_stale(moved: World) -> None:
    moved.sql(f"ALTER TABLE {TYPES} ADD COLUMN pinned text")
    plan = moved.plan("birch")
    here(moved, TYPES, "account", "pinned = 'Ours', created_by = NULL")
    here(moved, TYPES, "receipt", "description = 'Ours'")
    moved.sql("UPDATE agents SET name = 'Penny', model = 'own' WHERE organization_id = %s", TENANT)
    moved.insert(TYPES, organization_id=TENANT, slug="own", name="Own")
    assert moved.apply(plan).status == "applied"
    account = f"SELECT description, pinned FROM {TYPES} WHERE slug = %s"
    assert moved.sql(f"{account} AND organization_id = %s", "account", TENANT) == [
        ("As reviewed", "Ours")
    ]
    agent = "SELECT name, model, description FROM agents WHERE organization_id = %s"
    assert moved.sql(agent, TENANT) == [("Penny", "own", "As reviewed")]
    assert [str(one.address) for one in moved.plan("birch").changes] == ["entity_type.receipt"]


def test_the_same_plan_is_applied_once(moved: World) -> None:
    plan = moved.plan("birch")
    first = moved.apply(plan)
    before = state(moved)
    second = moved.apply(planfile.loads(planfile.dumps(plan)))
    assert (first.status, second.status) == ("applied", "already_applied")
    assert (first.revision, first.counts) == (second.revision, second.counts)
    assert state(moved) == before


def test_planned_again_after_an_uninstall_by_hand_is_another_plan(moved: World) -> None:
    moved.install("birch", skip=[])
    watchers = moved.sql("SELECT slug FROM watchers WHERE organization_id = %s ORDER BY 1", HOME)
    # With the agent goes what the watchers point at, and they are pointed at the new one.
    hangs_on_it = ["agent.agent_pf", *(f"watcher.{slug}" for (slug,) in watchers)]
    plans = []
    for _ in range(2):
        moved.sql("DELETE FROM agents WHERE organization_id = %s", TENANT)
        plans.append(moved.plan("birch"))
        assert [one.address for one in plans[-1].changes] == hangs_on_it
        assert moved.apply(plans[-1]).status == "applied"
    assert plans[0].changes == plans[1].changes
    assert plans[0].plan_id != plans[1].plan_id


def test_an_edited_plan_is_refused(world: World) -> None:
    def edited(change: Any) -> str:
        content = json.loads(planfile.dumps(plan))
        change(content)
        return json.dumps(content)

    plan = world.plan("acme")
    before = state(world)
    for text in (
        edited(lambda plan: plan["changes"][1]["values"].update(description="Mine")),
        edited(lambda plan: plan["changes"].pop()),
        edited(lambda plan: plan["changes"][0].update(targets=["org_birch"])),
        edited(lambda plan: plan.update(conflicts=[])),
        edited(lambda plan: plan["actor"].update(user_id="user_pia")),
        edited(lambda plan: plan["database"].update(name="other")),
    ):
        with pytest.raises(PlanFileError, match="changed after it was made"):
            planfile.loads(text)
    with pytest.raises(InvalidPlanError, match="plan_id does not fit its content"):
        world.apply(plan.model_copy(update={"conflicts": ()}))
    outside = plan.model_copy(update={"conflicts": (), "targets": ()}).identified()
    with pytest.raises(InvalidPlanError, match="has a target that the plan does not have"):
        world.apply(outside)
    with pytest.raises(ConflictsError) as caught:
        world.apply(plan)
    assert caught.value.exit_code == Exit.CONFLICTS == 3
    assert caught.value.message == "the plan has 1 unresolved conflict"
    assert caught.value.conflicts == plan.conflicts
    assert state(world) == before


def test_a_plan_for_another_database_is_refused(moved: World, world: World) -> None:
    before = state(moved)
    plan = world.plan("birch")
    with pytest.raises(PlanFileError) as caught:
        library.apply(moved.dsn, plan)
    here, there = moved.connection.info.dbname, world.connection.info.dbname
    assert f"made for the database {there}" in caught.value.message
    assert f"this is {here}" in caught.value.message
    assert "reconcile plan personal-finance --target birch" in caught.value.hint
    assert state(moved) == before


def test_what_was_reviewed_is_applied_though_the_template_moved_on(moved: World) -> None:
    plan = moved.plan("birch")
    edit = f"UPDATE {TYPES} SET description = 'Later' WHERE organization_id = %s AND slug = %s"
    moved.sql(edit, HOME, "account")
    outcome = moved.apply(plan)
    assert (outcome.status, outcome.template_moved) == ("applied", True)
    now = f"SELECT description FROM {TYPES} WHERE organization_id = %s AND slug = 'account'"
    assert moved.sql(now, TENANT) == [("As reviewed",)]
    rest = moved.plan("birch")
    assert [str(change.address) for change in rest.changes] == ["entity_type.account"]
    assert moved.apply(rest).template_moved is False


@pytest.mark.parametrize(
    ("sql", "error", "parts"),
    [
        ("DELETE FROM member", NotAuthorisedError, "birch (org_birch): is no member"),
        ("UPDATE member SET role = 'member'", NotAuthorisedError, "has the role member"),
        ("UPDATE organization SET visibility = 'private'", RefusedError, "is private"),
        ("UPDATE reconcile.setting SET value = '9'", NotInitialisedError, "ledger has version 9"),
        ("ALTER TABLE entity_types DROP COLUMN icon", SchemaMismatchError, "entity_type.icon"),
    ],
)
def test_what_stopped_being_allowed_after_the_plan_is_refused(
    moved: World, sql: str, error: type[ReconcilerError], parts: str
) -> None:
    plan = moved.plan("birch")
    moved.sql(sql)
    before = state(moved)
    with pytest.raises(error) as caught:
        moved.apply(plan)
    assert parts in caught.value.message
    assert (caught.value.exit_code == Exit.NOT_AUTHORISED == 6) == (error is NotAuthorisedError)
    assert state(moved) == before


def test_a_lock_that_is_not_released_in_time(moved: World) -> None:
    plan = moved.plan("birch")
    before = state(moved)
    account = f"{TYPES} WHERE organization_id = '{TENANT}' AND slug = 'account'"
    with psycopg.connect(moved.dsn) as other:
        for rows in (account, "reconcile.target", "agents WHERE template_agent_id = 'agent_pf'"):
            other.execute(f"SELECT FROM {rows} FOR UPDATE")
            with pytest.raises(LockedError) as caught:
                moved.apply(plan, lock_timeout="50ms")
            assert caught.value.exit_code == Exit.LOCKED == 5
            assert "another writer holds a lock that this apply needs" in caught.value.message
            assert "nothing was written" in caught.value.message
            assert "wait longer" in caught.value.hint
            assert state(moved) == before
            other.rollback()
        # Whoever only points at the rows, as a new entity does, is not in the way.
        other.execute(f"SELECT FROM {TYPES} FOR KEY SHARE")
        assert moved.apply(plan, lock_timeout="50ms").status == "applied"
