"""Promises that once were broken, with the built-in kinds: forged plans, tenants, connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from reconciler import library, planfile
from reconciler.errors import (
    PlanFileError,
    ReconcilerError,
    StalePlanError,
)
from reconciler.kinds.mint import mint
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Create, FieldChange
from reconciler.model.plan import Plan
from reconciler.model.request import Resolution
from reconciler.model.value import Json
from tests.fixtures.world import TRACKED, World, notes

SKIP = ["entity_type.transaction"]
LEDGER = ("content", "placement", "revision", "target")
OUTSIDE = "another secret sauce"


def everything(world: World) -> list[tuple[Any, ...]]:
    """All rows and the ledger, with their versions."""
    tables = [*TRACKED, *(f"reconcile.{name}" for name in LEDGER)]
    sql = "SELECT t::text, t.xmin::text FROM {} t ORDER BY 1, 2"
    return [(table, *row) for table in tables for row in world.sql(sql.format(table))]


def refused(world: World, plan: Plan, error: type[ReconcilerError]) -> str:
    """An apply is refused and writes nothing; gives what is said."""
    before = everything(world)
    with pytest.raises(error) as caught:
        world.apply(plan)
    assert everything(world) == before
    return str(caught.value)


# Plans made by hand ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(shared_world: World) -> World:
    """With a private template, and another public one."""
    for name, visibility in (("private", "private"), ("rival", "public")):
        row = {"id": f"org_{name}", "name": name, "slug": name, "visibility": visibility}
        shared_world.insert("organization", createdAt="2026-01-01", **row)
        row = {"id": f"agent_{name}", "organization_id": f"org_{name}", "name": OUTSIDE}
        shared_world.insert("agents", **row)
    return shared_world


def changed(plan: Plan, kind: str, **columns: Any) -> Plan:
    """The plan, with something else in the changes of a kind."""
    changes = [
        change.model_copy(update=columns) if change.address.kind == kind else change
        for change in plan.changes
    ]
    return plan.model_copy(update={"changes": tuple(changes)})


def installs(agent: str) -> Callable[[Plan], Plan]:
    """Installs this agent instead, with the id that a plan of it would mint."""

    def forged(plan: Plan) -> Plan:
        created = plan.changes[0]
        assert isinstance(created, Create)
        address = Address.of("agent", (agent,))
        prefix, target = created.ids[0][:-20], created.targets[0]
        assert created.ids == (mint(prefix, "agent_pf", target, created.address, 0),)
        ids = (mint(prefix, "agent_pf", target, address, 0),)
        return changed(plan, "agent", address=address, ids=ids)

    return forged


def creates_excluded(plan: Plan) -> Plan:
    (one,) = (change for change in plan.changes if change.address == "entity_type.person")
    evil = one.model_copy(update={"address": Address("entity_type.$new")})
    return plan.model_copy(update={"changes": (plan.changes[0], evil)})


def adopts_excluded(plan: Plan) -> Plan:
    """With the row exactly as it is, and a resolution."""
    target = plan.targets[0].organization.id
    values: dict[str, Any] = dict.fromkeys(
        ("description", "icon", "color", "metadata_schema", "event_kinds")
    )
    evil = Adopt(
        address=Address("entity_type.$evil"),
        targets=(target,),
        owner=None,
        before={"name": "Evil", **values},
        fields=(FieldChange(column="name", before="Evil", after="Taken"),),
    )
    resolution = Resolution(action="adopt", address=evil.address, chosen_by="user_ana")
    request = plan.request.model_copy(update={"resolutions": (resolution,)})
    return plan.model_copy(update={"changes": (plan.changes[0], evil), "request": request})


def of_another_organization(name: str) -> Callable[[Plan], Plan]:
    def forged(plan: Plan) -> Plan:
        other = {"id": f"org_{name}", "slug": name, "name": name, "visibility": "public"}
        organization = plan.template.organization.model_copy(update=other)
        template = plan.template.model_copy(update={"organization": organization})
        return plan.model_copy(update={"template": template})

    return forged


def acting(**columns: Any) -> Callable[[Plan], Plan]:
    return lambda plan: plan.model_copy(update={"actor": plan.actor.model_copy(update=columns)})


FORGERIES: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "private agent": (installs("agent_private"), "is another template than the plan's"),
    "public agent": (installs("agent_rival"), "is another template than the plan's"),
    "id not minted": (lambda p: changed(p, "agent", ids=("evil",)), "not one that a plan mints"),
    "id in use": (lambda p: changed(p, "agent", ids=("agent_pf",)), "not one that a plan mints"),
    "creates what is excluded": (creates_excluded, "$new: is excluded"),
    "adopts what is excluded": (adopts_excluded, "$evil: is excluded"),
    "public organization": (of_another_organization("rival"), "the template is not what"),
    "private organization": (of_another_organization("private"), "the template is not what"),
    "operator and user": (acting(mode="operator", user_id="user_ben"), "an operator is a database"),
    "operator": (acting(mode="operator"), "an operator is a database"),
    "another label": (acting(label="ceo@acme.test"), "the actor is not what"),
    "another user": (acting(user_id="user_ben"), "the actor is not what"),
}


@pytest.mark.parametrize(("forge", "words"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_plan_made_by_hand_is_refused(
    watched: World, operators: str, forge: Callable[[Plan], Plan], words: str
) -> None:
    target = watched.organization()
    watched.insert("entity_types", slug="$evil", name="Evil", organization_id=target)
    plan = watched.plan(target)
    forged = forge(plan)
    forged = forged.model_copy(update={"plan_id": forged.meaning()})
    assert forged.plan_id != plan.plan_id
    read = planfile.loads(planfile.dumps(forged))
    said = refused(watched, read, ReconcilerError)
    assert words in said
    assert OUTSIDE not in said
    assert watched.apply(planfile.loads(planfile.dumps(plan))).status == "applied"


def test_json_in_a_plan_file_has_one_writing(watched: World) -> None:
    plan = watched.plan("birch")
    written = json.loads(planfile.dumps(plan))
    texts = 0
    for change in written["changes"]:
        for column, value in change["values"].items():
            if isinstance(value, dict) and "json" in value:
                text = json.dumps(value["json"], indent=3)
                assert Json.model_validate({"text": text})
                change["values"][column] = {"text": text}
                texts += 1
    assert texts
    with pytest.raises(PlanFileError):
        planfile.loads(json.dumps(written))


# Tenants -----------------------------------------------------------------------------------


@pytest.fixture
def operators(shared_world: World) -> Iterator[str]:
    """A role whose members are operators; roles live longer than a database."""
    role = f"operators_{uuid4().hex[:8]}"
    shared_world.sql(f"CREATE ROLE {role}")
    text = "UPDATE reconcile.setting SET value = %s WHERE name = 'operator_role'"
    shared_world.sql(text, role)
    yield role
    shared_world.sql(text, "reconcile_operator")
    shared_world.sql(f"DROP ROLE {role}")


def test_a_tenant_may_have_agents_of_its_own(shared_world: World) -> None:
    target = shared_world.organization()
    for number in range(3):
        own = {"id": f"own_{target}_{number}", "organization_id": target, "name": "Ours"}
        shared_world.insert("agents", **own)
    plan = shared_world.plan(target)
    assert plan.conflicts == ()
    agents = "SELECT t::text FROM agents t WHERE organization_id = %s AND template_agent_id IS NULL"
    before = shared_world.sql(f"{agents} ORDER BY 1", target)
    assert shared_world.apply(plan).counts["agent"] == {"create": 1}
    assert shared_world.plan(target).empty
    assert shared_world.sql(f"{agents} ORDER BY 1", target) == before


def test_what_the_tenant_deleted_of_one_template_another_may_install(shared_world: World) -> None:
    publics = [shared_world.organization(visibility="public") for _ in range(2)]
    target = shared_world.organization()
    for public in publics:
        shared_world.insert("agents", id=f"a_{public}", organization_id=public, name="Shop")
        shared_world.insert("entity_types", slug="a", name="A", organization_id=public)
    shared_world.apply(shared_world.plan(target, template=publics[0]))
    shared_world.sql("DELETE FROM entity_type_audit")
    shared_world.sql("DELETE FROM entity_types WHERE organization_id = %s", target)
    kept = shared_world.plan(target, template=publics[0])
    assert [note.about for note in kept.notes] == ["deleted_by_tenant"]
    plan = shared_world.plan(target, template=publics[1])
    assert plan.notes == ()
    shared_world.apply(plan)
    assert shared_world.plan(target, template=publics[1]).empty
    assert shared_world.sql(
        "SELECT source_template_org_id FROM entity_types WHERE organization_id = %s", target
    ) == [(publics[1],)]


def test_a_local_value_in_a_column_that_came_later_is_not_overwritten_in_silence(
    world: World,
) -> None:
    world.sql("ALTER TABLE entity_types DROP COLUMN event_kinds")
    world.install("birch")
    world.sql("ALTER TABLE entity_types ADD COLUMN event_kinds jsonb")
    mine = "organization_id = 'org_birch' AND slug = 'person'"
    world.sql(f"UPDATE entity_types SET event_kinds = '{{\"mine\": 1}}' WHERE {mine}")
    plan = world.plan("birch")
    assert [(c.action, c.address) for c in plan.changes] == [("update", "entity_type.person")]
    assert notes(plan) == [("no_base", "entity_type.person")]


# What the database says, and what is left on its connections -------------------------------

TRIGGER = """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.slug = NULL;
    RETURN NEW; END$$; CREATE TRIGGER t BEFORE INSERT ON entity_types FOR EACH ROW
    EXECUTE FUNCTION f()"""


@pytest.mark.parametrize(
    "ddl",
    [
        "INSERT INTO entity_types (organization_id, slug, name) VALUES ('org_birch', 'x', "
        "'Zanzibar'); CREATE UNIQUE INDEX ON entity_types (organization_id, name)",
        TRIGGER,
        "ALTER TABLE entity_types ADD CHECK (name NOT LIKE 'Z%') NOT VALID",
    ],
    ids=["unique", "not_null", "check"],
)
def test_a_refused_row_is_not_quoted(world: World, ddl: str) -> None:
    world.sql("UPDATE entity_types SET name = 'Zanzibar' WHERE slug = 'person'")
    plan = world.plan("birch")
    world.connection.execute(ddl)  # type: ignore[call-overload]
    expected = ReconcilerError if "CHECK" in ddl else StalePlanError
    said = refused(world, plan, expected)
    assert "Zanzibar" not in said
    assert "Failing row" not in said


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_callers_connection_is_given_back_as_it_was(
    shared_world: World, autocommit: bool
) -> None:
    with psycopg.connect(shared_world.dsn, autocommit=autocommit) as lent:

        def state() -> list[list[tuple[Any, ...]]]:
            questions = (
                "SELECT name, setting FROM pg_settings ORDER BY name",
                "SELECT statement FROM pg_prepared_statements",
                "SELECT relname FROM pg_class WHERE relpersistence = 't'",
                "SELECT locktype FROM pg_locks WHERE pid = pg_backend_pid() "
                "AND locktype = 'advisory'",
            )
            found = [lent.execute(text, prepare=False).fetchall() for text in questions]
            if not autocommit:
                lent.rollback()
            return found

        home = shared_world.organization(visibility="public")
        shared_world.insert("agents", id=f"a_{home}", organization_id=home, name="Small")
        shared_world.insert("entity_types", organization_id=home, slug="a", name="A")
        before = state()
        for _ in range(10):
            target = shared_world.organization()
            plan = library.plan(lent, f"a_{home}", [target], actor="user_ana")
            assert library.apply(lent, plan).status == "applied"
        assert state() == before
        assert not any(before[1:])
        assert lent.autocommit == autocommit
        assert lent.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
