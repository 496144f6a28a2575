"""Whose rows a catalog's change would leave invalid, before it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler import CatalogChange, Impact, ReconcilerError, catalog_change
from reconciler.errors import (
    HiddenRowsError,
    MissingGrantError,
    NotFoundError,
    NotInitialisedError,
    RefusedError,
    SchemaMismatchError,
)
from reconciler.model.impact import InUse, Invalid, NoRule, Shadowed, TenantImpact, TypeImpact
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.world import World

TEXT = {"type": "object", "properties": {"iban": {"type": "string"}}}
NEEDED = {**TEXT, "required": ["iban"]}


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


def look(catalogs: Catalogs, catalog: str, **change: Any) -> Impact:
    """The impact of a change that is handed over, and not written down."""
    told = CatalogChange.model_validate({"catalog": catalog, **change})
    return catalog_change(catalogs.world.dsn, told)


def only(impact: Impact) -> tuple[TypeImpact, TenantImpact]:
    (one,) = impact.types
    (tenant,) = one.tenants
    return one, tenant


def account(catalogs: Catalogs, catalog: str, schema: Any = None) -> int:
    return catalogs.type(catalog, "account", metadata_schema=json.dumps(schema or TEXT))


def test_rows_that_would_no_longer_be_valid_are_named(catalogs: Catalogs) -> None:
    catalog, tenant, content = catalogs.catalog(), catalogs.tenant(), catalogs.tenant()
    of = account(catalogs, catalog)
    first = catalogs.thing(tenant, of, "a")
    second = catalogs.thing(tenant, of, "b", metadata='{"iban": "x"}')
    third = catalogs.thing(tenant, of, "c", metadata='{"other": 1}')
    catalogs.thing(tenant, of, "worse", metadata='{"iban": 1}')
    catalogs.thing(tenant, of, "gone", deleted_at="2026-01-01")
    catalogs.thing(content, of, "fine", metadata='{"iban": "yy"}')
    schema = {**NEEDED, "properties": {"iban": {"type": "string", "minLength": 2}}}
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": schema}])
    one, found = only(impact)
    assert (one.address, one.change) == ("entity_type.account", "changed")
    assert (one.rows, one.organizations) == (5, 2)
    assert (found.organization.id, found.own, found.broken, found.already) == (tenant, False, 3, 1)
    assert found.findings == (
        Invalid(keyword="required", pointer="/iban", rows=2, ids=(str(first), str(third))),
        Invalid(keyword="minLength", pointer="/iban", rows=1, ids=(str(second),)),
    )
    assert (impact.broken, impact.organizations) == (3, 1)


def test_nothing_is_said_of_rows_that_stay_valid(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.thing(tenant, account(catalogs, catalog, NEEDED), "a")
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": TEXT}])
    (one,) = impact.types
    assert (one.rows, one.tenants, impact.broken) == (1, (), 0)
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": None}])
    assert (impact.types[0].rows, impact.broken) == (1, 0)


def test_a_type_that_stays_as_it_is_is_not_spoken_of(catalogs: Catalogs) -> None:
    catalog = catalogs.catalog()
    account(catalogs, catalog, {"minimum": 1, "a": [], "maximum": 2})
    same = {"maximum": 2, "minimum": 1, "a": []}
    catalogs.type(catalog, "other")
    for given in ({"slug": "account", "metadata_schema": same}, {"slug": "account"}):
        assert look(catalogs, catalog, entity_types=[given]).types == ()


def test_types_that_go_are_counted_where_they_are_used(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    of, relation = account(catalogs, catalog), catalogs.relationship(catalog, "owns")
    catalogs.type(catalog, "$system")
    rows = [catalogs.thing(tenant, of, f"r{n}") for n in range(5)]
    mine = catalogs.thing(catalog, of, "mine")
    catalogs.world.insert(
        "entity_relationships",
        organization_id=tenant,
        from_entity_id=rows[0],
        to_entity_id=rows[1],
        relationship_type_id=relation,
    )
    impact = look(catalogs, catalog, complete=True)
    assert [one.address for one in impact.types] == [
        "entity_type.account",
        "relationship_type.owns",
    ]
    assert [one.change for one in impact.types] == ["retired", "retired"]
    used = {one.organization.id: one for one in impact.types[0].tenants}
    assert used[tenant].findings == (InUse(rows=5, ids=tuple(map(str, rows[:3]))),)
    assert used[catalog].own
    assert used[catalog].findings == (InUse(rows=1, ids=(str(mine),)),)
    assert (impact.broken, impact.organizations) == (7, 2)
    named = look(catalogs, catalog, retired=["entity_type.account"])
    assert [one.address for one in named.types] == ["entity_type.account"]
    with pytest.raises(NotFoundError, match=r"entity_type\.stranger"):
        look(catalogs, catalog, retired=["entity_type.stranger"])


def test_a_type_and_a_relationship_type_may_have_the_same_id(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    of = catalogs.type(catalog, "account", id=1_000_000)
    assert catalogs.relationship(catalog, "owns", id=of) == of
    row = catalogs.thing(tenant, of, "a")
    relationship = related(catalogs, tenant, of, (row, row))
    impact = look(catalogs, catalog, complete=True)
    found = {one.address.kind: one.tenants[0].findings for one in impact.types}
    assert found == {
        "entity_type": (InUse(rows=1, ids=(str(row),)),),
        "relationship_type": (InUse(rows=1, ids=(relationship,)),),
    }


def related(
    catalogs: Catalogs, tenant: str, relation: int, ends: tuple[int, int], **more: Any
) -> str:
    return str(
        catalogs.world.insert(
            "entity_relationships",
            organization_id=tenant,
            from_entity_id=ends[0],
            to_entity_id=ends[1],
            relationship_type_id=relation,
            **more,
        )
    )


@pytest.mark.parametrize("symmetric", [False, True])
def test_relationships_without_a_rule_any_more(catalogs: Catalogs, symmetric: bool) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    person, thing = catalogs.type(catalog, "person"), catalogs.type(catalog, "thing")
    relation = catalogs.relationship(catalog, "owns", is_symmetric=symmetric)
    catalogs.rule(relation, "person", "thing")
    catalogs.rule(relation, "person", "person")
    ana = catalogs.thing(tenant, person, "ana")
    house = catalogs.thing(tenant, thing, "house")
    schema = {"type": "object", "required": ["since"]}
    related(catalogs, tenant, relation, (ana, house))
    twice = related(catalogs, tenant, relation, (ana, ana))
    turned = related(catalogs, tenant, relation, (house, ana))
    catalogs.thing(tenant, thing, "unrelated")
    change = {"slug": "owns", "rules": [["person", "thing"]]}
    _, found = only(look(catalogs, catalog, relationship_types=[change]))
    assert found.findings == (NoRule(source="person", target="person", rows=1, ids=(twice,)),)
    # What is the wrong way round was never allowed, unless both ways are the same.
    assert (found.broken, found.already) == (1, 0 if symmetric else 1)
    # A row that is wrong in two ways is one row.
    change["metadata_schema"] = schema  # type: ignore[assignment]
    _, found = only(look(catalogs, catalog, relationship_types=[change]))
    assert (found.broken, found.already) == (3, 0)
    assert Invalid(keyword="required", pointer="/since", rows=3, ids=found.findings[0].ids) in (
        found.findings
    )
    assert turned in found.findings[0].ids
    # Without any rule everything may be related.
    free = look(catalogs, catalog, relationship_types=[{"slug": "owns", "rules": []}])
    assert (free.types[0].rows, free.broken) == (3, 0)


def test_first_rules_break_what_was_free(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    person = catalogs.type(catalog, "person")
    relation = catalogs.relationship(catalog, "knows")
    ana = catalogs.thing(tenant, person, "ana")
    row = related(catalogs, tenant, relation, (ana, ana))
    change = {"slug": "knows", "rules": [["person", "animal"]]}
    _, found = only(look(catalogs, catalog, relationship_types=[change]))
    assert found.findings == (NoRule(source="person", target="person", rows=1, ids=(row,)),)


def test_a_new_type_that_a_reader_would_not_see(catalogs: Catalogs) -> None:
    catalog, strange = catalogs.catalog(), catalogs.catalog()
    reader, other, stranger = catalogs.tenant(), catalogs.tenant(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(reader)
    catalogs.installed(other)
    own = catalogs.type(reader, "invoice")
    catalogs.type(stranger, "invoice")
    catalogs.relationship(reader, "pays", deleted_at="2026-01-01")
    new = {
        "entity_types": [{"slug": "invoice"}],
        "relationship_types": [{"slug": "pays"}],
    }
    impact = look(catalogs, catalog, **new)
    assert impact.readers == 2
    first, second = impact.types
    assert (first.change, second.change, second.tenants) == ("new", "new", ())
    (found,) = first.tenants
    assert (found.organization.id, found.broken) == (reader, 0)
    assert found.findings == (Shadowed(id=str(own)),)
    assert impact.broken == 0
    assert look(catalogs, strange, **new).readers == 0


def test_an_organisation_as_it_is_to_be(catalogs: Catalogs) -> None:
    catalog, staging, tenant = catalogs.catalog(), catalogs.tenant(), catalogs.tenant()
    of, gone = account(catalogs, catalog), catalogs.type(catalog, "budget")
    catalogs.relationship(catalog, "owns")
    owns = catalogs.relationship(staging, "owns")
    catalogs.rule(owns, "person", "account")
    account(catalogs, staging, NEEDED)
    catalogs.type(staging, "new")
    row = catalogs.thing(tenant, of, "a")
    catalogs.thing(tenant, gone, "b")
    impact = catalog_change(catalogs.world.dsn, staging, catalog=catalog)
    assert {one.address: one.change for one in impact.types} == {
        "entity_type.account": "changed",
        "entity_type.budget": "retired",
        "entity_type.new": "new",
        "relationship_type.owns": "changed",
    }
    (found,) = impact.types[0].tenants
    assert found.findings == (
        Invalid(keyword="required", pointer="/iban", rows=1, ids=(str(row),)),
    )
    assert impact.broken == 2


def test_what_is_the_same_travels_once_and_what_is_long_alone(catalogs: Catalogs) -> None:
    catalog, tenants = catalogs.catalog(), [catalogs.tenant() for _ in range(3)]
    of = account(catalogs, catalog)
    long = json.dumps({"note": "x" * 40_000})
    for tenant in tenants:
        for slug in ("a", "b"):
            catalogs.thing(tenant, of, slug, metadata=long)
            catalogs.thing(tenant, of, f"{slug}2", metadata=None)
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": NEEDED}])
    (one,) = impact.types
    assert {found.organization.id: found.broken for found in one.tenants} == dict.fromkeys(
        tenants, 4
    )


def test_more_lines_than_travel_at_once(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    of = account(catalogs, catalog)
    catalogs.world.sql(
        "INSERT INTO entities (entity_type_id, organization_id, created_by, name, slug, metadata) "
        "SELECT %s, %s, 'user_ana', n::text, n::text, jsonb_build_object('n', n, 'p' || n, n) "
        "FROM generate_series(1, 2000) n",
        of,
        tenant,
    )
    schema = {"propertyNames": {"maxLength": 4}, "properties": {"n": {"maximum": 1500}}}
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": schema}])
    _, found = only(impact)
    assert found.broken == 1001
    told = {one.keyword: one.rows for one in found.findings if isinstance(one, Invalid)}
    assert told == {"maxLength": 1001, "maximum": 500}


def test_places_are_told_apart_up_to_a_number(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    of = account(catalogs, catalog)
    catalogs.world.sql(
        "INSERT INTO entities (entity_type_id, organization_id, created_by, name, slug, metadata) "
        "SELECT %s, %s, 'user_ana', n::text, n::text, jsonb_build_object('p' || n, n) "
        "FROM generate_series(1, 250) n",
        of,
        tenant,
    )
    schema = {"additionalProperties": {"type": "string"}}
    _, found = only(
        look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": schema}])
    )
    assert len(found.findings) == 201
    (rest,) = (one for one in found.findings if isinstance(one, Invalid) and one.pointer is None)
    assert (found.broken, rest.rows) == (250, 50)


def test_where_the_present_schema_judges_nothing_all_that_would_fail_counts(
    catalogs: Catalogs,
) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.thing(tenant, account(catalogs, catalog, {"type": "no type"}), "a")
    impact = look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": NEEDED}])
    one, found = only(impact)
    assert found.broken == 1
    assert "it is no JSON Schema: /type" in one.now_unjudged


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"$ref": "https://example.com/x.json"}, "refers to what it does not hold"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refers to what it does not hold"),
        ({"$ref": "#/$defs/none"}, "refers to what it does not hold"),
        ({"$schema": "https://example.com/own"}, "dialect is not known"),
        ({"$schema": 7}, "dialect is not known"),
        ({"type": "sting"}, "no JSON Schema: /type"),
        ({"pattern": "("}, "no JSON Schema: /pattern"),
        ([], "no JSON Schema: the schema"),
    ],
)
def test_a_schema_that_judges_nothing_is_refused(
    catalogs: Catalogs, schema: Any, says: str
) -> None:
    catalog = catalogs.catalog()
    account(catalogs, catalog)
    with pytest.raises(ReconcilerError, match=says) as refused:
        look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": schema}])
    assert "entity_type.account" in refused.value.message
    assert refused.value.hint


def test_rows_of_which_nobody_can_say_count_as_broken(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    row = catalogs.thing(tenant, account(catalogs, catalog), "a")
    endless = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    _, found = only(
        look(catalogs, catalog, entity_types=[{"slug": "account", "metadata_schema": endless}])
    )
    (doubt,) = found.findings
    assert (doubt.about, found.broken) == ("unjudged", 1)
    assert "refers to itself" in doubt.why
    assert doubt.ids == (str(row),)


def test_wrong_organisations_are_refused(catalogs: Catalogs) -> None:
    dsn, catalog, tenant = catalogs.world.dsn, catalogs.catalog(), catalogs.tenant()
    with pytest.raises(RefusedError, match="no public catalog"):
        catalog_change(dsn, catalog, catalog=tenant)
    with pytest.raises(RefusedError, match="already"):
        catalog_change(dsn, catalog, catalog=catalog)
    with pytest.raises(NotFoundError, match="nowhere"):
        catalog_change(dsn, "nowhere", catalog=catalog)
    with pytest.raises(ReconcilerError, match="is no file") as refused:
        catalog_change(dsn, tenant)
    assert "--catalog" in refused.value.hint
    with pytest.raises(ReconcilerError, match="names its catalog"):
        catalog_change(dsn, CatalogChange(catalog=catalog), catalog=catalog)


def test_a_database_that_does_not_fit_says_so(world: World) -> None:
    catalogs = gathered(world)
    catalog = catalogs.catalog()
    world.sql("ALTER TABLE agents DROP COLUMN template_entity_id")
    with pytest.raises(NotInitialisedError, match="template_entity_id") as refused:
        look(catalogs, catalog)
    assert "reconcile init" in refused.value.hint
    world.sql("ALTER TABLE entities RENAME entity_type_id TO entity_type")
    with pytest.raises(SchemaMismatchError, match=r"entities\.entity_type_id"):
        look(catalogs, catalog)


def test_numbers_of_a_caller_are_as_they_are_written(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    of = account(catalogs, catalog)
    catalogs.thing(tenant, of, "a", metadata='{"n": 0.1}')
    more = str(catalogs.thing(tenant, of, "b", metadata='{"n": 0.1000000000000000000001}'))
    schema = {"properties": {"n": {"maximum": 0.1}}}
    change = {"slug": "account", "metadata_schema": schema}
    _, found = only(look(catalogs, catalog, entity_types=[change]))
    assert found.findings == (Invalid(keyword="maximum", pointer="/n", rows=1, ids=(more,)),)
    for wrong in (object(), {"n": float("nan")}):
        with pytest.raises(ValueError, match="JSON"):
            look(catalogs, catalog, entity_types=[{"slug": "a", "metadata_schema": wrong}])


def test_hidden_rows_are_no_answer(world: World) -> None:
    catalogs = gathered(world)
    world.sql("CREATE ROLE impact_half LOGIN")
    try:
        world.sql("GRANT pg_read_all_data TO impact_half")
        world.sql("ALTER TABLE entities ENABLE ROW LEVEL SECURITY")
        change = CatalogChange(catalog=catalogs.home)
        with pytest.raises(HiddenRowsError):
            catalog_change(f"{world.dsn} user=impact_half", change)
    finally:
        world.sql("DROP OWNED BY impact_half")
        world.sql("DROP ROLE impact_half")


def test_slugs_with_anything_in_them(catalogs: Catalogs) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog)
    catalogs.installed(tenant)
    slug = "a/b.c\n'\"%"
    catalogs.thing(tenant, catalogs.type(catalog, slug), "x")
    gone = only(look(catalogs, catalog, complete=True))[0]
    assert (gone.address.key, gone.rows) == ((slug,), 1)
    assert only(look(catalogs, catalog, retired=[str(gone.address)]))[0] == gone
    own = str(catalogs.type(tenant, f"{slug}!"))
    new = look(catalogs, catalog, entity_types=[{"slug": f"{slug}!"}])
    assert only(new)[1].findings == (Shadowed(id=own),)


def test_what_a_role_may_not_read_is_said(catalogs: Catalogs) -> None:
    world = catalogs.world
    world.sql("CREATE ROLE impact_nobody LOGIN")
    try:
        with pytest.raises(MissingGrantError) as refused:
            catalog_change(f"{world.dsn} user=impact_nobody", CatalogChange(catalog="acme"))
        assert "SELECT on organization" in refused.value.hint
    finally:
        world.sql("DROP ROLE impact_nobody")


def test_nothing_is_written_and_reading_suffices(catalogs: Catalogs, tmp_path: Path) -> None:
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.thing(tenant, account(catalogs, catalog), "a")
    written = tmp_path / "change"
    written.write_text(json.dumps({"catalog": catalog, "complete": True}), encoding="utf-8")
    world = catalogs.world
    world.sql("CREATE ROLE impact_reader LOGIN")
    try:
        world.sql("GRANT pg_read_all_data TO impact_reader")
        before = world.dump("entities", "entity_types", with_versions=True)
        impact = catalog_change(f"{world.dsn} user=impact_reader", str(written))
        assert (impact.broken, impact.change) == (1, str(written))
        assert world.dump("entities", "entity_types", with_versions=True) == before
    finally:
        world.sql("DROP OWNED BY impact_reader")
        world.sql("DROP ROLE impact_reader")
