"""File locks that say who is alive.

flock belongs to an open file, and a server inherits that file together with all its children.
So a lock that cannot be taken means "a process of this server lives", with none of the doubts
of a process id: no reuse, no zombies, no other machine's number after a restart.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A look at a lock (`is_held`) takes it for an instant, which an attempt must outlast.
ATTEMPTS = 20
PAUSE_SECONDS = 0.005

# Never follow a link that a stranger put into a shared directory, never wait for a named pipe.
FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the lock, and hold it for the length of the block."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take(path: Path) -> int | None:
    """Take the lock and return its open file, or None when it is held elsewhere."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_SECONDS)
        else:
            return descriptor
    os.close(descriptor)
    return None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock; a file that does not exist is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | FLAGS)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
