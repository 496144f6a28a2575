"""What a lasting server keeps in its directory.

data_dir/
  lock        held by a command while it starts or stops the server
  alive       held by the server and its children for as long as they live
  data/       the cluster
  socket/     where it listens; a link to a short directory when this one is too long
  server.log  of the present server, or of the last one
  binaries/   a copy of the programs, only where root needs one (see `accounts`)
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.database.embedded import accounts, places
from reconciler.database.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from reconciler.database.embedded.accounts import Crew

SOCKET_PREFIX = "reconcile-dev-"
UNFINISHED_PREFIX = "unfinished-"


@dataclass(frozen=True)
class Layout:
    """The places in a data directory."""

    root: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of a directory that may not exist yet; it need not be absolute."""
        return cls(data_dir.expanduser().absolute())

    @property
    def lock(self) -> Path:
        """Held while a command starts or stops the server."""
        return self.root / "lock"

    @property
    def alive(self) -> Path:
        """Held while the server lives."""
        return self.root / "alive"

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "server.log"

    @property
    def socket(self) -> Path:
        """Where the server listens, or a link to it."""
        return self.root / "socket"

    @property
    def binaries(self) -> Path:
        """A private copy of the programs."""
        return self.root / "binaries"

    def make_root(self) -> None:
        """Make the directory, or see that it is one of ours or empty."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        # The lock is the first file that is made: asked for last, it cannot be missed.
        if any(self.root.iterdir()) and not self.lock.exists():
            raise EmbeddedServerError(
                f"{self.root} holds something else than an embedded server",
                hint="Name a new or an empty directory with --data-dir.",
            )

    def unfinished_cluster(self, crew: Crew) -> Path:
        """A fresh directory to make a cluster in, which is to be renamed when it is whole."""
        for abandoned in self.root.glob(f"{UNFINISHED_PREFIX}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=self.root))
        crew.hand_over(unfinished)
        return unfinished

    def make_socket_directory(self, crew: Crew) -> Path:
        """A private directory to listen in: the same one every time, if its path is short."""
        self.remove_socket_directory()
        directory = self.socket
        if places.can_hold_socket(self.socket):
            directory.mkdir(mode=0o700)
        else:
            parent = places.short_temporary_directory()
            directory = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=parent))
            self.socket.symlink_to(directory)
        crew.hand_over(directory)
        return directory

    def remove_socket_directory(self) -> None:
        """Remove the directory that a stopped server listened in."""
        if self.socket.is_symlink():
            target = self.socket.readlink()
            self.socket.unlink()
            # A restart may have emptied the temporary directory, and somebody else moved in.
            if target.is_dir() and target.lstat().st_uid in accounts.own_uids():
                shutil.rmtree(target, ignore_errors=True)
        elif self.socket.exists():
            shutil.rmtree(self.socket)

    def remove_what_a_run_needed(self) -> None:
        """Remove what only a running server needs."""
        self.remove_socket_directory()
        shutil.rmtree(self.binaries, ignore_errors=True)
