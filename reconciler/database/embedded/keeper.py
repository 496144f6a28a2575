"""Starts PostgreSQL's programs for `spawn`: as another user, tied to a parent, or detached.

This file is a script that imports nothing but the standard library. A fresh interpreter with
one thread may fork, change its user and execute a program; a library in somebody else's
threaded process may not. It has three modes:

    run     become the program, which dies with the parent
    detach  start the program as nobody's child, print its process id, leave
    keep    run programs one after the other, and stay until the last one ends or the parent does

How a kept server dies with the parent, whatever kills the parent:

    parent ──pipe──> keeper ──PR_SET_PDEATHSIG──> postgres
       │                │                            │
       │ killed: end    │ stops postgres,            │ keeper killed: SIGQUIT,
       │ of file        │ removes the directory      │ an immediate shutdown

PR_SET_PDEATHSIG alone would not do: it fires when the *thread* that started the server ends,
knows nothing of directories, and exists on Linux only. The pipe has none of these faults.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if sys.platform == "linux":
    # Not later: the user to become may be unable to read this interpreter's library.
    import ctypes

if TYPE_CHECKING:
    from reconciler.database.embedded.spawn import Order

# The exit codes by which `spawn` learns why a program was never started.
CANNOT_CHANGE_USER = 121
CANNOT_ENTER_DIRECTORY = 122
CANNOT_EXECUTE = 123

# Everything a server may know of the environment: no PG*, LANG, LC_* or LD_* of the caller's.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

FAST_SHUTDOWN_SECONDS = 10.0
IMMEDIATE_SHUTDOWN_SECONDS = 5.0
STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000


def refuse(code: int, what: str, error: OSError) -> NoReturn:
    """Say on the log why nothing was started, and leave."""
    print(f"{what}: {error.strerror or error}", file=sys.stderr, flush=True)
    os._exit(code)


def become(uid: int, gid: int, *, namespace: bool) -> None:
    """Stop being root: really, or in a user namespace where this root has another number.

    In a namespace the files stay root's own, so nothing has to be handed over or copied; but
    many containers forbid it.
    """
    if namespace:
        enter_namespace(uid, gid)
    else:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def enter_namespace(uid: int, gid: int) -> None:
    """Have this user and group known by other numbers, as `unshare --map-user` does."""
    if sys.platform == "linux":
        own_uid, own_gid = os.geteuid(), os.getegid()
        system_call("unshare", CLONE_NEWUSER)
        write("/proc/self/setgroups", b"deny")
        write("/proc/self/uid_map", b"%d %d 1" % (uid, own_uid))
        write("/proc/self/gid_map", b"%d %d 1" % (gid, own_gid))


def write(path: str, line: bytes) -> None:
    """Write one line into a file of /proc, in one go."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def system_call(name: str, *arguments: int) -> None:
    """Make a call that the `os` module of Python 3.11 does not have."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if getattr(library, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def die_with(parent: int) -> None:
    """Have the kernel end this process with its parent; where it cannot, the keeper remains."""
    if sys.platform == "linux":
        system_call("prctl", PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() != parent:  # It died before we could ask.
        os._exit(1)


def execute(order: Order, command: list[str], parent: int | None) -> NoReturn:
    """Turn this process into the command."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    account = order["account"]
    try:
        if account is not None:
            become(account["uid"], account["gid"], namespace=account["namespace"])
    except OSError as error:
        refuse(CANNOT_CHANGE_USER, f"cannot become another user ({account})", error)
    try:
        os.chdir(order["directory"])
    except OSError as error:
        refuse(CANNOT_ENTER_DIRECTORY, f"cannot enter {order['directory']}", error)
    try:
        if parent is not None:
            die_with(parent)  # After the change of user, which would clear it.
        os.execve(command[0], command, ENVIRONMENT)  # noqa: S606  (a shell is the last thing wanted)
    except OSError as error:
        refuse(CANNOT_EXECUTE, f"cannot execute {command[0]}", error)


def start(order: Order, command: list[str], *, tied: bool) -> int:
    """Start the command as a child of this process."""
    keeper = os.getpid()
    # A signal that came before the program could hear it would be lost on the keeper's handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    pid = os.fork()
    if pid == 0:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        execute(order, command, keeper if tied else None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    return pid


class Keeper:
    """Waits for what may happen: a child ends, the parent ends or says stop, a signal comes."""

    def __init__(self, order: Order) -> None:
        os.chdir("/")  # Stand in nobody's way for as long as the server lives.
        self.order = order
        self.stopping = False
        self.bell, ringer = os.pipe()
        os.set_blocking(self.bell, False)
        os.set_blocking(ringer, False)
        signal.set_wakeup_fd(ringer)
        for number in {signal.SIGCHLD, *STOPPING}:
            signal.signal(number, lambda *_: None)  # Only the bell matters.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def keep(self) -> int:
        """Run the commands, then wait to be told to stop; returns the last exit code."""
        *preparations, server = self.order["commands"]
        for command in preparations:
            if (code := self.finish(start(self.order, command, tied=True))) != 0:
                os.close(self.order["lock"])
                break
        else:
            pid = start(self.order, server, tied=True)
            # From here the lock means: a process of this server is alive.
            os.close(self.order["lock"])
            code = self.finish(pid)
        while not self.stopping:
            self.listen()
        if self.order["remove"] is not None:
            shutil.rmtree(self.order["remove"], ignore_errors=True)
        return code

    def finish(self, pid: int) -> int:
        """The exit code of a child, which is shut down if we are told to stop meanwhile."""
        while not self.stopping:
            if (code := reap(pid)) is not None:
                return code
            self.listen()
        return self.shut_down(pid)

    def listen(self, seconds: float = 1.0) -> None:
        """Sleep until something happens."""
        # Once told to stop, the parent's end of file would wake us for ever.
        sources = [self.bell] if self.stopping else [0, self.bell]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.bell in ready and STOPPING.intersection(os.read(self.bell, 1024)):
            self.stopping = True
        # A forked copy of the parent may hold the pipe open: so ask for the parent as well.
        if 0 in ready or os.getppid() != self.order["parent"]:
            self.stopping = True

    def shut_down(self, pid: int) -> int:
        """Stop a child: fast, then immediately, then for certain; returns its exit code."""
        for number, seconds in (
            (signal.SIGINT, FAST_SHUTDOWN_SECONDS),
            (signal.SIGQUIT, IMMEDIATE_SHUTDOWN_SECONDS),
            (signal.SIGKILL, IMMEDIATE_SHUTDOWN_SECONDS),
        ):
            os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                if (code := reap(pid)) is not None:
                    return code
                self.listen(left)
        return 1


def reap(pid: int) -> int | None:
    """The exit code of a child that has ended."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> int:
    """Carry out the one order on the command line."""
    order: Order = json.loads(sys.argv[1])
    os.umask(0o077)
    match order["mode"]:
        case "run":
            execute(order, order["commands"][0], order["parent"])
        case "detach":
            print(start(order, order["commands"][0], tied=False), flush=True)
            return 0
        case "keep":
            return abs(Keeper(order).keep())


if __name__ == "__main__":
    sys.exit(main())
