"""Starting PostgreSQL's programs by way of the keeper script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.database.embedded.accounts import Account

KEEPER = Path(__file__).with_name("keeper.py")

Command = list[str]


class AccountOrder(TypedDict):
    """An `Account`, as the keeper reads it."""

    uid: int
    gid: int
    namespace: bool


class Order(TypedDict):
    """What the keeper is told to do."""

    mode: Literal["run", "detach", "keep"]
    commands: list[Command]
    account: AccountOrder | None
    directory: str
    parent: int
    lock: int
    remove: str | None


def run(command: Command, *, account: Account | None, directory: Path, log: Path) -> int:
    """Run a command to its end; returns its exit code, or one of the keeper's own."""
    order = _order("run", [command], account, directory)
    with log.open("ab") as output:
        return subprocess.run(
            _arguments(order),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=False,
        ).returncode


def detach(
    command: Command, *, account: Account | None, directory: Path, log: Path, lock: int
) -> int:
    """Start a command that outlives this process; returns its process id.

    It and all its children inherit the lock, which is free again when none of them is left.
    """
    order = _order("detach", [command], account, directory, lock=lock)
    with log.open("ab") as output:
        done = subprocess.run(
            _arguments(order),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
            check=True,
        )
    return int(done.stdout)


def keep(
    commands: Sequence[Command],
    *,
    account: Account | None,
    directory: Path,
    log: Path,
    lock: int,
    remove: Path,
) -> subprocess.Popen[bytes]:
    """Start commands, one after the other, that die with this process or by `release`.

    The last one is the server; it inherits the lock, as in `detach`. In the end the keeper
    removes the directory named by `remove`, even if this process is no more.
    """
    order = _order("keep", list(commands), account, directory, lock=lock, remove=remove)
    with log.open("ab") as output:
        return subprocess.Popen(
            _arguments(order),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
        )


def release(keeper: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Have a keeper stop its server and end."""
    try:
        # A word before the end of file: a forked copy of this process may hold the pipe open.
        keeper.communicate(b"stop\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.communicate()


def _order(
    mode: Literal["run", "detach", "keep"],
    commands: list[Command],
    account: Account | None,
    directory: Path,
    *,
    lock: int = -1,
    remove: Path | None = None,
) -> Order:
    return {
        "mode": mode,
        "commands": commands,
        "account": None
        if account is None
        else {"uid": account.uid, "gid": account.gid, "namespace": account.namespace},
        "directory": str(directory),
        "parent": os.getpid(),
        "lock": lock,
        "remove": None if remove is None else str(remove),
    }


def _arguments(order: Order) -> list[str]:
    # Isolated and without site: nothing that stands in the caller's environment or directory
    # can slip into the keeper, and it starts in half the time.
    return [sys.executable, "-I", "-S", str(KEEPER), json.dumps(order)]
