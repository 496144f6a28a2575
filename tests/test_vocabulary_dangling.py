"""What is named and cannot be read: templates, catalogs, and types of the tenant's rows."""

from __future__ import annotations

import pytest

from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.world import World
from tests.test_vocabulary import only, path, read


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


def test_an_agent_whose_template_is_gone(catalogs: Catalogs) -> None:
    tenant, sql = catalogs.tenant(), catalogs.world.sql
    catalogs.uses(catalogs.catalog())
    agent = catalogs.installed(tenant)

    def why() -> tuple[str, str | None]:
        one = only(read(catalogs, tenant))
        assert (one.about, one.agents) == ("lost_template", (agent,))
        return one.why, one.organization and one.organization.id

    sql("UPDATE organization SET visibility = 'private' WHERE id = %s", catalogs.home)
    assert why() == ("no_catalog", catalogs.home)
    sql("UPDATE entity_types SET slug = 'x' WHERE organization_id = %s", catalogs.home)
    assert why() == ("no_template", catalogs.home)
    sql("UPDATE entities SET deleted_at = now() WHERE id = %s", catalogs.entity)
    assert why() == ("deleted", catalogs.home)
    sql("UPDATE agents SET template_entity_id = 0 WHERE id = %s", agent)
    assert why() == ("missing", None)
    assert path(read(catalogs, tenant)) == [tenant]
    other = catalogs.installed(tenant, template_entity_id=None)
    assert read(catalogs, other).dangling == ()


def test_a_catalog_that_turned_private_is_not_read(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    agent = catalogs.installed(tenant)
    account = catalogs.type(catalog, "account")
    things = [catalogs.thing(tenant, account, f"thing-{n}") for n in range(7)]
    catalogs.thing(tenant, account, "deleted", deleted_at="2026-01-01")
    assert read(catalogs, tenant).dangling == ()
    catalogs.world.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", catalog)
    found = read(catalogs, tenant)
    assert [(one.organization.id, one.public) for one in found.path] == [
        (tenant, False),
        (catalog, False),
    ]
    assert "account" not in [one.slug for one in found.entries]
    closed, rows = found.dangling
    assert (closed.about, closed.agents) == ("closed_catalog", (agent,))
    assert (closed.organization.id, closed.organization.visibility) == (catalog, "private")
    assert (rows.why, rows.rows, rows.few) == ("closed", 7, tuple(map(str, things[:5])))
    assert (rows.id, rows.slug, rows.organization.id) == (str(account), "account", catalog)


@pytest.mark.parametrize(
    ("where", "why"), [("stranger", "stranger"), ("tenant", "private"), ("own", "retired")]
)
def test_rows_whose_type_the_tenant_cannot_resolve(
    catalogs: Catalogs, where: str, why: str
) -> None:
    tenant = catalogs.tenant()
    home = {"stranger": catalogs.catalog, "tenant": catalogs.tenant, "own": lambda: tenant}[where]()
    dead = {"deleted_at": "2026-01-01"} if where == "own" else {}
    foreign = catalogs.type(home, "foreign", **dead)
    relation = catalogs.relationship(home, "relates", **dead)
    thing = catalogs.thing(tenant, foreign, "thing")
    other = catalogs.thing(home, foreign, "other")
    # One that leads in, one that leads out; another organisation's, and a deleted one.
    ends = [(thing, other, tenant), (other, thing, tenant), (thing, other, catalogs.home)]
    related = [
        catalogs.world.insert(
            "entity_relationships", organization_id=of, from_entity_id=one, to_entity_id=two,
            relationship_type_id=relation,
        )
        for one, two, of in [*ends, ends[0]]
    ]  # fmt: skip
    catalogs.world.sql(
        "UPDATE entity_relationships SET deleted_at = now() WHERE id = %s", related[-1]
    )
    things, relationships = read(catalogs, tenant).dangling
    few = (thing, other) if where == "own" else (thing,)
    assert (things.kind, things.slug, things.why) == ("entity_type", "foreign", why)
    assert (things.rows, things.few) == (len(few), tuple(map(str, few)))
    assert things.organization.id == relationships.organization.id == home
    assert (relationships.kind, relationships.slug) == ("relationship_type", "relates")
    assert (relationships.why, relationships.rows) == (why, 2)
    assert relationships.few == tuple(map(str, related[:2]))
