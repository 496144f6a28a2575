"""Conversions that somebody edits, or that something overtakes, before they are applied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from reconciler import planfile
from reconciler.errors import InvalidPlanError, ReconcilerError, RefusedError, StalePlanError
from reconciler.model.change import Change
from reconciler.model.plan import Plan
from tests.fixtures.settlers import (
    in_the_way,
    noted,
    said,
    settled,
)
from tests.fixtures.world import World
from tests.test_convert import ACCOUNT, Town, founded

PERSON = "entity_type.person"


@pytest.fixture
def town(shared_world: World) -> Town:
    return founded(shared_world)


def forged(plan: Plan, address: str, edit: Callable[[Change], Change]) -> Plan:
    """The plan with one change edited, a plan_id that fits, and read from a file."""
    changes = tuple(edit(one) if one.address == address else one for one in plan.changes)
    assert changes != plan.changes
    found = plan.model_copy(update={"changes": changes}).identified()
    return planfile.loads(planfile.dumps(found))


def followed(**update: Any) -> Callable[[Change], Change]:
    """An edit of what follows a change."""

    def edit(change: Change) -> Change:
        some = tuple(one.model_copy(update=update) for one in change.repointed)
        return change.model_copy(update={"repointed": some})

    return edit


def at(town: Town, slug: str, table: str = "entity_types") -> str:
    """The id of the catalog's row."""
    return str(
        town.sql(
            f"SELECT id FROM {table} WHERE organization_id = %s AND slug = %s",
            town.catalogs.home, slug,
        )[0][0]
    )  # fmt: skip


@pytest.mark.shows(
    "a conversion edited so that rows follow elsewhere, by who knows how plan_ids are made",
    "refused; nothing is pointed elsewhere",
)
def test_forged_to_another_type_of_the_catalog(town: Town) -> None:
    plan = town.plan(convert="reference")
    before = town.meaning()
    with pytest.raises((InvalidPlanError, StalePlanError)):
        town.apply(forged(plan, ACCOUNT, followed(catalog=at(town, "person"))))
    assert town.meaning() == before


def test_forged_from_a_type_of_the_tenants_own_by_copy(town: Town) -> None:
    town.apply(town.plan(convert="reference"))
    pet = town.catalogs.type(town.tenant, "pet")
    things = [str(town.catalogs.thing(town.tenant, pet, f"pet-{n}")) for n in range(2)]
    plan = town.plan(convert="copy")
    before = town.meaning()
    bad = forged(plan, ACCOUNT, followed(catalog=str(pet), rows=(tuple(things),)))
    with pytest.raises((InvalidPlanError, StalePlanError)):
        town.apply(bad)
    assert town.meaning() == before


def test_forged_template_entity(town: Town) -> None:
    """A tenant reads a stranger's private organisation by reference."""
    stranger = town.catalogs.world.organization()
    theirs = town.catalogs.thing(
        stranger, town.catalogs.type(stranger, "agent_template"), "evil"
    )  # fmt: skip

    def edit(change: Change) -> Change:
        (field,) = [one for one in change.fields if one.column == "template_entity_id"]  # type: ignore[union-attr]
        update = {"fields": (field.model_copy(update={"after": theirs}),)}
        return change.model_copy(update=update)

    bad = forged(town.plan(convert="reference"), f"agent.{town.catalogs.agent}", edit)
    with pytest.raises((InvalidPlanError, StalePlanError, RefusedError)):
        town.apply(bad)


@pytest.mark.shows(
    "a conversion edited so that another tenant's entities follow",
    "refused; their rows are byte-identical",
)
def test_forged_for_somebody_elses_entities(town: Town) -> None:
    other = Town(town.catalogs, town.catalogs.tenant(), [])
    other.apply(other.plan())
    theirs = str(town.catalogs.thing(other.tenant, other.own("entity_types", "account"), "x"))
    plan = town.plan(convert="reference")
    before = other.rows()
    with pytest.raises((InvalidPlanError, StalePlanError)):
        town.apply(forged(plan, ACCOUNT, followed(rows=((theirs,),))))
    (account,) = [one for one in plan.changes if one.address == ACCOUNT]
    (one,) = account.repointed
    mixed = ((*one.rows[0], theirs),)
    with pytest.raises((InvalidPlanError, StalePlanError)):
        town.apply(forged(plan, ACCOUNT, followed(rows=mixed)))
    assert other.rows() == before


