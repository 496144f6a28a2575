"""Who acts without a user: the database role must allow it, and no new row may need one."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from reconciler import library
from reconciler.errors import DatabaseError, NotAuthorisedError, SchemaMismatchError
from tests.fixtures.world import World

OWNER = "managed_by_template_agent_id"
NEEDED = [
    f"{table}.created_by"
    for table in (
        "event_classifier_versions", "event_classifiers", "watcher_versions", "watchers",
    )
]  # fmt: skip


def all_in(text: str, *parts: str) -> None:
    """Every part stands in the text."""
    assert [part for part in parts if part not in text] == []


@pytest.fixture
def roles(world: World) -> Iterator[tuple[str, str]]:
    """Two role names, of the operators and of somebody; roles live longer than a database."""
    operators, somebody = (f"{name}_{uuid4().hex[:8]}" for name in ("operators", "somebody"))
    world.sql("UPDATE reconcile.setting SET value = %s WHERE name = 'operator_role'", operators)
    world.sql(f"CREATE ROLE {somebody} IN ROLE pg_read_all_data")
    yield operators, somebody
    for role in (operators, somebody):
        world.sql(f"DROP ROLE IF EXISTS {role}")


def test_an_operator_needs_the_role(world: World, roles: tuple[str, str]) -> None:
    operators, somebody = roles
    # Whatever is written here needs no user.
    home = world.organization("plain", visibility="public")
    world.insert("agents", id="agent_plain", organization_id=home, name="Plain")
    world.insert("entity_types", organization_id=home, slug="plain", name="Plain")
    ((me,),) = world.sql("SELECT current_user::text")
    with pytest.raises(NotAuthorisedError) as caught:
        world.plan("birch", actor=None, template="plain")
    told = f"role {me} cannot be a member of the missing role {operators}"
    all_in(str(caught.value), told, "--as USER", f"CREATE ROLE {operators};")
    world.sql(f"CREATE ROLE {operators}")
    somebodys = World(make_conninfo(world.dsn, options=f"-c role={somebody}"), world.connection)
    with pytest.raises(NotAuthorisedError) as caught:
        somebodys.plan("birch", actor=None, template="plain")
    told = f"the database role {somebody} is not a member of {operators}"
    all_in(str(caught.value), told, f"GRANT {operators} TO {somebody};")
    world.sql(f"GRANT {operators} TO {somebody}")
    plan = somebodys.plan("birch", "acme", actor=None, template="plain")
    assert (plan.actor.mode, plan.actor.label) == ("operator", f"database role {somebody}")
    # A superuser is a member of every role there is.
    world.apply(plan)
    ledger = "SELECT actor_mode, actor_user_id, database_role FROM reconcile.revision"
    assert world.sql(ledger) == [("operator", None, me)]
    stamps = f"SELECT DISTINCT created_by, updated_by FROM entity_types WHERE {OWNER} IS NOT NULL"
    assert world.sql(stamps) == [(None, None)]


def test_a_role_that_may_not_write_is_told_so(world: World, roles: tuple[str, str]) -> None:
    dsn = make_conninfo(world.dsn, options=f"-c role={roles[1]}")
    plan = library.plan(dsn, "agent_pf", ["birch"], actor="user_ana")
    before = world.dump(with_versions=True)
    with pytest.raises(DatabaseError) as caught:
        library.apply(dsn, plan)
    all_in(str(caught.value), "permission denied for table", "reconcile grants")
    assert world.dump(with_versions=True) == before


@pytest.fixture
def operated(world: World, roles: tuple[str, str]) -> World:
    """A world in which an operator may plan and apply."""
    world.sql(f"CREATE ROLE {roles[0]}")
    return world


def test_an_operator_is_told_in_time_that_rows_need_a_user(operated: World) -> None:
    with pytest.raises(SchemaMismatchError) as caught:
        operated.plan("birch", actor=None)
    needed = caught.value.message.removeprefix("an operator is no user, and ").split(" must name")
    assert sorted(needed[0].split(", ")) == NEEDED
    assert "--as" in caught.value.hint


@pytest.mark.parametrize(
    "before",
    [
        # What waits for an entity goes on waiting, so no classifier of it is created.
        "SELECT 1",
        # What the tenant deleted stays deleted.
        "UPDATE watchers SET status = 'archived' WHERE organization_id = 'org_birch' "
        "AND slug = 'budget_overrun'",
    ],
    ids=["waiting", "deleted"],
)
def test_an_operator_may_update_what_somebody_else_installed(operated: World, before: str) -> None:
    entity = {"organization_id": "org_birch", "slug": "main-account", "name": "x"}
    type_id = (
        "SELECT id FROM entity_types WHERE slug = 'account' AND source_template_org_id IS NULL"
    )
    if before != "SELECT 1":
        ((number,),) = operated.sql(type_id)
        operated.insert("entities", entity_type_id=number, created_by="user_ana", **entity)
    operated.install("birch", skip=[])
    operated.sql(before)
    operated.sql("UPDATE watchers SET name = 'New' WHERE organization_id = 'org_public_finance'")
    plan = operated.plan("birch", actor=None)
    assert plan.actor.mode == "operator"
    assert {(change.action, change.address.kind) for change in plan.changes} == {
        ("update", "watcher")
    }
    assert operated.apply(plan).status == "applied"
    assert operated.plan("birch", actor=None).empty
