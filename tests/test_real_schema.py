"""The same on a database with the real DDL: more columns and tables than any kind lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler import CatalogChange, library
from reconciler.database.embedded import Server
from reconciler.errors import HiddenRowsError, NotInitialisedError, SchemaMismatchError
from tests.fixtures.members import People, template
from tests.fixtures.world import World, copied

DDL = (Path(__file__).parent / "real_schema.sql").read_bytes()
HOME = "org_garden"
TYPES, RELATIONS = "entity_types", "entity_relationship_types"
RULES = "entity_relationship_type_rules"
TABLES = ("agents", TYPES, RELATIONS, RULES)
INSTALLED = [
    "tracking columns on entity_types",
    "tracking columns on entity_relationship_types",
    "tracking columns on event_classifiers",
    "tracking columns on watchers",
    "tracking columns on view_templates",
    "template_entity_id on agents, which installing by reference needs",
    "ledger (schema reconcile), version 4",
]


@pytest.fixture(scope="module")
def real_database(server: Server) -> Iterator[str]:
    """To copy from: the real DDL, initialised, with a small template and a tenant."""
    name = f"real_{uuid4().hex[:8]}"
    dsn = server.create_database(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(DDL)
        library.init(connection)
        _plant(World(dsn, connection))
    yield name
    server.drop_database(name)


def _plant(world: World) -> None:
    when = {"createdAt": "2026-01-01", "updatedAt": "2026-01-01"}
    for user in ("user_ana", "user_gil"):
        world.insert(
            "user", id=user, name=user, email=f"{user}@plot.test", emailVerified=True, **when
        )
    world.organization("garden", visibility="public")
    world.organization("plot")
    world.insert("agents", id="agent_garden", organization_id=HOME, name="Garden", temperature=0.1)
    for slug in ("plant", "bed", "harvest"):
        world.insert(
            TYPES,
            organization_id=HOME,
            slug=slug,
            name=slug.title(),
            metadata_schema={"type": "object", "title": slug},
            order=7,
            external_ref=str(uuid4()),
        )
    one = world.insert(RELATIONS, organization_id=HOME, slug="grows_in", name="Grows in", weight=2)
    other = world.insert(
        RELATIONS, organization_id=HOME, slug="grows", name="Grows", inverse_type_id=one
    )
    world.sql(f"UPDATE {RELATIONS} SET inverse_type_id = %s WHERE id = %s", other, one)
    for relation, source, target in ((one, "plant", "bed"), (other, "bed", "plant")):
        world.insert(
            RULES,
            relationship_type_id=relation,
            source_entity_type_slug=source,
            target_entity_type_slug=target,
        )


@pytest.fixture
def real(server: Server, real_database: str) -> Iterator[World]:
    """A copy of the real database."""
    yield from copied(server, real_database)


def plan(world: World, **options: Any) -> Any:
    """A plan of the garden template for the plot."""
    options.setdefault("actor", "user_ana")
    return library.plan(world.dsn, "garden", ["plot"], **options)


def versions(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row's version and updated_at, in the four tables and the ledger."""
    found = {
        t: world.sql(f"SELECT id::text, xmin::text, updated_at FROM {t} ORDER BY 1") for t in TABLES
    }
    for table in ("revision", "target", "content", "placement"):
        found[table] = world.sql(f"SELECT t::text, xmin::text FROM reconcile.{table} t ORDER BY 1")
    return found