def test_forged_to_another_tenants_type(town: Town) -> None:
    other = Town(town.catalogs, town.catalogs.tenant(), [])
    other.apply(other.plan())
    plan = town.plan(convert="reference")
    for catalog in (other.own("entity_types", "account"), town.own("entity_types", "loan")):
        with pytest.raises((InvalidPlanError, StalePlanError)):
            town.apply(forged(plan, ACCOUNT, followed(catalog=str(catalog))))


def test_forged_without_what_follows(town: Town) -> None:
    """A type is not retired under its entities."""
    plan = town.plan(convert="reference")
    with pytest.raises((InvalidPlanError, StalePlanError)):
        town.apply(forged(plan, ACCOUNT, lambda c: c.model_copy(update={"repointed": ()})))


@pytest.mark.shows(
    "a template reads another catalog than when its conversion was planned",
    "stale; nothing is written",
)
def test_the_template_stops_reading_the_catalog_before_the_apply(town: Town) -> None:
    plan = town.plan(convert="reference")
    town.sql(
        "UPDATE entity_relationships SET deleted_at = now() WHERE from_entity_id = %s",
        town.catalogs.entity,
    )
    before = town.meaning()
    with pytest.raises((RefusedError, StalePlanError)):
        town.apply(plan)
    assert town.meaning() == before


def test_a_nearer_catalog_gets_such_a_type_before_the_apply(town: Town) -> None:
    nearer = town.catalogs.catalog()
    town.catalogs.uses(nearer, position=0)
    plan = town.plan(convert="reference")
    town.catalogs.type(nearer, "account", name="Another")
    with pytest.raises((RefusedError, StalePlanError)):
        town.apply(plan)


def test_the_catalogs_type_changes_before_the_apply(town: Town) -> None:
    plan = town.plan(convert="reference")
    town.sql(
        'UPDATE entity_types SET metadata_schema = \'{"required": ["other"]}\' WHERE id = %s',
        int(at(town, "account")),
    )
    before = town.meaning()
    with pytest.raises(StalePlanError):
        town.apply(plan)
    assert town.meaning() == before


@pytest.mark.shows(
    "an entity is entered while its type gives way to the catalog's",
    "it never points at a row that is retired",
)
@pytest.mark.parametrize("slug", ["account", "loan"])
def test_an_entity_that_is_being_inserted_meanwhile(town: Town, slug: str) -> None:
    """Whoever is not committed yet: the apply waits, or the row does not stay behind."""
    plan = town.plan(convert="reference")
    own = town.own("entity_types", slug)
    with psycopg.connect(town.catalogs.world.dsn) as second:
        second.execute(
            "INSERT INTO entities (organization_id, entity_type_id, slug, name, created_by) "
            "VALUES (%s, %s, 'late', 'late', 'user_ana')",
            (town.tenant, own),
        )
        with contextlib.suppress(ReconcilerError):
            town.catalogs.world.apply(plan, lock_timeout="1s")
        second.commit()
    assert town.sql(
        "SELECT count(*) FROM entities e JOIN entity_types k ON k.id = e.entity_type_id "
        "WHERE e.organization_id = %s AND k.deleted_at IS NOT NULL",
        town.tenant,
    ) == [(0,)]


def test_skip_keeps_a_row_where_it_is(town: Town) -> None:
    plan = town.plan(convert="reference", skip=[ACCOUNT])
    assert ("retire", ACCOUNT) not in said(plan), noted(plan)


def test_release_of_a_row_that_would_give_way(town: Town) -> None:
    plan = town.plan(convert="reference", release=[ACCOUNT])
    assert ("retire", ACCOUNT) not in said(plan), (said(plan), noted(plan), in_the_way(plan))


def test_another_installation_of_the_same_organisation_keeps_its_rows(town: Town) -> None:
    world, second = town.catalogs.world, f"agent_two_{town.catalogs.home}"
    world.insert("agents", id=second, organization_id=town.catalogs.home, name="Two")
    world.apply(world.plan(town.tenant, template=second))
    settled(world.plan(town.tenant, template=second))
    world.sql(
        "UPDATE entities SET metadata = jsonb_build_object('agent_id', %s::text) WHERE id = %s",
        town.catalogs.agent,
        town.catalogs.entity,
    )
    town.apply(town.plan(convert="reference"))
    settled(world.plan(town.tenant, template=second))
