"""Ids of new rows, where the platform takes MAX(id) + 1 and leaves the sequences behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from reconciler.applier import ids
from tests.fixtures.publisher import Publisher
from tests.fixtures.world import World

# Every table that gets rows, with what a row of a stranger's own needs; `{n}` makes it another one.
TABLES = {
    "entity_types": "slug, name, organization_id) SELECT i, 's' || {n}, 's', 'org_birch'",
    "entity_relationship_types":
        "slug, name, organization_id) SELECT i, 's' || {n}, 's', 'org_birch'",
    "entity_relationship_type_rules": "relationship_type_id, source_entity_type_slug, "
        "target_entity_type_slug) SELECT i, (SELECT max(id) FROM entity_relationship_types "
        "WHERE organization_id = 'org_birch'), 's' || {n}, 's'",
    "view_templates": "slug, name, organization_id) SELECT i, 's' || {n}, 's', 'org_birch'",
    "view_template_versions": "view_template_id, version, layout) SELECT i, 1, 9 + {n}, '{{}}'",
    "watchers": "slug, organization_id, created_by, watcher_group_id) "
        "SELECT i, 's' || {n}, 'org_birch', 'user_ana', i",
    "watcher_versions": "watcher_id, version, name, prompt, extraction_schema, "
        "required_source_types, recommended_source_types, created_by) "
        "SELECT i, 1, 9 + {n}, 's', 's', '{{}}', '{{}}', '{{}}', 'user_ana'",
    "event_classifiers": "slug, name, attribute_key, organization_id, created_by) "
        "SELECT i, 's' || {n}, 's', 's', 'org_birch', 'user_ana'",
    "event_classifier_versions": "classifier_id, version, attribute_values, created_by) "
        "SELECT i, 1, 9 + {n}, '[]', 'user_ana'",
}  # fmt: skip


def take(connection: psycopg.Connection[Any], table: str, beyond: int = 1) -> None:
    """A row of somebody else's, with an id of its own beyond the largest, as the platform does."""
    connection.execute(
        f"INSERT INTO {table} (id, {TABLES[table].format(n='i')} "
        f"FROM (SELECT max(id) + {beyond} AS i FROM {table}) AS m"
    )


def complete(world: World, organization: str) -> None:
    """The tenant has what the template has, each row with an id that nobody else has."""
    count = "SELECT count(*) FROM {} WHERE organization_id = %s"
    for table in TABLES:
        assert world.sql(f"SELECT count(*) - count(DISTINCT id) FROM {table}") == [(0,)]
    for table in ("entity_relationship_types", "watchers", "view_templates"):
        ours = world.sql(count.format(table), organization)
        assert ours == world.sql(count.format(table), "org_public_finance")
    assert world.sql(
        "SELECT count(*) FROM watchers WHERE organization_id = %s AND current_version_id IS NULL",
        organization,
    ) == [(0,)]
    plan = world.plan(organization)
    assert (plan.changes, plan.conflicts) == ((), ())


def test_rows_with_ids_beyond_the_sequence_are_in_nobodys_way(world: World) -> None:
    for table in TABLES:
        for _ in range(3):
            take(world.connection, table)
    before = world.dump(*TABLES, with_versions=True)
    first, second = world.organization(), world.organization()
    world.apply(world.plan(first))
    complete(world, first)
    # The platform goes on in its own way, and so do we.
    for table in TABLES:
        take(world.connection, table, 50_000)
        take(world.connection, table)
    world.apply(world.plan(second))
    complete(world, second)
    after = world.dump(*TABLES, with_versions=True)
    for table, rows in before.items():
        assert set(rows) <= set(after[table])


def test_one_id_at_the_end_of_its_type_does_not_hold_everybody_up(world: World) -> None:
    world.sql(f"ALTER DATABASE \"{world.connection.info.dbname}\" SET statement_timeout = '4s'")
    publisher = Publisher.open(world)
    row = {"slug": "c", "name": "c", "attribute_key": "c", "created_by": "user_ana"}
    for place in ({"organization_id": publisher.public},
                  {"organization_id": "org_birch", "id": 2**31 - 1000}):  # fmt: skip
        made = world.insert("event_classifiers", **row, **place)
        world.insert("event_classifier_versions", classifier_id=made, version=1, is_current=True,
                     attribute_values=[], created_by="user_ana")  # fmt: skip
    assert publisher.install().counts["classifier"] == {"create": 1}


def test_a_sequence_that_was_never_called(world: World) -> None:
    for table in TABLES:
        ((sequence,),) = world.sql("SELECT pg_get_serial_sequence(%s, 'id')", table)
        world.sql(f"ALTER SEQUENCE {sequence} RESTART")
        assert world.sql("SELECT pg_sequence_last_value(%s)", sequence) == [(None,)]
    organization = world.organization()
    world.apply(world.plan(organization))
    complete(world, organization)


