"""What each slug means to a tenant and to its agents: the nearest live row on the search path."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator
from psycopg.conninfo import make_conninfo

import reconciler
from reconciler import library, published
from reconciler.cli import main
from reconciler.errors import (
    HiddenRowsError,
    MissingGrantError,
    NotFoundError,
    NotInitialisedError,
    SchemaMismatchError,
)
from reconciler.model.vocabulary import Dangling, Entry, Vocabulary
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.roles import run
from tests.fixtures.world import World


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


def read(catalogs: Catalogs, name: str) -> Vocabulary:
    return reconciler.vocabulary(catalogs.world.dsn, name)


def entry(found: Vocabulary, slug: str) -> Entry:
    (one,) = [one for one in found.entries if one.slug == slug]
    return one


def path(found: Vocabulary) -> list[str]:
    return [one.organization.id for one in found.path]


def only(found: Vocabulary) -> Any:
    (one,) = found.dangling
    return one


def told(one: Dangling) -> dict[str, Any]:
    return one.model_dump(exclude={"organization"})


def test_the_nearest_of_a_slug_counts_and_the_others_are_shadowed(catalogs: Catalogs) -> None:
    near, far, tenant = catalogs.catalog(), catalogs.catalog(), catalogs.tenant()
    catalogs.uses(far, position=2)
    catalogs.uses(near, position=1)
    agent = catalogs.installed(tenant)
    own = catalogs.type(tenant, "mine")
    hidden = catalogs.type(near, "mine"), catalogs.type(far, "mine")
    nearer, farther = catalogs.type(near, "both"), catalogs.type(far, "both")
    lone = catalogs.type(far, "lone")
    found = read(catalogs, tenant)
    assert path(found) == [tenant, near, far]
    assert [one.agents for one in found.path] == [(), (agent,), (agent,)]
    assert [one.slug for one in found.entity_types] == ["$member", "both", "lone", "mine"]
    one = entry(found, "mine")
    assert (one.id, one.organization.id, one.agents) == (str(own), tenant, ())
    shadows = [(far.id, far.organization.id, far.agents) for far in one.shadows]
    assert shadows == [(str(hidden[0]), near, (agent,)), (str(hidden[1]), far, (agent,))]
    one = entry(found, "both")
    assert (one.id, one.organization.id, one.agents) == (str(nearer), near, (agent,))
    assert [far.id for far in one.shadows] == [str(farther)]
    assert (entry(found, "lone").id, entry(found, "lone").shadows) == (str(lone), ())
    assert found.dangling == ()


def test_what_is_retired_shadows_nothing(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(tenant)
    catalogs.type(tenant, "kept", deleted_at="2026-01-01")
    catalogs.relationship(tenant, "archived", status="archived")
    catalogs.relationship(tenant, "deleted", deleted_at="2026-01-01")
    for slug in ("archived", "deleted"):
        catalogs.relationship(catalog, slug)
    catalogs.type(catalog, "kept")
    catalogs.type(catalog, "gone", deleted_at="2026-01-01")
    found = read(catalogs, tenant)
    homes = {one.slug: one.organization.id for one in found.entries if one.slug != "$member"}
    assert homes == dict.fromkeys(["archived", "deleted", "kept"], catalog)
    assert not any(one.shadows for one in found.entries)


def test_all_that_an_agent_needs_when_it_starts(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(tenant)
    schema = '{"const": 12345678901234567890, "maximum": 1.10}'
    values = {"description": "d", "icon": "box", "color": "red"}
    catalogs.type(
        catalog, "account", name="Account", metadata_schema=schema, event_kinds='["x"]', **values
    )
    back = catalogs.relationship(catalog, "owned_by", is_symmetric=True)
    owns = catalogs.relationship(catalog, "owns", inverse_type_id=back, metadata_schema="{}")
    for _ in range(2):
        catalogs.rule(owns, "person", "account")
    dead = catalogs.rule(owns, "dead", "dead")
    catalogs.world.sql(
        "UPDATE entity_relationship_type_rules SET deleted_at = now() WHERE id = %s", dead
    )
    found = read(catalogs, tenant)
    account, owned, owning = (entry(found, one) for one in ("account", "owned_by", "owns"))
    assert account.metadata_schema.text == schema
    assert account.event_kinds.parsed() == ["x"]
    assert values.items() <= account.model_dump().items()
    assert (owned.is_symmetric, owned.inverse, owned.rules) == (True, None, ())
    assert (owning.is_symmetric, owning.inverse) == (False, "owned_by")
    assert [(one.source, one.target) for one in owning.rules] == [("person", "account")]
    catalogs.world.sql(
        "UPDATE entity_relationship_types SET status = 'archived' WHERE id = %s", back
    )
    assert entry(read(catalogs, tenant), "owns").inverse is None


def test_a_stranger_with_the_same_slug_is_not_on_the_path(catalogs: Catalogs) -> None:
    stranger = catalogs.catalog()
    catalogs.type(stranger, "account")
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.uses(stranger, by=stranger)
    catalogs.installed(tenant)
    ours = catalogs.type(catalog, "account")
    one = entry(read(catalogs, tenant), "account")
    assert (one.id, one.shadows) == (str(ours), ())


def test_the_platforms_own_rows_are_read_at_home_only(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(tenant)
    reserved = catalogs.type(catalog, "$member")
    thing = catalogs.thing(tenant, reserved, "bound")
    found = read(catalogs, tenant)
    assert entry(found, "$member").organization.id == tenant
    assert entry(found, "$member").shadows == ()
    assert told(only(found)) == {
        "about": "unresolved", "kind": "entity_type", "id": str(reserved), "slug": "$member",
        "why": "reserved", "rows": 1, "few": (str(thing),),
    }  # fmt: skip


def test_a_tenant_reads_what_all_of_its_agents_read_and_an_agent_only_its_own(
    catalogs: Catalogs,
) -> None:
    other = gathered(catalogs.world)
    first, second, shared = (catalogs.catalog() for _ in range(3))
    catalogs.uses(first)
    catalogs.uses(shared)
    other.uses(shared)
    other.uses(second)
    tenant = catalogs.tenant()
    late = catalogs.installed(tenant, created_at="2026-02-01")
    early = other.installed(tenant, created_at="2026-01-01")
    plain = catalogs.installed(tenant, template_entity_id=None)
    kept = catalogs.type(first, "of_the_first")
    catalogs.thing(tenant, kept, "thing")
    found = read(catalogs, tenant)
    assert path(found) == [tenant, shared, second, first]
    assert [one.agents for one in found.path] == [(), (early, late), (early,), (late,)]
    assert found.agent is None
    found = read(catalogs, late)
    assert (path(found), found.agent) == ([tenant, first, shared], late)
    found = read(catalogs, early)
    assert path(found) == [tenant, shared, second]
    assert "of_the_first" not in [one.slug for one in found.entries]
    # Another agent reads it, so the tenant can resolve it.
    assert found.dangling == ()
    assert path(read(catalogs, plain)) == [tenant]


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


def test_only_catalogs_are_read_where_the_platform_tells_them_apart(world: World) -> None:
    catalogs = gathered(world)
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(tenant)
    world.sql("ALTER TABLE organization ADD COLUMN kind text")
    sql = "UPDATE organization SET kind = 'public_catalog' WHERE id = %s"
    world.sql(sql, catalogs.home)
    assert only(read(catalogs, tenant)).about == "closed_catalog"
    world.sql(sql, catalog)
    assert read(catalogs, tenant).dangling == ()
    # Releases differ in the columns that a kind calls optional.
    world.sql("ALTER TABLE entity_types DROP COLUMN event_kinds, DROP COLUMN icon")
    catalogs.type(catalog, "account", color="red")
    one = entry(read(catalogs, tenant), "account")
    assert (one.color, one.icon, one.event_kinds) == ("red", None, None)


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


def test_a_name_is_an_agents_id_an_organisations_id_or_its_slug(catalogs: Catalogs) -> None:
    tenant = catalogs.tenant()
    agent = catalogs.installed(tenant)
    slug = tenant.removeprefix("org_")
    assert {read(catalogs, one).organization.id for one in (agent, tenant, slug)} == {tenant}
    with pytest.raises(NotFoundError, match="there is no agent and no organisation 'nobody'"):
        read(catalogs, "nobody")


def test_what_a_database_lacks_is_said(world: World) -> None:
    world.sql("ALTER TABLE agents DROP COLUMN template_entity_id")
    with pytest.raises(NotInitialisedError) as missing:
        reconciler.vocabulary(world.dsn, "acme")
    assert "reconcile init" in missing.value.hint
    reconciler.init(world.dsn)
    assert reconciler.vocabulary(world.dsn, "acme").organization.slug == "acme"
    world.sql("DROP TABLE entity_relationship_type_rules CASCADE")
    with pytest.raises(SchemaMismatchError, match="entity_relationship_type_rules"):
        reconciler.vocabulary(world.dsn, "acme")


def test_hidden_rows_are_no_answer(world: World) -> None:
    world.sql("CREATE ROLE short_sighted LOGIN")
    try:
        world.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO short_sighted")
        dsn = make_conninfo(world.dsn, user="short_sighted")
        assert reconciler.vocabulary(dsn, "acme").organization.slug == "acme"
        world.sql("ALTER TABLE entities ENABLE ROW LEVEL SECURITY")
        with pytest.raises(HiddenRowsError):
            reconciler.vocabulary(dsn, "acme")
    finally:
        world.sql("DROP OWNED BY short_sighted; DROP ROLE short_sighted")


def test_these_columns_are_all_that_a_role_has_to_see(world: World) -> None:
    """Beside what `reconcile grants --role reader` prints."""
    catalogs = gathered(world)
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog, position=1)
    agent = catalogs.installed(tenant)
    catalogs.type(catalog, "account")
    role = f"boots_{tenant}"
    run(world.dsn, library.grants(world.dsn, "reader", to=role))
    world.sql(f"ALTER ROLE {role} LOGIN")
    dsn = make_conninfo(world.dsn, user=role)
    try:
        with pytest.raises(MissingGrantError):
            reconciler.vocabulary(dsn, agent)
        for columns, table in (
            ("template_entity_id, created_at", "agents"),
            ("entity_type_id, organization_id, deleted_at", "entities"),
            ("id, organization_id, from_entity_id, to_entity_id, relationship_type_id, metadata, "
             "deleted_at", "entity_relationships"),
        ):  # fmt: skip
            world.sql(f"GRANT SELECT ({columns}) ON {table} TO {role}")
        found = reconciler.vocabulary(dsn, agent)
        assert entry(found, "account").organization.id == catalog
    finally:
        world.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_connection_is_left_as_it_was(catalogs: Catalogs) -> None:
    tenant = catalogs.tenant()
    with psycopg.connect(catalogs.world.dsn) as connection:
        reconciler.vocabulary(connection, tenant)
        with pytest.raises(NotFoundError):
            reconciler.vocabulary(connection, "nobody")
        assert connection.autocommit is False
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.execute("SHOW row_security").fetchone() == ("on",)


def test_the_command(catalogs: Catalogs, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    agent = catalogs.installed(tenant)
    catalogs.type(catalog, "account", metadata_schema='{"maximum": 1.10}')
    stranger = catalogs.type(catalogs.catalog(), "strange")
    catalogs.thing(tenant, stranger, "thing")

    def typed(*words: str) -> tuple[int, str, str]:
        code = main(["vocabulary", *words, "--database-url", catalogs.world.dsn])
        return (code, *capsys.readouterr())

    code, out, err = typed(tenant)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith("2 entity types, 0 relationship types, 1 dangling")
    assert f"account    {catalog.removeprefix('org_')}, through {agent}" in out
    code, out, err = typed(agent, "--format", "markdown")
    assert (code, err) == (0, "")
    assert out.startswith(f"# Vocabulary of `{agent}` in ")
    code, out, err = typed(agent, "-json")
    assert (code, err) == (0, "")
    # No digit is lost.
    assert '"maximum": 1.10' in out
    found = json.loads(out)
    assert found["entries"][1]["metadata_schema"] == {"maximum": 1.1}
    schema = json.loads(published.documents()["vocabulary.schema.json"])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    code, out, err = typed("nobody")
    assert (code, out) == (1, "")
    assert "there is no agent and no organisation 'nobody'" in err
