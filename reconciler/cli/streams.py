"""stdout for the result, stderr for everything else; both may go away at any time."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TextIO

from reconciler.cli.session import Session
from reconciler.errors import ReconcilerError
from reconciler.render import DEFAULT_WIDTH


def prepare() -> None:
    """Have characters that a terminal cannot show written as escapes, instead of failing.

    What psycopg would log on its own is said by our own errors.
    """
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def result(text: str, *, exact: bool = False) -> None:
    """Write the result to stdout; exact means as UTF-8, whatever the terminal speaks.

    A reader that went away (`| head`) ends the writing, and nothing else.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        binary = getattr(stream, "buffer", None)
        if exact and binary is not None:
            stream.flush()
            # In JSON text, this way of writing a lone surrogate is its escape.
            binary.write(text.encode(errors="backslashreplace"))
        else:
            stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _abandon(stream)
    except OSError as error:
        _abandon(stream)
        raise ReconcilerError(
            f"cannot write the result: {error.strerror}", hint="Send it somewhere with room."
        ) from error


def note(text: str) -> None:
    """Write something beside the result to stderr."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        _abandon(sys.stderr)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Tell a person at a terminal what takes longer than a second, and for how long already."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    over = Event()

    def tell() -> None:
        seconds = 0
        while not over.wait(1):
            seconds += 1
            note(f"\r{what} ... {seconds} s")
        if seconds:
            note("\r\x1b[K")

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def colored(stream: TextIO | None, session: Session) -> bool:
    """Whether colours are wanted there: a terminal that knows them, and nobody forbade them."""
    if stream is None or not session.color or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def width(stream: TextIO | None) -> int:
    """How many columns a terminal has; a fixed number for everything else."""
    if stream is None or not stream.isatty():
        return DEFAULT_WIDTH
    return shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns


def columns(stream: TextIO | None) -> int:
    """How many columns a table may have: as many as a terminal has, and any number elsewhere.

    What reads it there (a file, `grep`) has no use for a line that was cut.
    """
    return width(stream) if stream is not None and stream.isatty() else sys.maxsize


def _abandon(stream: TextIO) -> None:
    """Let Python flush into nothing at exit, where it would complain otherwise."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
