"""What a person at a terminal, or a program with -json, sees of a run while it lasts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from reconciler.cli import streams
from reconciler.progress import Listener, listening
from reconciler.render import escape

if TYPE_CHECKING:
    from reconciler.model.event import Event

_CLEAR = "\r\x1b[K"


@contextmanager
def waiting(what: str, *also: Listener) -> Iterator[None]:
    """Tell how far it is: as events, or, at a terminal, what takes longer than a second.

    `also` are told every event, too.
    """
    if streams.as_events():
        with _told(streams.event, *also):
            yield
        return
    if sys.stderr is None or not sys.stderr.isatty():
        with _told(*also):
            yield
        return
    progress = Progress(what)
    over = Flag()

    def tell() -> None:
        shown = False
        while not over.wait(1):
            room = streams.width(sys.stderr) - 1
            streams.note(f"{_CLEAR}{progress.line(time.monotonic())[:room]}")
            shown = True
        if shown:
            streams.note(_CLEAR)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        with _told(progress.hear, *also):
            yield
    finally:
        over.set()
        teller.join()


@contextmanager
def _told(*listeners: Listener) -> Iterator[None]:
    if not listeners:
        yield
        return

    def all_of_them(event: Event) -> None:
        for listener in listeners:
            listener(event)

    with listening(all_of_them):
        yield


class Progress:
    """How far a run is, from what it told, as a line."""

    def __init__(self, what: str, now: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self.now = now
        self.begun = now()
        self.phase = ""
        self.wave = ""
        self.database = ""
        self.targets = (0, 0)
        # Rows that are committed, of this wave, written in it, being written, and of all.
        self.done = self.of_wave = self.written = self.writing = self.total = 0

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        match event.event:
            case "phase":
                self.written += self.writing
                self.writing = (event.rows or 0) if event.phase == "writing" and event.what else 0
                closer = event.what or (f"{event.rows} rows" if event.rows else "")
                self.phase = f"{event.phase} {escape.visible(closer)}".rstrip()
            case "apply_started":
                self.begun, self.total = self.now(), event.rows
                self.targets = (0, event.targets)
            case "wave_started":
                self.wave = f"wave {event.wave} of {event.waves}" if event.waves > 1 else ""
                self.of_wave, self.written, self.writing, self.phase = event.rows, 0, 0, ""
            case "wave_applied":
                self.targets = (event.targets_done, event.targets_total)
                self.done, self.of_wave, self.written, self.writing = event.rows_done, 0, 0, 0
            case "database_started":
                self.database = f"{event.database} ({event.number} of {event.databases})"
                self.wave, self.phase, self.total = "", "", 0
            case "paused":
                self.phase = f"a pause of {_time(event.seconds)}"
            case _:
                pass

    def line(self, now: float) -> str:
        """`Applying: wave 2 of 20, 500 of 10000 targets, 30000 of 600000 rows, ...`."""
        seconds = now - self.begun
        parts = [one for one in (self.database, self.wave) if one]
        if self.total:
            done = self.done + min(self.written, self.of_wave)
            parts.append(f"{self.targets[0]} of {self.targets[1]} targets")
            parts.append(f"{done} of {self.total} rows")
            rate = done / seconds if seconds > 0 else 0
            if rate:
                parts.append(f"{rate:.0f} rows/s")
                parts.append(f"{_time((self.total - done) / rate)} left")
        parts.append(f"{self.phase} ... {_time(seconds)}" if self.phase else f"{_time(seconds)}")
        return f"{self.what}: {', '.join(parts)}"


def _time(seconds: float) -> str:
    """`12 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
