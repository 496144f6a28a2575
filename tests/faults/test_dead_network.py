"""A network that dies without a word: neither side waits for ever, and no lock outlives it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from psycopg.conninfo import make_conninfo

from reconciler import library, planfile
from reconciler.applier import turn
from reconciler.cli import main
from reconciler.database.connection import session
from reconciler.errors import DatabaseError
from tests.fixtures.cut import alone, behind, dump, everything
from tests.fixtures.embedded import eventually
from tests.fixtures.private import by_tcp, peopled, private
from tests.fixtures.shown import Variants, depth
from tests.fixtures.wire import Fault, Run, Sender, Wire, wired
from tests.fixtures.world import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packets are lost on Linux only")
ALIVE = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
# As short as the kernel has it.
SOON = dict(zip(ALIVE, (1, 1, 1, 1000), strict=True))


def test_a_silent_network_is_asked_unless_the_connection_string_says_otherwise(
    shared_world: World,
) -> None:
    with session(shared_world.dsn) as connection:
        said = connection.info.get_parameters()
    assert [said[name] for name in ALIVE] == ["30", "10", "3", "60000"]
    with session(make_conninfo(shared_world.dsn, keepalives_idle=7, tcp_user_timeout=0)) as own:
        said = own.info.get_parameters()
    assert [said[name] for name in ALIVE] == ["7", "10", "3", "0"]


@pytest.mark.shows(
    "the network dies without a word at message n of an apply",
    "the client gives up by itself, with exit code 1; nothing is written",
)
@pytest.mark.parametrize("sender", ["client", "server"][: depth(1, 2)])
def test_a_client_does_not_wait_for_ever(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variants: Variants,
    sender: Sender,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    target, plan = behind(world, small_template)
    planfile.save(plan, path)
    before = dump(world)
    for message in (60, 20, 110, 170, 200)[: depth(1, 5)]:
        with wired(world.dsn, tcp=True) as wire:
            wire.begin(Fault(sender, message, "death"))
            began = time.monotonic()
            code = main(["apply", str(path), "--database-url", make_conninfo(wire.dsn, **SOON)])
            assert time.monotonic() - began < 10
        out, err = capsys.readouterr()
        assert (code, out) == (1, "")
        assert "the connection to the database was lost" in err
        assert "nothing was written" in err
        alone(world)
        variants.add()
        assert dump(world) == before
    assert world.apply(plan).status == "applied"
    assert everything(world, target, plan)


@pytest.mark.skipif(not depth(0, 1), reason="psycopg waits some seconds; in `make trust`")
@pytest.mark.shows(
    "a server or pooler hangs while its machine answers, and SIGTERM comes",
    "the client ends within seconds and says that nothing was written, which is so",
)
def test_who_hangs_is_left_when_that_is_told(
    shared_world: World,
    small_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variants: Variants,
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    _, plan = behind(world, small_template)
    planfile.save(plan, path)
    before = dump(world)
    monkeypatch.setattr(Wire, "patience", 60)
    for message in (60, 150):
        with wired(world.dsn) as wire:
            now = wire.begin(Fault("client", message, "stall"))
            telling = Thread(target=_tell, args=(now,))
            telling.start()
            assert main(["apply", str(path), "--database-url", wire.dsn]) == 1
            telling.join()
        assert "Interrupted. Nothing was written." in capsys.readouterr().err
        alone(world)
        variants.add()
        assert dump(world) == before
    assert world.apply(plan).status == "applied"


def _tell(run: Run) -> None:
    assert eventually(lambda: run.happened)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.skipif(not depth(0, 1), reason="a server of its own; in `make trust`")
@pytest.mark.shows(
    "a client dies without a word, with locks held", "the server gives its locks back by itself"
)
def test_a_server_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, variants: Variants
) -> None:
    soon = turn.FOR_THE_SERVER.replace("'30'", "'1'").replace("'10'", "'1'")
    settings = turn._SETTINGS.replace(turn.FOR_THE_SERVER, soon.replace("'60s'", "'1s'"))
    assert settings != turn._SETTINGS
    monkeypatch.setattr(turn, "_SETTINGS", settings)
    with private() as server, peopled(server) as world:
        plan = world.plan("birch")
        before = dump(world)
        # In the middle of what is sent together, no time-out of PostgreSQL's own is running.
        for message in (60, 150, 200):
            with wired(by_tcp(server, "world"), tcp=True) as wire:
                wire.begin(Fault("client", message, "death"))
                with pytest.raises(DatabaseError, match="nothing was written"):
                    library.apply(make_conninfo(wire.dsn, **SOON), plan)
                alone(world)
            variants.add()
            assert dump(world) == before
        assert world.apply(plan).status == "applied"
