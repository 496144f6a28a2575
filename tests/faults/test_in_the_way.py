"""Deadlocks and serialization failures: tried again, preconditions and all, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from reconciler import planfile
from reconciler.cli import main
from tests.fixtures.cut import alone, behind, dump, everything
from tests.fixtures.shown import depth
from tests.fixtures.world import World
from tests.test_races import deadlocks

OWN = "UPDATE entity_types SET name = 'Own' WHERE organization_id = %s AND slug = 'account'"
THEIRS = "SELECT FROM reconcile.target WHERE organization_id = %s FOR UPDATE"
# A platform's trigger that fails a number of times: a sequence is not rolled back.
FAILING = """
CREATE SEQUENCE tries;
CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {} THEN
        RAISE SQLSTATE '40001' USING MESSAGE = 'could not serialize';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER failing BEFORE INSERT ON entity_types
FOR EACH STATEMENT EXECUTE FUNCTION failing();
"""


@pytest.fixture
def run(
    shared_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[Any], tuple[int, str, str]]:
    """Apply a plan by the command line: the exit code, the result, and what is said beside it."""

    def run(plan: Any) -> tuple[int, str, str]:
        planfile.save(plan, tmp_path / "plan.json")
        words = ["apply", str(tmp_path / "plan.json"), "--database-url", shared_world.dsn]
        return (main(words), *capsys.readouterr())

    return run


@contextmanager
def in_the_way(world: World, target: str, *, always: bool) -> Iterator[psycopg.Connection[Any]]:
    """A session that holds a row which the apply needs, and wants what the apply holds.

    The apply is the one that finds the deadlock. Then this one commits, or else goes on so.
    """
    over, name = Event(), world.connection.info.dbname
    world.sql(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '200ms'")
    with psycopg.connect(world.dsn, options="-c deadlock_timeout=20s") as other:
        other.execute(OWN, (target,))

        def want() -> None:
            while not over.is_set():
                other.execute("SAVEPOINT before")
                began = time.monotonic()
                other.execute(THEIRS, (target,))
                waited = time.monotonic() - began
                if not always and waited > 0.1:
                    other.commit()
                    return
                other.execute("ROLLBACK TO before")
                time.sleep(0.02)
            other.rollback()

        thread = Thread(target=want)
        thread.start()
        try:
            yield other
        finally:
            over.set()
            thread.join()
            world.sql(f'ALTER DATABASE "{name}" RESET deadlock_timeout')


@pytest.mark.shows(
    "a deadlock with a session that then commits a change of the row",
    "the apply is tried again, and its preconditions with it: stale, exit code 4",
)
def test_after_a_deadlock_the_preconditions_are_asked_again(
    shared_world: World, small_template: str, run: Callable[[Any], tuple[int, str, str]]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    before = deadlocks(world)
    with in_the_way(world, target, always=False):
        code, out, err = run(plan)
    assert deadlocks(world) == before + 1
    assert (code, out) == (4, "")
    assert f"entity_type.account in {target.removeprefix('org_')}" in err
    assert "Nothing was written." in err
    alone(world)


@pytest.mark.shows(
    "a session that causes a deadlock again and again",
    "three tries, then exit code 5 and nothing written; the same plan can be applied later",
)
def test_a_deadlock_that_comes_back_is_given_up(
    shared_world: World, small_template: str, run: Callable[[Any], tuple[int, str, str]]
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    before, rows = deadlocks(world), dump(world)
    with in_the_way(world, target, always=True) as other:
        code, out, err = run(plan)
        alone(world, but=other.info.backend_pid)
    assert deadlocks(world) == before + 3
    assert (code, out) == (5, "")
    assert "other writers kept getting in the way: deadlock detected; nothing was written" in err
    assert "Try again when the database is less busy." in err
    assert dump(world) == rows
    assert run(plan)[0] == 0
    assert everything(world, target, plan)


@pytest.mark.parametrize(("fails", "code"), [(3, 5), (2, 0)][: depth(1, 2)])
@pytest.mark.shows(
    "a serialization failure, twice and three times",
    "tried again; after the third, exit code 5 and nothing written",
)
def test_a_serialization_failure_is_tried_again(
    shared_world: World,
    small_template: str,
    run: Callable[[Any], tuple[int, str, str]],
    fails: int,
    code: int,
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    rows = dump(world)
    world.sql(FAILING.format(fails))
    try:
        ended, _, err = run(plan)
        assert ended == code
        alone(world)
        assert world.sql("SELECT last_value FROM tries") == [(3,)]
        if code:
            assert "other writers kept getting in the way: could not serialize" in err
            assert dump(world) == rows
            assert run(plan)[0] == 0
        assert everything(world, target, plan)
    finally:
        world.sql("DROP FUNCTION failing CASCADE")
        world.sql("DROP SEQUENCE tries")
