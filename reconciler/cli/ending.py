"""Being told to end from outside: it is Ctrl-C, whoever says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_interrupts() -> Iterator[None]:
    """What ends a job (SIGTERM) or closes its terminal (SIGHUP) is an interrupt meanwhile.

    So what is in progress is rolled back, no half-written file stays, and what became of the
    database is said. What was to be ignored (`nohup`) still is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = [
        one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL
    ]
    for one in ended:
        signal.signal(one, signal.default_int_handler)
    try:
        yield
    finally:
        for one in ended:
            signal.signal(one, signal.SIG_DFL)
