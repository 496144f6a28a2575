"""A vocabulary in databases of any release, by roles of little right, on any connection."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import reconciler
from reconciler import library
from reconciler.errors import (
    HiddenRowsError,
    NotFoundError,
    NotInitialisedError,
    SchemaMismatchError,
)
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.roles import run
from tests.fixtures.world import World
from tests.test_vocabulary import entry, only, read


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


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


def test_what_a_reader_is_granted_is_enough(world: World) -> None:
    catalogs = gathered(world)
    catalog, tenant = catalogs.catalog(), catalogs.tenant()
    catalogs.uses(catalog, position=1)
    catalogs.uses(catalogs.home)
    agent = catalogs.installed(tenant)
    catalogs.type(catalog, "account")
    role = f"boots_{tenant}"
    run(world.dsn, library.grants(world.dsn, "reader", to=role))
    world.sql(f"ALTER ROLE {role} LOGIN")
    dsn = make_conninfo(world.dsn, user=role)
    try:
        found = reconciler.vocabulary(dsn, agent)
        assert entry(found, "account").organization.id == catalog
        plan = library.plan(dsn, catalogs.agent, [tenant], actor="user_ana", convert="reference")
        assert plan.empty
        plan = library.plan(dsn, catalogs.agent, [tenant], actor="user_ana", convert="copy")
        assert not plan.conflicts
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
