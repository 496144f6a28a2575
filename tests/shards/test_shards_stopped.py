"""What is done stays, what is not is not begun, and the same call goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from reconciler import shardfile
from reconciler.cli import main
from reconciler.errors import StoppedError
from tests.fixtures.cut import between_statements, in_a_child
from tests.fixtures.spread import Spread, became
from tests.fixtures.world import World

WRITE = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


def test_a_stale_section_stops_the_rest(
    spread: Spread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.json"
    plan = spread.plan()
    shardfile.save(plan, out)
    spread.own("us")
    with pytest.raises(StoppedError) as caught:
        spread.apply(plan)
    assert became(caught.value.outcome) == ["applied", "refused", "not_reached"]
    command = ["apply", str(out), "--databases", str(spread.file)]
    assert main(command) == 4
    told = capfd.readouterr()
    assert told.out.startswith("eu: Already applied: nothing was written (revision ")
    assert "\nus: Refused: the plan is stale\n" in told.out
    assert "\nasia: Not reached: nothing was written.\n" in told.out
    assert "stopped in database us: the plan is stale" in told.err
    assert "Done, and that stays: eu." in told.err
    assert "Not reached: asia." in told.err
    assert f"goes on: reconcile {' '.join(command)}" in told.err
    assert spread.written() == ["eu"]
    spread.disown("us")
    assert became(spread.apply(plan)) == ["already_applied", "applied", "applied"]
    assert spread.plan().empty


def dies(world: World, at: bytes) -> Callable[[psycopg.Connection, object], None]:
    """Killed in this database, where a transaction that writes is about to do this."""
    name = psycopg.conninfo.conninfo_to_dict(world.dsn)["dbname"]
    writing: set[int] = set()

    def step(connection: psycopg.Connection, what: object) -> None:
        if connection.info.dbname != name:
            return
        if what == WRITE:
            writing.add(id(connection))
        if what == at and id(connection) in writing:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


@pytest.mark.parametrize("at", [WRITE, b"answered", b"COMMIT"], ids=["between", "in", "commit"])
def test_killed_and_gone_on_with(spread: Spread, another: Spread, at: bytes) -> None:
    plan = spread.plan()
    killed = in_a_child(lambda: spread.apply(plan), dies(spread.worlds["us"], at))
    assert killed == -signal.SIGKILL
    assert spread.written() == ["eu"]
    assert became(spread.apply(plan)) == ["already_applied", "applied", "applied"]
    assert became(another.apply(another.plan())) == ["applied"] * 3
    assert spread.rows() == another.rows()
    assert became(spread.apply(plan)) == ["already_applied"] * 3
    assert spread.plan().empty


def test_an_interrupt_at_commit_begins_nothing_more(
    spread: Spread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.json"
    shardfile.save(spread.plan(), out)
    command = ["apply", str(out), "--databases", str(spread.file)]
    writing: list[psycopg.Connection] = []

    def step(connection: psycopg.Connection, what: object) -> None:
        if what == WRITE:
            writing.append(connection)
        if what == b"COMMIT" and connection in writing:
            connection.pgconn.exec_(b"COMMIT")
            raise KeyboardInterrupt

    with between_statements(step):
        assert main(command) == 1
    told = capfd.readouterr().err
    assert "Interrupted. Done, and that stays: eu. Go on with: reconcile apply" in told
    assert spread.written() == ["eu"]
    assert main(command) == 0
    assert spread.plan().empty