def test_init_says_what_it_installs_and_is_safe_to_repeat(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        with pytest.raises(SchemaMismatchError) as caught:
            library.init(connection)
        assert "has no table public.organization, public.user" in caught.value.message
        assert "Check --database-url" in caught.value.hint
        connection.execute(DDL)
        with pytest.raises(NotInitialisedError) as refused:
            library.plan(connection, "garden", ["plot"], actor="user_ana")
        assert "the ledger (schema reconcile) is missing" in refused.value.message
        assert "Run `reconcile init`" in refused.value.hint
        assert library.init(connection) == INSTALLED
        assert library.init(connection) == []
        # The script does the same, for people who apply migrations themselves.
        connection.execute("DROP SCHEMA reconcile CASCADE")
        for _ in range(2):
            connection.execute(library.init_script().encode())
        assert library.init(connection) == []


def test_plan_apply_and_plan_again(real: World) -> None:
    first = plan(real)
    assert (first.counts().create, first.conflicts, first.notes) == (8, (), ())
    assert library.apply(real.dsn, first).status == "applied"
    # Unlisted columns have their defaults, and not the template's values.
    assert real.sql(
        'SELECT slug, "order", labels, state::text, external_ref, created_by'
        f" FROM {TYPES} WHERE organization_id = 'org_plot' ORDER BY 1"
    ) == [(slug, 0, [], "published", None, "user_ana") for slug in ("bed", "harvest", "plant")]
    assert real.sql(
        "SELECT t.slug, i.slug, t.weight, r.source_entity_type_slug, r.target_entity_type_slug"
        f" FROM {RELATIONS} t JOIN {RELATIONS} i ON i.id = t.inverse_type_id"
        f" JOIN {RULES} r ON r.relationship_type_id = t.id"
        " WHERE t.organization_id = 'org_plot' AND i.organization_id = 'org_plot' ORDER BY 1"
    ) == [("grows", "grows_in", 1, "bed", "plant"), ("grows_in", "grows", 1, "plant", "bed")]

    before = versions(real)
    again = plan(real)
    assert (again.changes, again.conflicts, again.notes) == ((), (), ())
    assert library.apply(real.dsn, again).status == "nothing_to_do"
    resynced = library.install_agent_from_template(real.dsn, "agent_garden", "org_plot", "user_ana")
    assert (resynced.created, resynced.revision) == (False, None)
    assert versions(real) == before


def test_a_resync_writes_only_what_changed(real: World) -> None:
    library.apply(real.dsn, plan(real))
    own = """"displayName" = 'Our bed', labels = '{a,b}', completeness = 12.5"""
    real.sql(f"UPDATE {TYPES} SET {own} WHERE organization_id = 'org_plot' AND slug = 'bed'")
    real.sql(
        f"UPDATE {TYPES} SET description = 'Soil' WHERE organization_id = %s AND slug = 'bed'", HOME
    )
    before = versions(real)
    moved = plan(real)
    assert [(one.address, len(one.fields)) for one in moved.changes] == [("entity_type.bed", 1)]
    library.apply(real.dsn, moved)
    after = versions(real)
    assert [after[table] == before[table] for table in TABLES] == [True, False, True, True]
    assert len(set(after[TYPES]) - set(before[TYPES])) == 1
    assert real.sql(
        f'SELECT description, "displayName", labels, completeness FROM {TYPES}'
        " WHERE organization_id = 'org_plot' AND slug = 'bed'"
    ) == [("Soil", "Our bed", ["a", "b"], 12.5)]
    assert plan(real).empty


def test_the_tenants_own_row_is_in_the_way_until_somebody_decides(real: World) -> None:
    own = real.insert(TYPES, organization_id="org_plot", slug="bed", name="A place to sleep")
    (conflict,) = plan(real).conflicts
    assert (conflict.reason, conflict.address) == ("user_authored", "entity_type.bed")
    library.apply(real.dsn, plan(real, adopt=["entity_type.bed"]))
    assert real.sql(f"SELECT id, name FROM {TYPES} WHERE id = %s", own) == [(own, "Bed")]
    assert plan(real).empty


# Databases that do not fit -----------------------------------------------------------------


def test_unlisted_columns_that_a_new_row_would_need(real: World) -> None:
    for table in TABLES:
        real.sql(f"ALTER TABLE {table} ADD COLUMN tier text NOT NULL DEFAULT 'x'")
    assert plan(real).counts().create == 8
    for table in TABLES:
        real.sql(f"ALTER TABLE {table} ALTER COLUMN tier DROP DEFAULT")
    with pytest.raises(SchemaMismatchError) as caught:
        plan(real)
    assert caught.value.message.splitlines()[1:] == [
        f"  kind {kind}: column 'tier' is NOT NULL without a default, and the kind does not list "
        "it, so no row can be created"
        for kind in ("agent", "relationship_type", "relationship_rule", "entity_type")
    ]
    assert "migrate the database" in caught.value.hint


def test_missing_columns(real: World) -> None:
    for column in ("icon", "color", "event_kinds", "created_by", "updated_by", "created_at"):
        real.sql(f"ALTER TABLE {TYPES} DROP COLUMN {column}")
    for column in ("created_by", "created_at"):
        real.sql(f"ALTER TABLE {RELATIONS} DROP COLUMN {column}")
    library.apply(real.dsn, plan(real))
    assert plan(real).empty
    real.sql(f"ALTER TABLE {TYPES} DROP COLUMN description CASCADE")
    real.sql(f"ALTER TABLE {RELATIONS} DROP COLUMN is_symmetric CASCADE")
    with pytest.raises(SchemaMismatchError) as caught:
        plan(real)
    assert caught.value.message.splitlines()[1:] == [
        "  kind relationship_type: table entity_relationship_types has no column 'is_symmetric'",
        "  kind entity_type: table entity_types has no column 'description'",
    ]


def test_a_database_that_is_not_initialised_or_is_ahead(real: World) -> None:
    real.sql(f"ALTER TABLE {RELATIONS} DROP COLUMN source_template_org_id")
    with pytest.raises(NotInitialisedError) as caught:
        plan(real)
    assert caught.value.message == f"the tracking columns are missing on {RELATIONS}"
    assert "reconcile init" in caught.value.hint
    assert library.init(real.dsn) == [f"tracking columns on {RELATIONS}"]
    assert plan(real).conflicts == ()
    real.sql("UPDATE reconcile.setting SET value = '99' WHERE name = 'ledger_version'")
    for call in (lambda: plan(real), lambda: library.init(real.dsn)):
        with pytest.raises(NotInitialisedError) as caught:
            call()
        assert "the ledger has version 99, and this" in caught.value.message
        assert "use a newer release" in caught.value.hint.lower()


def test_row_level_security_that_hides_rows_is_an_error(real: World) -> None:
    role = f"reader_{uuid4().hex[:8]}"
    dsn = make_conninfo(real.dsn, options=f"-c role={role}")
    real.sql(f"CREATE ROLE {role} IN ROLE pg_read_all_data")
    try:
        assert library.plan(dsn, "garden", ["plot"], actor="user_ana").counts().create == 8
        for table in (TYPES, RULES, "agents", "organization", "member", '"user"'):
            real.sql(f"CREATE POLICY mine ON {table} USING (true)")
            real.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            with pytest.raises(HiddenRowsError) as caught:
                library.plan(dsn, "garden", ["plot"], actor="user_ana")
            assert "row-level security would hide rows" in caught.value.message
            assert table.strip('"') in caught.value.message
            assert "a role that sees every row" in caught.value.hint
            if table == TYPES:  # the owner sees them all
                assert plan(real).counts().create == 8
            real.sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    finally:
        real.sql(f"DROP ROLE {role}")


def test_a_catalogs_change_is_judged(real: World) -> None:
    real.sql(
        "INSERT INTO entities (organization_id, slug, name, entity_type_id, created_by)"
        f" SELECT 'org_plot', 'rose', 'Rose', id, 'user_ana' FROM {TYPES} WHERE slug = 'plant'"
    )
    change = CatalogChange.model_validate({"catalog": "garden", "complete": True})
    impact = library.catalog_change(real.dsn, change)
    assert [one.change for one in impact.types] == ["retired"] * 5
    assert (impact.broken, impact.organizations) == (1, 1)


def test_a_member_is_made_and_taken_back(real: World) -> None:
    template(real)
    people = People(real)
    user = people.user("Ida@plot.test")
    tenant = people.tenant(user)
    revision = people.install(user, tenant).revision
    assert revision is not None
    assert [line[2:4] for line in people.known(tenant)] == [
        ("auth_user_id", user), ("email", "ida@plot.test"),
    ]  # fmt: skip
    assert people.plan(user, tenant).empty
    real.apply(library.plan_undo(real.dsn, revision, actor=user))
    assert people.known(tenant) == []
