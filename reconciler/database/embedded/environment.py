"""The few variables that no connection string can overrule.

libpq reads PGSERVICE before anything else, and refuses to connect if no such service exists,
even when every parameter is given. The others have no parameter, or one that libpq 14 does
not know yet. So they leave the environment of this process while a temporary server lives,
and come back with the end of the last one. Child processes started meanwhile do without, too.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STRONGER_THAN_A_DSN = (
    "PGSERVICE",
    "PGREQUIREAUTH",
    "PGSSLNEGOTIATION",
    "PGLOADBALANCEHOSTS",
    "PGMINPROTOCOLVERSION",
    "PGMAXPROTOCOLVERSION",
    "PGTZ",
    "PGDATESTYLE",
    "PGGEQO",
)

_lock = threading.Lock()
_users = 0
_removed: dict[str, str] = {}


@contextmanager
def without_strays() -> Iterator[None]:
    """Take the variables out of `os.environ` for the length of the block; blocks may overlap."""
    global _users
    with _lock:
        _users += 1
        for name in STRONGER_THAN_A_DSN:
            if (value := os.environ.pop(name, None)) is not None:
                _removed[name] = value
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for name, value in _removed.items():
                    os.environ.setdefault(name, value)
                _removed.clear()
