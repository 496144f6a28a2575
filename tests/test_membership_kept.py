"""Members: what holds where somebody edits a plan, is quicker, or takes it all back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from reconciler import library, planfile
from reconciler.database.embedded import Server
from reconciler.errors import InvalidPlanError, ReconcilerError, StalePlanError
from reconciler.model.change import Create
from reconciler.model.conflict import InUse, TouchedSince
from reconciler.model.plan import Plan
from reconciler.model.value import Ref
from tests.fixtures.members import TEMPLATE, People, about, described, template
from tests.fixtures.members import people as people
from tests.fixtures.roles import Roles
from tests.fixtures.roles import roles as roles
from tests.fixtures.world import World, copied


def installed(people: People) -> tuple[str, str, int]:
    """A user, a tenant in which it has a member, and the revision."""
    user = people.user()
    tenant = people.tenant(user)
    revision = people.install(user, tenant).revision
    assert revision is not None
    return user, tenant, revision


def undo(people: People, user: str, revision: int, **flags: Any) -> Plan:
    return library.plan_undo(people.world.dsn, revision, actor=user, **flags)


def entities(people: People, tenant: str) -> list[tuple[Any, ...]]:
    return people.world.sql(
        "SELECT t::text, t.xmin::text FROM entities t WHERE organization_id = %s "
        "UNION ALL SELECT t::text, t.xmin::text FROM entity_identities t "
        "WHERE organization_id = %s ORDER BY 1",
        tenant,
        tenant,
    )


def test_what_was_made_is_retired_and_comes_back(people: People) -> None:
    user, tenant, revision = installed(people)
    known = people.known(tenant)
    plan = undo(people, user, revision)
    assert [change.action for change in about(plan)] == ["retire"] * 3
    people.world.apply(plan)
    assert people.known(tenant) == []
    again = people.plan(user, tenant)
    assert [change.action for change in about(again)] == ["restore"] * 3
    people.world.apply(again)
    assert people.known(tenant) == known
    assert people.plan(user, tenant).empty


def test_undoing_the_undo_brings_the_same_rows_back(people: People) -> None:
    user, tenant, revision = installed(people)
    ids = people.world.sql("SELECT id FROM entities WHERE organization_id = %s", tenant)
    known = people.known(tenant)
    number = people.world.apply(undo(people, user, revision)).revision
    assert number is not None
    people.world.apply(undo(people, user, number))
    assert people.known(tenant) == known
    assert ids == people.world.sql("SELECT id FROM entities WHERE organization_id = %s", tenant)


def test_only_what_was_added_to_a_member_that_was_there(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    people.identity(tenant, people.entity(tenant, "ida"), "email", f"{user}@acme.test")
    before = people.known(tenant)
    revision = people.install(user, tenant).revision
    assert revision is not None
    people.world.apply(undo(people, user, revision))
    assert people.known(tenant) == before


@pytest.mark.parametrize("use", ["from", "to", "child", "identity"])
def test_a_member_that_is_used_stays(people: People, use: str) -> None:
    world = people.world
    user, tenant, revision = installed(people)
    ((member,),) = world.sql("SELECT id FROM entities WHERE organization_id = %s", tenant)
    other = people.entity(tenant, "other")
    if use == "child":
        world.sql("UPDATE entities SET parent_id = %s WHERE id = %s", member, other)
    elif use == "identity":
        people.identity(tenant, member, "phone", "+44")
    else:
        ends = (member, other) if use == "from" else (other, member)
        kind = world.insert(
            "entity_relationship_types", organization_id=tenant, slug="knows", name="knows"
        )
        world.insert(
            "entity_relationships",
            organization_id=tenant,
            relationship_type_id=kind,
            from_entity_id=ends[0],
            to_entity_id=ends[1],
        )
    plan = undo(people, user, revision)
    (found,) = plan.conflicts
    assert isinstance(found, InUse)
    assert found.address.kind == "member"
    assert sum(found.uses.values()) == 1


def test_a_member_that_was_edited_stays(people: People) -> None:
    user, tenant, revision = installed(people)
    people.world.sql(
        """UPDATE entities SET metadata = '{"phone": 1}' WHERE organization_id = %s""", tenant
    )
    (found,) = undo(people, user, revision).conflicts
    assert isinstance(found, TouchedSince)
    assert [field.column for field in found.fields] == ["metadata"]


def test_a_plan_that_binds_somebody_else(people: People) -> None:
    user, other = people.user(), people.user()
    tenant = people.tenant(user)
    boss = people.entity(tenant, "boss")
    people.identity(tenant, boss, "auth_user_id", other)
    plan = people.plan(user, tenant)
    # The actor's id, and the boss's entity.
    changes = tuple(
        change.model_copy(update={"values": {**change.values, "entity_id": Ref(ref="member.boss")}})
        if isinstance(change, Create) and change.address.kind == "member_identity"
        else change
        for change in plan.changes
    )
    forged = plan.model_copy(update={"changes": changes}).identified()
    before = entities(people, tenant)
    with pytest.raises(StalePlanError):
        people.world.apply(planfile.loads(planfile.dumps(forged)))
    assert entities(people, tenant) == before


@pytest.mark.parametrize("install", [None, "copy"])
def test_a_plan_that_did_not_ask_for_a_reference(people: People, install: str | None) -> None:
    user = people.user()
    plan = people.plan(user, people.tenant(user))
    request = plan.request.model_copy(update={"install": install})
    forged = plan.model_copy(update={"request": request}).identified()
    with pytest.raises(InvalidPlanError, match="is made for nobody"):
        people.world.apply(forged)


@pytest.mark.parametrize(
    "since",
    [
        """UPDATE "user" SET "emailVerified" = false WHERE id = '{user}'""",
        """UPDATE "user" SET email = 'new-{user}@acme.test' WHERE id = '{user}'""",
        "UPDATE entity_identities SET source_connector = 'crm' WHERE organization_id = '{tenant}'",
        "UPDATE entities SET deleted_at = now() WHERE organization_id = '{tenant}'",
        "UPDATE entities SET slug = 'somebody' WHERE organization_id = '{tenant}'",
        "INSERT INTO entity_identities (organization_id, entity_id, namespace, identifier) "
        "SELECT organization_id, id, 'auth_user_id', 'user_ben' FROM entities "
        "WHERE organization_id = '{tenant}'",
    ],
    ids=["unverified", "moved", "untrusted", "deleted", "renamed", "taken"],
)
def test_what_is_no_longer_so(people: People, since: str) -> None:
    user = people.user()
    tenant = people.tenant(user)
    people.identity(tenant, people.entity(tenant, "ida"), "email", f"{user}@acme.test")
    plan = people.plan(user, tenant)
    assert described(plan) == [f"create member_identity.auth_user_id/{user}"]
    people.world.sql(since.format(user=user, tenant=tenant))
    before = entities(people, tenant)
    with pytest.raises((StalePlanError, ReconcilerError)) as caught:
        people.world.apply(plan)
    assert "Nothing was written" in caught.value.message or "actor" in caught.value.message
    assert entities(people, tenant) == before


def test_one_of_two_installs_at_once(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    first, second = people.plan(user, tenant), people.plan(user, tenant, name="Another")
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(people.world.apply, plan) for plan in (first, second)]
    refused = [error for one in done if (error := one.exception()) is not None]
    assert [type(error) for error in refused] == [StalePlanError]
    assert len(people.known(tenant)) == 2
    assert people.plan(user, tenant).empty


def test_a_name_that_the_platform_takes_meanwhile(people: People) -> None:
    """Not seen by any check, it is met by the unique index."""
    world, user = people.world, people.user()
    tenant = people.tenant(user)
    plan = people.plan(user, tenant)
    world.sql("CREATE FUNCTION quicker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "PERFORM pg_sleep(0); INSERT INTO entity_identities (organization_id, entity_id,"
              " namespace, identifier) VALUES (NEW.organization_id, NEW.entity_id,"
              " NEW.namespace, NEW.identifier); RETURN NEW; END $$")  # fmt: skip
    world.sql("CREATE TRIGGER quicker BEFORE INSERT ON entity_identities FOR EACH ROW "
              "WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION quicker()")  # fmt: skip
    try:
        with pytest.raises(StalePlanError):
            world.apply(plan)
    finally:
        world.sql("DROP TRIGGER quicker ON entity_identities")
        world.sql("DROP FUNCTION quicker")
    assert people.known(tenant) == []
    assert entities(people, tenant) == []


@pytest.fixture(scope="module")
def fenced(server: Server, seeded: str, roles: Roles) -> Iterator[People]:
    """The same behind the fence, for roles that have what `reconcile grants` prints."""
    for world in copied(server, seeded):
        template(world)
        roles.fence_in(world.dsn)
        yield People(world)


def test_the_least_rights_are_enough_behind_the_fence(fenced: People, roles: Roles) -> None:
    world, user = fenced.world, fenced.user()
    tenant = fenced.tenant(user)
    plan = fenced.plan(user, tenant, dsn=roles.planning(world.dsn))
    revision = library.apply(roles.applying(world.dsn), plan).revision
    assert len(fenced.known(tenant)) == 2
    assert revision is not None
    back = library.plan_undo(roles.planning(world.dsn), revision, actor=user)
    library.apply(roles.applying(world.dsn), back)
    assert fenced.known(tenant) == []
    with psycopg.connect(roles.applying(world.dsn), autocommit=True) as connection:
        connection.execute(f'SET ROLE "{roles.fence}"')
        connection.execute("SELECT set_config('reconcile.targets', '{org_birch}', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "INSERT INTO entity_identities (organization_id, entity_id, namespace, identifier) "
                "SELECT organization_id, id, 'email', 'x' FROM entities LIMIT 1"
            )


def test_the_proof_counts_members(people: People) -> None:
    """A trigger that writes another member, too, is found out."""
    world, user = people.world, people.user()
    tenant, other = people.tenant(user), people.tenant(user)
    kind = world.sql("SELECT id FROM entity_types WHERE organization_id = %s", other)[0][0]
    plan = people.plan(user, tenant)
    world.sql("CREATE FUNCTION besides() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "INSERT INTO entities (organization_id, entity_type_id, slug, name, created_by) "
              f"VALUES ('{other}', {kind}, 'x', 'x', 'user_ana'); RETURN NEW; END $$")  # fmt: skip
    world.sql("CREATE TRIGGER besides AFTER INSERT ON entity_identities FOR EACH ROW "
              "WHEN (NEW.namespace = 'email') EXECUTE FUNCTION besides()")  # fmt: skip
    try:
        with pytest.raises(ReconcilerError, match="what was written is not what the plan says"):
            world.apply(plan)
    finally:
        world.sql("DROP TRIGGER besides ON entity_identities")
        world.sql("DROP FUNCTION besides")
    assert people.known(tenant) == []


@pytest.mark.parametrize(
    "ddl",
    [
        "DROP TABLE entity_identities",
        "ALTER TABLE entity_identities DROP COLUMN source_connector",
        "ALTER TABLE entity_identities ADD COLUMN region text NOT NULL",
    ],
)
def test_a_release_without_the_tables_is_told_so(world: World, ddl: str) -> None:
    people = People(world)
    template(world)
    user = people.user()
    tenant = people.tenant(user)
    world.sql(ddl)
    plan = people.plan(user, tenant)
    assert about(plan) == []
    assert plan.left_out.keys() == {"member_identity"}
    world.apply(plan)
    assert people.plan(user, tenant).empty
    assert library.plan(world.dsn, TEMPLATE, [tenant], actor=user).left_out == {}


def test_why_knows_whose_a_member_is(people: People) -> None:
    _, tenant, revision = installed(people)
    slug = people.known(tenant)[0][0]
    told = library.why(people.world.dsn, tenant, f"member.{slug}", template=TEMPLATE)
    assert "An install by reference made it" in told.rule.says
    assert [one.revision.number for one in told.revisions] == [revision]
    mine = people.entity(tenant, "mine")
    assert mine
    told = library.why(people.world.dsn, tenant, "member.mine", template=TEMPLATE)
    assert told.rule.rule == "tenants_part"


def test_the_same_in_many_tenants_is_a_few_lines(people: People) -> None:
    user = people.user()
    tenants = [people.tenant(user) for _ in range(25)]
    plan = people.plan(user, *tenants)
    assert len(about(plan)) == 3
    people.world.apply(plan)
    assert people.plan(user, *tenants).empty
