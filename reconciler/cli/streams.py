"""stdout for the result, stderr for everything else; both may go away at any time."""

from __future__ import annotations

import os
import shutil
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

from reconciler.cli.session import Session
from reconciler.errors import ReconcilerError
from reconciler.render import DEFAULT_WIDTH

if TYPE_CHECKING:
    from reconciler.model.event import Event


# Whether all that is said beside the result is said as events (`plan -json`, `apply -json`).
_EVENTS: ContextVar[bool] = ContextVar("events", default=False)


def prepare(*, events: bool = False) -> None:
    """Have characters that a terminal cannot show written as escapes, instead of failing.

    What psycopg or sqlglot would log on its own is said by our own errors. With `events`, each
    line on stderr is an event as JSON, whatever is said.
    """
    _EVENTS.set(events)
    import logging

    for chatty in ("psycopg", "sqlglot"):
        logging.getLogger(chatty).addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def result(text: str, *, exact: bool = False) -> None:
    """Write the result to stdout; exact means JSON: as UTF-8, whatever the terminal speaks, and
    with what does not print as an escape.

    A reader that went away (`| head`) ends the writing, and nothing else.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        if exact:
            from reconciler.model.unseen import seen

            text = seen(text)
        binary = getattr(stream, "buffer", None)
        if exact and binary is not None:
            stream.flush()
            binary.write(text.encode())
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


def outcome(text: str, *, exact: bool = False) -> None:
    """Write what was done to a database: where there is no room for it, the exit code still tells.

    An error here would say that it was not done.
    """
    try:
        result(text, exact=exact)
    except ReconcilerError as error:
        note(f"Warning: {error.message}. The exit code tells what was done.\n")


def as_events() -> bool:
    """Whether stderr gets events."""
    return _EVENTS.get()


def note(text: str) -> None:
    """Write something beside the result to stderr."""
    if not as_events():
        _write(text)
    elif text.strip():
        from reconciler.model.event import Said
        from reconciler.progress import now

        event(Said(at=now(), text=text))


def event(told: Event) -> None:
    """Write an event to stderr, as one line of ASCII."""
    import json

    _write(json.dumps(told.model_dump()) + "\n")


def _write(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        # Nothing is left to say it on, and what is done beside it must not end for that.
        _abandon(sys.stderr)


def colored(stream: TextIO | None, session: Session) -> bool:
    """Whether colours are wanted there: a terminal that knows them, and nobody forbade them."""
    if stream is None or not session.color or os.environ.get("TERM") == "dumb":
        return False
    if stream is sys.stderr and as_events():
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
