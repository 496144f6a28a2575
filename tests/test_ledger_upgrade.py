"""The ledger of an earlier release, brought up to date in place; and one of a later release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from reconciler import library, planfile
from reconciler.cli import main
from reconciler.database.embedded import Server
from reconciler.database.opening import LEDGER_VERSION
from reconciler.demo.seed import create_tables
from reconciler.errors import NotInitialisedError
from reconciler.model.revision import Revision
from tests.fixtures.world import World, copied, prepared

LEDGER = Path(__file__).parents[1] / "schemas" / "ledger"
VERSION = "SELECT value FROM reconcile.setting WHERE name = 'ledger_version'"
SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable ||
       coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'reconcile'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'reconcile'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'reconcile'::regnamespace AND contype <> 'n'
UNION ALL SELECT * FROM (SELECT 'setting', name, value FROM reconcile.setting) AS s
ORDER BY 1, 2, 3"""
NOW = [f"ledger (schema reconcile), version {LEDGER_VERSION}"]
UPGRADED = [f"{NOW[0]}, upgraded from version 1"]


def migration(name: str) -> bytes:
    return (LEDGER / name).read_bytes()


def down(connection: psycopg.Connection[Any]) -> None:
    """Back to the first version."""
    for number in range(LEDGER_VERSION, 1, -1):
        connection.execute(migration(f"{number:04}.down.sql"))


def told(world: World) -> tuple[Revision, ...]:
    return library.history(world.dsn)


@pytest.fixture(scope="module")
def older_database(server: Server, seeded: str) -> Iterator[str]:
    """To copy from: a ledger of the first version."""
    with prepared(server, seeded, _live) as name:
        yield name


@pytest.fixture
def older(server: Server, older_database: str) -> Iterator[World]:
    """A world whose ledger is of the first version, and tells of two revisions."""
    yield from copied(server, older_database)


