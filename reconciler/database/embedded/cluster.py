"""A data directory: how it is made, how its server is run, and what the server says of itself."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.database.embedded import locks
from reconciler.database.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from reconciler.database.embedded.binaries import Binaries
    from reconciler.database.embedded.spawn import Command

SUPERUSER = "postgres"
# Every server has a socket directory of its own, so they can all have the usual port.
PORT = 5432

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For data that nobody will miss: never wait for the disk, leave nothing in /dev/shm.
THROWAWAY_SETTINGS = SETTINGS | {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "dynamic_shared_memory_type": "mmap",
}

START_SECONDS = 60.0
POLL_SECONDS = 0.01


def initdb(binaries: Binaries, cluster: Path, *, throwaway: bool) -> Command:
    """The command that makes a cluster: UTF-8, the same collation on every machine."""
    settings = THROWAWAY_SETTINGS if throwaway else SETTINGS
    return [
        binaries.initdb,
        f"--pgdata={cluster}",
        f"--username={SUPERUSER}",
        # Whoever can enter the private socket directory is the server's own user, or root.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *(["--no-sync"] if throwaway else []),
        *(f"--set={name}={value}" for name, value in settings.items()),
    ]


def postgres(binaries: Binaries, cluster: Path, socket_directory: Path) -> Command:
    """The command that runs a cluster's server, reachable through its socket directory only."""
    quoted = str(socket_directory).replace('"', '""')
    return [
        binaries.postgres,
        "-D",
        str(cluster),
        "-c",
        "listen_addresses=",
        "-c",
        f'unix_socket_directories="{quoted}"',
        "-c",
        "unix_socket_permissions=0700",
        "-c",
        f"port={PORT}",
    ]


@dataclass(frozen=True)
class Postmaster:
    """What a running server writes down about itself."""

    pid: int
    port: int
    socket_directory: Path
    ready: bool


def read_postmaster(cluster: Path) -> Postmaster | None:
    """The contents of postmaster.pid, or None while there is none, or half of one."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        # Process, directory, start time, port, socket directory, address, memory key, state.
        return Postmaster(
            pid=int(lines[0]),
            port=int(lines[3]),
            socket_directory=Path(lines[4]),
            ready=lines[7].strip() == "ready",
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def forget_dead_postmaster(cluster: Path) -> None:
    """Remove the claim of a server that was killed, if its process is certainly none.

    PostgreSQL takes any living process of its user with that number for the server: a zombie
    that nobody reaps, as in many containers, or whoever got the number after a restart.
    """
    postmaster = read_postmaster(cluster)
    if postmaster is None or sys.platform != "linux":
        return
    # Everybody may read this file of everybody's processes; a zombie's is empty.
    try:
        command = Path(f"/proc/{postmaster.pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        command = b""
    if not Path(os.fsdecode(command.split(b"\0")[0])).name.startswith("postgres"):
        (cluster / "postmaster.pid").unlink()


def wait_until_ready(cluster: Path, lock: Path, log: Path, *, pid: int | None = None) -> Postmaster:
    """Wait for a server that holds the lock to accept connections.

    With `pid`, nothing that an earlier server left in postmaster.pid is taken for its word.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        alive = locks.is_held(lock)
        postmaster = read_postmaster(cluster)
        if alive and postmaster and postmaster.ready and pid in (None, postmaster.pid):
            return postmaster
        if not alive:
            raise EmbeddedServerError.with_log(
                "the embedded PostgreSQL server ended while it was starting:",
                log,
                hint="The lines above say why.\n"
                "Or name a server of your own:  --database-url postgresql://...",
            )
        time.sleep(POLL_SECONDS)
    raise EmbeddedServerError.with_log(
        f"the embedded PostgreSQL server is not ready after {START_SECONDS:.0f} seconds:",
        log,
        hint="It may still be recovering from a crash: try again in a minute.",
    )
