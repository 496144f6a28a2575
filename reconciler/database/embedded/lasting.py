"""A server that outlives the command which starts it, for `reconcile dev`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.database.embedded import accounts, binaries, cluster, locks, spawn
from reconciler.database.embedded.errors import EmbeddedServerError
from reconciler.database.embedded.layout import Layout
from reconciler.database.embedded.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.database.embedded.accounts import Crew

FAST_SHUTDOWN_SECONDS = 30.0
IMMEDIATE_SHUTDOWN_SECONDS = 10.0
POLL_SECONDS = 0.02

Report = Callable[[str], None]


def silent(_: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class Status:
    """Whether a server runs in a directory, and how to reach it."""

    data_dir: Path
    running: bool = False
    pid: int | None = None
    port: int | None = None
    dsn: str | None = None
    url: str | None = None


def start(data_dir: Path, *, report: Report = silent) -> Server:
    """Start the server kept in a directory, which is made if need be; or find it running."""
    programs = binaries.find()
    layout = Layout.of(data_dir)
    with _explaining(layout):
        layout.make_root()
        with locks.exclusive(layout.lock):
            alive = locks.take(layout.alive)
            if alive is None:
                server = _server(layout, None)
                report(f"Already running in {layout.root} (process {server.pid})")
                return server
            try:
                pid = _launch(layout, programs, alive)
            finally:
                os.close(alive)  # From here it is the server's.
            server = _server(layout, pid)
            report(f"Started PostgreSQL in {layout.root} (process {pid})")
            return server


def stop(data_dir: Path, *, report: Report = silent) -> None:
    """Stop the server kept in a directory, if it runs; what it holds stays."""
    layout = Layout.of(data_dir)
    with _explaining(layout):
        if not locks.is_held(layout.alive):
            report(f"Nothing runs in {layout.root}")
            return
        with locks.exclusive(layout.lock):
            _shut_down(layout)
            layout.remove_what_a_run_needed()
            report(f"Stopped PostgreSQL in {layout.root}")


def status(data_dir: Path) -> Status:
    """Whether a server runs in a directory, and how to reach it."""
    layout = Layout.of(data_dir)
    with _explaining(layout):
        postmaster = cluster.read_postmaster(layout.data)
        if postmaster is None or not locks.is_held(layout.alive):
            return Status(layout.root)
        server = Server.of(postmaster, data_dir=layout.root, log=layout.log)
        return Status(
            data_dir=layout.root,
            running=True,
            pid=server.pid,
            port=server.port,
            dsn=server.dsn(),
            url=server.url(),
        )


def _launch(layout: Layout, programs: binaries.Binaries, alive: int) -> int:
    layout.log.write_bytes(b"")
    owner = layout.data.stat().st_uid if layout.data.exists() else None
    crew = accounts.choose(programs, layout.root, layout.log, owner=owner)
    if owner is None:
        _make_cluster(layout, crew)
    cluster.forget_dead_postmaster(layout.data)
    socket_directory = layout.make_socket_directory(crew)
    return spawn.detach(
        cluster.postgres(crew.binaries, layout.data, socket_directory),
        account=crew.account,
        directory=layout.root,
        log=layout.log,
        lock=alive,
    )


def _make_cluster(layout: Layout, crew: Crew) -> None:
    # Made elsewhere and renamed when it is whole, so that a killed command leaves no half one.
    unfinished = layout.unfinished_cluster(crew)
    code = spawn.run(
        cluster.initdb(crew.binaries, unfinished, throwaway=False),
        account=crew.account,
        directory=layout.root,
        log=layout.log,
    )
    if code != 0:
        raise EmbeddedServerError.with_log(
            f"no data directory could be made in {layout.root}:",
            layout.log,
            hint="The lines above say why; --data-dir names another directory.",
        )
    unfinished.rename(layout.data)


def _server(layout: Layout, pid: int | None) -> Server:
    postmaster = cluster.wait_until_ready(layout.data, layout.alive, layout.log, pid=pid)
    return Server.of(postmaster, data_dir=layout.root, log=layout.log)


def _shut_down(layout: Layout) -> None:
    """Ask for a fast shutdown, then for an immediate one."""
    for number, seconds in (
        (signal.SIGINT, FAST_SHUTDOWN_SECONDS),
        (signal.SIGQUIT, IMMEDIATE_SHUTDOWN_SECONDS),
    ):
        # The lock is held, so the process id is that of a living server, not of a successor.
        postmaster = cluster.read_postmaster(layout.data)
        if postmaster is not None and locks.is_held(layout.alive):
            os.kill(postmaster.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not locks.is_held(layout.alive):
                return
            time.sleep(POLL_SECONDS)
    raise EmbeddedServerError.with_log(
        f"the embedded PostgreSQL server in {layout.root} does not stop:",
        layout.log,
        hint=f"The first line of {layout.data / 'postmaster.pid'} is its process id:"
        " end that process.",
    )


@contextmanager
def _explaining(layout: Layout) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"the embedded server's directory {layout.root} cannot be used: {error}",
            hint="Name another directory with --data-dir, or use it as the user who made it.",
        ) from error