def _live(world: World) -> None:
    world.install("acme", "birch")
    world.sql("UPDATE entity_types SET color = 'New' WHERE organization_id = 'org_public_finance'")
    world.install("birch")
    # The first version's plans had their targets as objects, and a later one's have a table.
    _, plan = library.revision(world.dsn, 1)
    earlier = plan.written() | {"targets": [one.model_dump() for one in plan.targets]}
    text = planfile.text_of(earlier)
    world.sql("UPDATE reconcile.revision SET plan = %s WHERE id = 1", text)
    down(world.connection)


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the platform and of the ledger, with their versions."""
    found = world.dump(with_versions=True)
    for table in ("setting", "revision", "target", "content", "placement"):
        found[table] = world.sql(f"SELECT t::text, xmin::text FROM reconcile.{table} t ORDER BY 1")
    return found


def test_the_last_migration_has_the_number_that_the_program_knows() -> None:
    numbers = sorted(int(path.name[:4]) for path in LEDGER.glob("*.up.sql"))
    assert numbers == list(range(1, LEDGER_VERSION + 1))
    assert len(list(LEDGER.glob("*.down.sql"))) == LEDGER_VERSION


def test_an_older_ledger_is_upgraded_in_place(older: World) -> None:
    for call in (lambda: older.plan("birch"), lambda: told(older)):
        with pytest.raises(NotInitialisedError) as caught:
            call()
        assert caught.value.message == (
            f"the ledger has version 1, and this program needs {LEDGER_VERSION}"
        )
        assert "reconcile init" in caught.value.hint
        assert "in place" in caught.value.hint
    rows = "SELECT id, plan_id, plan::text, counts::text FROM reconcile.revision ORDER BY 1"
    before = older.sql(rows)
    assert library.init(older.dsn) == UPGRADED
    assert older.sql(rows) == before
    second, first = told(older)
    assert (first.what, first.targets, first.template_name) == ("install", 2, "Personal Finance")
    assert (first.template_organization_slug, first.actor.label) == (
        "public-finance",
        "ana@acme.test",
    )
    assert (second.what, second.targets, second.undoes) == ("sync", 1, None)
    assert library.history(older.dsn, "acme") == (first,)
    assert older.plan("acme", skip=["entity_type.transaction"], template="agent_pf").empty is False
    assert older.plan("birch").empty
    assert older.sql("SELECT DISTINCT state, kept FROM reconcile.placement") == [("placed", [])]
    assert older.install("acme").revision == 3
    assert library.revision(older.dsn, 1)[1].plan_id == first.plan_id
    assert library.history(older.dsn, "acme")[0].number == 3


def test_an_upgraded_ledger_is_like_a_new_one(older: World, server: Server) -> None:
    dsn = server.create_database("fresh_ledger")
    try:
        with psycopg.connect(dsn, autocommit=True) as fresh:
            create_tables(fresh)
            fresh.execute(migration("0001.up.sql"))
            assert older.sql(SHAPE) == fresh.execute(SHAPE).fetchall()
            assert library.init(fresh)[-1:] == UPGRADED
            library.init(older.dsn)
            assert older.sql(SHAPE) == fresh.execute(SHAPE).fetchall()
            down(fresh)
            fresh.execute(migration("0001.down.sql"))
            assert library.init(fresh) == NOW
            assert older.sql(SHAPE) == fresh.execute(SHAPE).fetchall()
    finally:
        server.drop_database("fresh_ledger")


def test_an_init_that_finds_everything_writes_nothing(older: World) -> None:
    assert library.init(older.dsn) == UPGRADED
    before = everything(older)
    assert library.init(older.dsn) == []
    assert everything(older) == before


def test_the_printed_script_upgrades_and_is_safe_to_repeat(older: World) -> None:
    script = library.init_script()
    assert script.index("ADD COLUMN IF NOT EXISTS kept") > script.index("reconcile.placement (")
    older.connection.execute(script.encode())
    assert older.sql(VERSION) == [(str(LEDGER_VERSION),)]
    before, shape = everything(older), older.sql(SHAPE)
    for _ in range(2):
        older.connection.execute(script.encode())
    assert everything(older) == before
    assert older.sql(SHAPE) == shape
    assert len(told(older)) == 2
    assert library.init(older.dsn) == []
    # On a later ledger, it takes nothing back.
    older.sql("UPDATE reconcile.setting SET value = '99' WHERE name = 'ledger_version'")
    older.connection.execute(script.encode())
    assert older.sql(VERSION) == [("99",)]


def test_of_two_upgrades_at_once_one_finds_nothing_to_do(older: World) -> None:
    done: list[list[str]] = []
    threads = [Thread(target=lambda: done.append(library.init(older.dsn))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], UPGRADED]


def test_a_plan_that_postgresql_cannot_look_into_is_upgraded_as_well(older: World) -> None:
    """Escapes of a NUL and of half a pair, beside texts that only look like them."""
    odd = r'"\\u0000", "\u0000", "\\\u0000", "\ud800x", "\udead\\ud801", "\u2028\u00e9"'
    older.sql(
        "UPDATE reconcile.revision SET plan = (regexp_replace(plan::text, '^{', "
        "replace('{\"odd\": [' || %s || '], ', '\\', '\\\\')))::json",
        odd,
    )
    (before,) = older.sql("SELECT plan::text FROM reconcile.revision WHERE id = 1")
    assert r'"\\\u0000", "\ud800x"' in before[0]
    library.init(older.dsn)
    assert [(one.targets, one.what) for one in told(older)] == [(1, "sync"), (2, "install")]
    assert older.sql("SELECT plan::text FROM reconcile.revision WHERE id = 1") == [before]


def test_a_newer_ledger_is_refused_and_never_downgraded(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.sql("UPDATE reconcile.setting SET value = '99' WHERE name = 'ledger_version'")
    before = everything(world)
    for command in (["init"], ["history"], ["plan", "personal-finance", "--target", "birch"]):
        assert main([*command, "--database-url", world.dsn]) == 1
        err = capsys.readouterr().err
        assert re.search(r"the ledger has version 99, and this release knows \d", err)
        assert "newer release" in err
        assert "never downgraded" in err
    assert everything(world) == before


def test_the_way_down_forgets_only_what_the_first_version_cannot_say(older: World) -> None:
    library.init(older.dsn)
    before = told(older)
    for _ in range(2):
        down(older.connection)
        assert older.sql(VERSION) == [("1",)]
    assert library.init(older.dsn) == UPGRADED
    assert told(older) == before
