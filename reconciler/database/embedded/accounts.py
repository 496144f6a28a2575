"""Who runs the server. PostgreSQL refuses to run as root, so root needs somebody else.

An ordinary user runs it as itself. Root tries two ways, and takes the first that works:

1. A user namespace, in which root is called `nobody` and has no powers. The files stay root's:
   nothing is handed over, nothing is copied. Many containers forbid it.
2. The user `nobody` in earnest. It gets the server's own directories, and a private copy of
   the programs when it cannot reach the installed ones (a virtual environment under /root).

No permission of anything but the server's own directories is ever changed.
"""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.database.embedded import spawn
from reconciler.database.embedded.errors import EmbeddedServerError
from reconciler.database.embedded.keeper import CANNOT_EXECUTE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.database.embedded.binaries import Binaries

USERS = ("nobody", "postgres", "daemon")


@dataclass(frozen=True)
class Account:
    """A user to become: in earnest, or in name only (in a user namespace)."""

    name: str
    uid: int
    gid: int
    namespace: bool


@dataclass(frozen=True)
class Crew:
    """The programs, and who runs them; no account means: whoever we are."""

    binaries: Binaries
    account: Account | None = None

    def hand_over(self, path: Path) -> None:
        """Give a directory of the server's own to the user who runs it."""
        if self.account is None:
            return
        if self.account.namespace:
            os.chown(path, os.geteuid(), os.getegid())
        else:
            os.chown(path, self.account.uid, self.account.gid)


def choose(binaries: Binaries, directory: Path, log: Path, *, owner: int | None = None) -> Crew:
    """Who can run the server in this directory; `owner` is the user of an existing cluster.

    The directory is the server's own; it is handed over if it is private and has to be.
    """
    if os.geteuid() != 0:
        return Crew(binaries)
    for account in _accounts(owner):
        crew = Crew(binaries, account)
        if directory.stat().st_mode & 0o077 == 0:
            crew.hand_over(directory)
        code = _try(crew, directory, log)
        if code == CANNOT_EXECUTE and not account.namespace:
            crew = replace(crew, binaries=binaries.copy_to(directory / "binaries"))
            code = _try(crew, directory, log)
        if code == 0:
            return crew
    raise EmbeddedServerError.with_log(
        f"PostgreSQL refuses to run as root, and nobody else can run it in {directory}",
        log,
        hint="Run this as an ordinary user.\n"
        "Or keep the server where others may enter:  --data-dir /var/lib/reconcile-dev\n"
        "Or name a server of your own:  --database-url postgresql://...",
    )


def own_uids() -> set[int]:
    """The users whom this user's servers may belong to."""
    uids = {os.geteuid()}
    if os.geteuid() == 0:
        uids.update(account.uid for account in _accounts(None))
    return uids


def _accounts(owner: int | None) -> Iterator[Account]:
    """The users to try, in order; a cluster can only be run by the one who owns it."""
    if owner not in (None, 0):
        with suppress(KeyError):
            user = pwd.getpwuid(owner)
            yield Account(user.pw_name, user.pw_uid, user.pw_gid, namespace=False)
        return
    for name in USERS:
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            # A negative number is macOS's way of saying nobody, which no process can become.
            if user.pw_uid <= 0:
                continue
            if sys.platform == "linux":
                yield Account(name, user.pw_uid, user.pw_gid, namespace=True)
            if owner is None:
                yield Account(name, user.pw_uid, user.pw_gid, namespace=False)


def _try(crew: Crew, directory: Path, log: Path) -> int:
    """Whether the account can be had, enter the directory and run the programs: 0 if so."""
    return spawn.run(
        [crew.binaries.postgres, "--version"],
        account=crew.account,
        directory=directory,
        log=log,
    )
