"""Who watches a run, and telling them: rooms tell what they do, whoever called them listens.

It is a context variable and no parameter, so that what lies between need not know of it. Where
nobody listens, telling costs a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.model.event import Event, Step

Listener = Callable[["Event"], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have all that is told meanwhile told to `listener`, in the thread that does the work."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def watched() -> bool:
    """Whether anybody listens."""
    return _LISTENER.get() is not None


def tell(phase: Step, *, what: str | None = None, rows: int | None = None) -> None:
    """What is being done now."""
    if watched():
        from reconciler.model.event import Phase

        report(Phase, phase=phase, what=what, rows=rows)


def report(event: type[Event], **facts: Any) -> None:
    """Tell an event, as of now."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(event(at=now(), **facts))


def now() -> str:
    """The time, as events have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
