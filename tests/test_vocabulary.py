"""What each slug means to a tenant and to its agents: the nearest live row on the search path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import reconciler
from reconciler import published
from reconciler.cli import main
from reconciler.errors import NotFoundError
from reconciler.model.vocabulary import Dangling, Entry, Vocabulary
from tests.fixtures.catalogs import Catalogs, gathered
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


def test_a_name_is_an_agents_id_an_organisations_id_or_its_slug(catalogs: Catalogs) -> None:
    tenant = catalogs.tenant()
    agent = catalogs.installed(tenant)
    slug = tenant.removeprefix("org_")
    assert {read(catalogs, one).organization.id for one in (agent, tenant, slug)} == {tenant}
    with pytest.raises(NotFoundError, match="there is no agent and no organisation 'nobody'"):
        read(catalogs, "nobody")


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
