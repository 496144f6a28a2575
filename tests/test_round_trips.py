"""The number of round trips depends on the kinds, never on rows or targets."""

from __future__ import annotations

import psycopg
import pytest

from reconciler import library
from tests.fixtures.catalogs import gathered
from tests.fixtures.world import World, shipped_to_birch


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every wait for the server: a pipeline is one, and so is a statement outside of one."""
    seen: list[str] = []
    pipeline, execute = psycopg.Connection.pipeline, psycopg.Connection.execute

    def counted_pipeline(self):
        seen.append("pipeline")
        return pipeline(self)

    def counted_execute(self, query, *args, **options):
        seen.append(str(query))
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "pipeline", counted_pipeline)
    monkeypatch.setattr(psycopg.Connection, "execute", counted_execute)
    return seen


def test_an_install_makes_as_many_round_trips_for_one_target_as_for_twenty(
    shared_world: World, trips: list[str]
) -> None:
    counted = []
    for number in (1, 20):
        targets = [shared_world.organization() for _ in range(number)]
        with psycopg.connect(shared_world.dsn, autocommit=True) as connection:
            del trips[:]
            plan = library.plan(connection, "personal-finance", targets, actor="user_ana")
            assert library.apply(connection, plan).status == "applied"
            counted.append(len(trips))
            del trips[:]
            plan = library.plan(connection, "personal-finance", targets, actor="user_ana")
            assert plan.empty
            assert plan.unchanged == sum(shipped_to_birch().values()) * number
            counted.append(len(trips))
    first, again, many, many_again = counted
    assert (first, again) == (many, many_again)
    assert first <= 14


def test_a_vocabulary_is_read_in_one(shared_world: World, trips: list[str]) -> None:
    catalogs = gathered(shared_world)
    tenant = catalogs.tenant()
    with psycopg.connect(shared_world.dsn) as connection:
        for number in range(3):
            catalog = catalogs.catalog()
            catalogs.uses(catalog)
            for slug in ("a", "b", "c"):
                catalogs.type(catalog, slug)
            agent = catalogs.installed(tenant)
            del trips[:]
            for name in (tenant, agent):
                assert len(library.vocabulary(connection, name).path) == number + 2
            assert trips == ["pipeline", "pipeline"]
