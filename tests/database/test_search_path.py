"""Which catalogs a template reads, and in which order."""

from __future__ import annotations

import pytest

from reconciler.database.connection import session, transaction
from reconciler.database.search_path import references_of
from reconciler.database.templates import find_template
from reconciler.model.catalog import Reference
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.world import World


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    return gathered(shared_world)


def read(catalogs: Catalogs) -> tuple[Reference, ...]:
    """What the template reads."""
    with session(catalogs.world.dsn) as connection, transaction(connection, read_only=True):
        return references_of(connection, find_template(connection, catalogs.agent))


def slugs(catalogs: Catalogs) -> list[str]:
    (reference,) = read(catalogs)
    return [one.organization.id for one in reference.catalogs if one.public]


def test_they_are_read_in_the_order_of_their_positions(catalogs: Catalogs) -> None:
    first, second, third, fourth = (catalogs.catalog() for _ in range(4))
    catalogs.uses(third, position="last")
    catalogs.uses(second, position=2)
    catalogs.uses(first, position=1.5)
    catalogs.uses(fourth)
    assert slugs(catalogs) == [first, second, third, fourth]
    catalogs.uses(first, position=7)
    assert slugs(catalogs) == [first, second, third, fourth]


def test_what_is_gone_is_not_read(catalogs: Catalogs) -> None:
    kept, dropped, private, emptied = (catalogs.catalog() for _ in range(4))
    for catalog in (kept, private, emptied):
        catalogs.uses(catalog)
    relationship = catalogs.uses(dropped)
    sql = catalogs.world.sql
    sql("UPDATE entity_relationships SET deleted_at = now() WHERE id = %s", relationship)
    sql("UPDATE organization SET visibility = 'private' WHERE id = %s", private)
    sql("UPDATE entities SET deleted_at = now() WHERE organization_id = %s", emptied)
    (reference,) = read(catalogs)
    assert [(one.organization.id, one.public) for one in reference.catalogs] == [
        (kept, True),
        (private, False),
    ]


def test_a_stranger_cannot_put_a_catalog_on_the_path(catalogs: Catalogs) -> None:
    own, strange = catalogs.catalog(), catalogs.catalog()
    catalogs.uses(own)
    catalogs.uses(strange, by=strange, position=0)
    assert slugs(catalogs) == [own]


def test_of_several_the_entity_that_names_the_agent_counts(catalogs: Catalogs) -> None:
    of = catalogs.world.sql("SELECT entity_type_id FROM entities WHERE id = %s", catalogs.entity)
    catalogs.thing(catalogs.home, of[0][0], "another", metadata='{"agent_id": "agent_other"}')
    assert [one.entity_id for one in read(catalogs)] == [catalogs.entity]
    catalogs.thing(catalogs.home, of[0][0], "rival")
    assert len(read(catalogs)) == 2


def test_only_catalogs_are_read_where_the_platform_tells_them_apart(catalogs: Catalogs) -> None:
    catalog, community, unknown = (catalogs.catalog() for _ in range(3))
    catalogs.uses(catalog)
    catalogs.uses(community)
    catalogs.uses(unknown)
    catalogs.world.sql("ALTER TABLE organization ADD COLUMN kind text")
    try:
        sql = "UPDATE organization SET kind = %s WHERE id = %s"
        catalogs.world.sql(sql, "public_catalog", catalog)
        catalogs.world.sql(sql, "community", community)
        assert slugs(catalogs) == [catalog]
    finally:
        catalogs.world.sql("ALTER TABLE organization DROP COLUMN kind")
