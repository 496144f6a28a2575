"""The server crashes in the midst of an apply: after its recovery, all or nothing is there."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.database import embedded
from reconciler.database.embedded import Server
from tests.fixtures.cut import alone, between_statements, dump
from tests.fixtures.embedded import eventually, lives
from tests.fixtures.private import peopled
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

# Between two statements of an apply; the last one is never come to, so it is after the COMMIT.
POINTS = (*range(1, 58, 4), 1000)
pytestmark = pytest.mark.skipif(not depth(0, 1), reason="a server of its own; in `make trust`")


class Crashing:
    """A server that keeps its rows, and what may happen to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server: Server = embedded.start(directory)
        with peopled(self.server):
            pass

    @contextmanager
    def world(self) -> Iterator[World]:
        """Its database, on a connection that no crash has ended."""
        dsn = self.server.dsn("world")
        with psycopg.connect(dsn, autocommit=True) as connection:
            yield World(dsn, connection)

    def kill_backend(self, connection: psycopg.Connection[Any]) -> None:
        """The postmaster then ends all others, and recovers."""
        os.kill(connection.info.backend_pid, signal.SIGKILL)

    def shut_down(self, _: psycopg.Connection[Any]) -> None:
        """At once, without a checkpoint; and somebody starts it again."""
        os.kill(self.server.pid, signal.SIGQUIT)
        assert eventually(lambda: not lives(self.server.pid))
        self.server = embedded.start(self.directory)


@pytest.fixture(scope="module")
def crashing() -> Iterator[Crashing]:
    directory = Path(tempfile.mkdtemp(prefix="crash", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield Crashing(directory / "server")
    finally:
        embedded.stop(directory / "server")
        shutil.rmtree(directory)


def at(point: int, crash: Callable[[psycopg.Connection[Any]], None]) -> Any:
    """Crash at the n-th point between two statements; the last one is after the COMMIT."""
    passed, done = count(1), False

    def step(connection: psycopg.Connection[Any], what: object) -> None:
        nonlocal done
        number = next(passed)
        if not done and (number == point or what == b"COMMIT"):
            done = True
            if what == b"COMMIT":
                connection.pgconn.exec_(b"COMMIT")
            crash(connection)

    return step


@pytest.mark.parametrize("how", ["kill_backend", "shut_down"])
@pytest.mark.shows(
    "kill -9 of a backend, and an immediate shutdown, at statement n of an apply",
    "after recovery all or nothing is there, as was said; the next run succeeds",
)
def test_what_a_crash_leaves_is_whole_or_nothing(
    crashing: Crashing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variants: Variants,
    how: str,
) -> None:
    path, said = tmp_path / "plan.json", []
    for point in POINTS:
        with crashing.world() as world:
            target = world.organization()
            plan = world.plan(target)
            before = dump(world)
        planfile.save(plan, path)
        with between_statements(at(point, getattr(crashing, how))):
            code = main(["apply", str(path), "--database-url", crashing.server.dsn("world")])
        out, err = capsys.readouterr()
        assert eventually(lambda: _answers(crashing), 30)
        with crashing.world() as world:
            alone(world)
            said.append(code)
            if code == 0:
                assert out.startswith("Apply complete!")
            else:
                assert (code, out) == (1, "")
                assert "othing was written" in err
                assert dump(world) == before
                assert world.apply(plan).status == "applied"
            assert world.apply(plan).status == "already_applied"
            assert world.plan(target).empty
        variants.add()
    assert set(said) == {0, 1}


def _answers(crashing: Crashing) -> bool:
    try:
        with crashing.world() as world:
            return world.sql("SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False
