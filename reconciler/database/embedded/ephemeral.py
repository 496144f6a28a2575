"""A private server for the length of a block, which leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.database.embedded import accounts, binaries, cluster, locks, places, spawn
from reconciler.database.embedded.environment import without_strays
from reconciler.database.embedded.errors import EmbeddedServerError
from reconciler.database.embedded.server import Server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

PREFIX = "reconcile-pg-"
LOCK = "alive"
ATTEMPTS = 10
# A directory without a lock is one that is being made right now, unless it is old.
MAKING_SECONDS = 3600
# More than the keeper needs for a fast, an immediate and a certain end together.
STOP_SECONDS = 30.0


@contextmanager
def temporary(parent: Path | None = None) -> Iterator[Server]:
    """A private server in a fresh directory; both are gone after the block.

    The directory is made in `parent`, or where temporary ones go.

    They are gone too when this process is killed, by whatever signal. Any thread may start
    one, and several may live at once. For as long as one lives, PGSERVICE and the like are
    out of `os.environ` (see `environment`).
    """
    programs = binaries.find()
    parent = parent or places.short_temporary_directory()
    remove_leftovers(parent)
    owner = os.getpid()
    keeper = None
    directory, lock = _claim_directory(parent)
    try:
        with without_strays():
            log = directory / "server.log"
            data = directory / "data"
            try:
                keeper = _start(programs, directory, data, log, lock)
            finally:
                os.close(lock)  # From here it is the server's.
            postmaster = cluster.wait_until_ready(data, directory / LOCK, log)
            yield Server.of(postmaster, data_dir=data, log=log, throwaway=True)
    finally:
        # A forked child that leaves the block must not stop its parent's server.
        if os.getpid() == owner:
            if keeper is not None:
                spawn.release(keeper, seconds=STOP_SECONDS)
            shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove what killed runs left: directories of ours that no living process holds."""
    ours = accounts.own_uids()
    for directory in parent.glob(f"{PREFIX}*"):
        # Another run may be removing it as well, or an administrator may have locked it.
        with suppress(OSError):
            if directory.lstat().st_uid not in ours:
                continue
            if not (directory / LOCK).exists():
                if time.time() - directory.stat().st_mtime > MAKING_SECONDS:
                    shutil.rmtree(directory, ignore_errors=True)
            elif (lock := locks.take(directory / LOCK)) is not None:
                shutil.rmtree(directory, ignore_errors=True)
                os.close(lock)


def _claim_directory(parent: Path) -> tuple[Path, int]:
    for _ in range(ATTEMPTS):
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = locks.take(directory / LOCK)
        # Another run may have seen the lock before it was taken, and a leftover in its directory.
        if lock is not None and directory.exists():
            return directory, lock
    raise EmbeddedServerError(
        f"no directory could be kept in {parent}",
        hint="Something removes new directories there: set TMPDIR to another place.",
    )


def _start(
    programs: binaries.Binaries, directory: Path, data: Path, log: Path, lock: int
) -> subprocess.Popen[bytes]:
    crew = accounts.choose(programs, directory, log)
    return spawn.keep(
        [
            cluster.initdb(crew.binaries, data, throwaway=True),
            cluster.postgres(crew.binaries, data, directory),
        ],
        account=crew.account,
        directory=directory,
        log=log,
        lock=lock,
        remove=directory,
    )
