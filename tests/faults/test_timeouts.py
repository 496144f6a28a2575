"""Time-outs that an administrator has set: exit code 5 or 1, nothing written, nothing left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from reconciler import planfile
from reconciler.cli import main
from tests.fixtures.cut import alone, behind, between_statements, dump, everything
from tests.fixtures.shown import depth
from tests.fixtures.world import World

HOW = pytest.mark.parametrize("where", ["ROLE", "DATABASE"][: depth(1, 2)])


@contextmanager
def setting(world: World, where: str, name: str, value: str) -> Iterator[None]:
    """A setting of all new sessions of this database, or of this role in it."""
    database = world.connection.info.dbname
    role = f"ROLE {world.connection.info.user} IN DATABASE" if where == "ROLE" else "DATABASE"
    world.sql(f"ALTER {role} \"{database}\" SET {name} = '{value}'")
    try:
        yield
    finally:
        world.sql(f'ALTER {role} "{database}" RESET {name}')


@HOW
@pytest.mark.shows(
    "statement_timeout of the role or the database ends a statement of an apply",
    "exit code 5; nothing is written, and the same plan can be applied",
)
def test_a_statement_that_takes_too_long_is_ended(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    target, plan = behind(world, small_template)
    planfile.save(plan, path)
    before = dump(world)
    with setting(world, where, "statement_timeout", "400ms"):
        with psycopg.connect(world.dsn) as busy:
            busy.execute("LOCK TABLE entity_types")
            assert main(["apply", str(path), "--database-url", world.dsn]) == 5
            alone(world, but=busy.info.backend_pid)
        out, err = capsys.readouterr()
        assert out == ""
        assert "canceling statement due to statement timeout; nothing was written" in err
        assert "raise statement_timeout" in err
        assert dump(world) == before
    assert world.apply(plan).status == "applied"
    assert everything(world, target, plan)


@HOW
@pytest.mark.shows(
    "lock_timeout of the role or the database is shorter than -lock-timeout, or none",
    "an apply waits as long as it was told to, then exit code 5",
)
@pytest.mark.parametrize("set_to", ["1ms", "0"][: depth(1, 2)])
def test_the_lock_timeout_is_the_commands_own(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
    set_to: str,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    _, plan = behind(world, small_template)
    planfile.save(plan, path)
    before = dump(world)
    with setting(world, where, "lock_timeout", set_to), psycopg.connect(world.dsn) as busy:
        busy.execute("LOCK TABLE entity_relationship_types IN SHARE ROW EXCLUSIVE MODE")
        began = time.monotonic()
        words = ["apply", str(path), "-lock-timeout=400ms", "--database-url", world.dsn]
        assert main(words) == 5
        assert time.monotonic() - began > 0.4
        alone(world, but=busy.info.backend_pid)
    out, err = capsys.readouterr()
    assert out == ""
    assert "another writer holds a lock" in err
    assert "othing was written" in err
    assert dump(world) == before
    assert world.apply(plan).status == "applied"


@HOW
@pytest.mark.shows(
    "idle_in_transaction_session_timeout of a few milliseconds, and a client that is slow",
    "an apply has a minute between two statements, whatever the role has",
)
def test_a_slow_client_is_not_taken_for_an_idle_one(
    shared_world: World, small_template: str, where: str
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)

    def slow(_: object, what: object) -> None:
        if what == b"answered":
            time.sleep(0.15)

    with (
        setting(world, where, "idle_in_transaction_session_timeout", "50ms"),
        between_statements(slow),
    ):
        assert world.apply(plan).status == "applied"
    assert everything(world, target, plan)
