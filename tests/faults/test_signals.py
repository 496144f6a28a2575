"""Told to end: what is in progress is rolled back, what is done is said, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler import planfile
from reconciler.cli import main
from tests.fixtures.cut import alone, behind, dump, everything, in_a_child
from tests.fixtures.embedded import clean_environment, eventually
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SIGNALS = pytest.mark.parametrize(
    "told", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP][: depth(1, 3)]
)
COMMAND = "import sys; from reconciler.cli import main; sys.exit(main())"
WAITING = """SELECT count(*) > 0 FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def command(*words: str) -> int:
    """How the command line ends, in a process that then ends, too."""
    code = main(words)
    sys.stdout.flush()
    os._exit(code)


def signalled_at(point: int, told: signal.Signals) -> Callable[[Any, object], None]:
    """At the n-th point between two statements, this process gets a signal."""
    passed = count(1)

    def step(connection: psycopg.Connection[Any], what: object) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), told)

    return step


@SIGNALS
@pytest.mark.shows(
    "SIGINT, SIGTERM or SIGHUP at statement n of an apply",
    "rolled back and said so, or applied and said so; no transaction stays open",
)
def test_an_apply_that_is_told_to_end_says_what_became_of_it(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    variants: Variants,
    told: signal.Signals,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    target, plan = behind(world, small_template)
    planfile.save(plan, path)
    before = dump(world)
    applied = 0
    for point in count(depth(2, 1), depth(25, 1)):
        words = ("apply", str(path), "--database-url", world.dsn)
        code = in_a_child(lambda: command(*words), signalled_at(point, told))  # noqa: B023
        out, err = capfd.readouterr()
        alone(world)
        variants.add()
        assert "Traceback" not in err
        if code == 0:
            applied = point
            assert out.startswith("Apply complete!")
            break
        assert (code, out, err.strip()) == (1, "", "Interrupted. Nothing was written.")
        assert dump(world) == before
    assert applied > 40
    assert everything(world, target, plan)


@SIGNALS
@pytest.mark.shows(
    "SIGINT, SIGTERM or SIGHUP after COMMIT was answered", "it is said that the plan is applied"
)
def test_what_is_committed_is_never_said_to_be_undone(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    told: signal.Signals,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    target, plan = behind(world, small_template)
    planfile.save(plan, path)
    close = psycopg.Connection.close

    def ending(self: psycopg.Connection[Any]) -> None:
        close(self)
        os.kill(os.getpid(), told)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "close", ending)
        code = main(["apply", str(path), "--database-url", world.dsn])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out.startswith("Apply complete!")
    assert everything(world, target, plan)


@SIGNALS
@pytest.mark.parametrize(
    "words", [("apply", "-auto-approve"), ("plan", "--out", "plan.json")][: depth(1, 2)]
)
@pytest.mark.shows(
    "SIGINT, SIGTERM or SIGHUP to a process that waits for the database",
    "it ends at once with exit code 1; no file, process or transaction is left",
)
def test_a_process_that_waits_ends_when_it_is_told_to(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    words: tuple[str, ...],
    told: signal.Signals,
) -> None:
    world, target = shared_world, shared_world.organization()
    before = dump(world)
    with psycopg.connect(world.dsn) as busy:
        busy.execute("LOCK TABLE entity_types")
        verb, *options = words
        ran = subprocess.Popen(
            [sys.executable, "-c", COMMAND, verb, small_template, "--target", target,
             "--as", "user_ana", *options, "--database-url", world.dsn],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        try:
            assert eventually(lambda: world.sql(WAITING) == [(True,)], 30)
            ran.send_signal(told)
            out, err = ran.communicate(timeout=20)
        finally:
            ran.kill()
            ran.communicate()
        assert (ran.returncode, out) == (1, "")
        assert err.strip() == "Interrupted. Nothing was written."
        alone(world, but=busy.info.backend_pid)
    assert list(tmp_path.iterdir()) == []
    assert dump(world) == before