def test_a_sequence_that_is_ahead_stays_ahead(world: World) -> None:
    """It may have handed out ids to transactions that are not committed yet."""
    for table in TABLES:
        world.sql("SELECT setval(pg_get_serial_sequence(%s, 'id'), 70000)", table)
    organization = world.organization()
    world.apply(world.plan(organization))
    complete(world, organization)
    for table in TABLES:
        ((largest, last),) = world.sql(
            f"SELECT max(id), pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')) "
            f"FROM {table}"
        )
        assert 70000 < largest <= last


@pytest.mark.parametrize("emptied", [False, True])
def test_tables_whose_ids_have_no_default_at_all(world: World, emptied: bool) -> None:
    for table in TABLES:
        world.sql(f"ALTER TABLE {table} ALTER id DROP DEFAULT")
        world.sql(f"DROP SEQUENCE IF EXISTS {table}_id_seq")
    if emptied:
        world.sql("DELETE FROM event_classifiers; UPDATE watchers SET current_version_id = NULL; "
                  "DELETE FROM watchers")  # fmt: skip
        public = world.sql("SELECT id FROM organization WHERE slug = 'public-finance'")[0][0]
        world.insert("event_classifiers", id=-5, slug="c", name="c", attribute_key="c",
                     organization_id=public, created_by="user_ana")  # fmt: skip
        world.insert("event_classifier_versions", id=-5, classifier_id=-5, version=1,
                     is_current=True, attribute_values=[], created_by="user_ana")  # fmt: skip
    first, second = world.organization(), world.organization()
    world.apply(world.plan(first, second))
    complete(world, first)
    complete(world, second)


def test_identity_columns_that_take_ids_and_that_refuse_them(world: World) -> None:
    for table, how in (("event_classifiers", "ALWAYS"), ("watchers", "BY DEFAULT")):
        world.sql(f"ALTER TABLE {table} ALTER id DROP DEFAULT")
        world.sql(f"DROP SEQUENCE {table}_id_seq")
        world.sql(f"ALTER TABLE {table} ALTER id ADD GENERATED {how} AS IDENTITY")
    world.sql("SELECT setval(pg_get_serial_sequence('event_classifiers', 'id'), 20)")
    organization = world.organization()
    world.apply(world.plan(organization))
    complete(world, organization)


@contextmanager
def overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Each time that ids were drawn, the platform takes the next of every table and commits."""
    taken: list[int] = []
    draw = ids._drawing
    with psycopg.connect(world.dsn, autocommit=True) as other:

        def first(*arguments: Any, **named: Any) -> ids.Drawing:
            drawn = draw(*arguments, **named)
            taken.append(1)
            for table in TABLES:
                take(other, table)
            return drawn

        monkeypatch.setattr(ids, "_drawing", first)
        yield taken


@pytest.mark.parametrize("default", [True, False], ids=["sequences", "no sequences"])
def test_an_id_that_the_platform_takes_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, default: bool
) -> None:
    if not default:
        for table in TABLES:
            world.sql(f"ALTER TABLE {table} ALTER id DROP DEFAULT")
    organization = world.organization()
    plan = world.plan(organization)
    with overtaken(world, monkeypatch) as taken:
        assert world.apply(plan).status == "applied"
    assert taken
    complete(world, organization)


@contextmanager
def busy(work: Callable[[psycopg.Connection[Any], int], None], dsn: str) -> Iterator[list[int]]:
    """Somebody else works without a pause; the list grows with every turn."""
    done: list[int] = []
    stop = threading.Event()

    def turns() -> None:
        with psycopg.connect(dsn, autocommit=True) as other:
            while not stop.is_set():
                try:
                    work(other, len(done))
                    done.append(1)
                except psycopg.errors.UniqueViolation:
                    # MAX(id) + 1 is nobody's promise: the platform tries again, as it always has.
                    continue

    thread = threading.Thread(target=turns)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def test_applies_while_the_platform_takes_ids_without_a_pause(shared_world: World) -> None:
    publisher = Publisher.open(shared_world)
    watcher = publisher.watcher()
    versions = {number: publisher.version(watcher, number, current=False) for number in range(2, 8)}
    tables = ("watchers", "watcher_versions")

    def work(other: psycopg.Connection[Any], turn: int) -> None:
        take(other, tables[turn % 2])

    with busy(work, shared_world.dsn) as done:
        for number, version in versions.items():
            publisher.point(watcher, version, number)
            assert publisher.install().status == "applied"
            assert publisher.found()["version"] == number
            publisher.tenant = shared_world.organization()
    assert len(done) > 10
    for table in tables:
        assert shared_world.sql(f"SELECT count(*) - count(DISTINCT id) FROM {table}") == [(0,)]
