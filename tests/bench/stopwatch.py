"""Timing an apply statement by statement: what is the ledger's, and what is not.

Statements are sent one at a time instead of together, so that each can be timed. The server
carries out a batch one after the other, too, so that the sum is hardly another; how much it is,
the report says. What the client does for a statement (build it, guard it, write its text) is part
of its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from reconciler.database import asking
from reconciler.database import connection as connections
from reconciler.ledger import record
from reconciler.sql.guard import Scope
from reconciler.sql.remember import Ledger
from tests.bench.measure import Connection, wal_position

FIXED: Final = {
    "know the targets",
    "look the plan up",
    "write the revision",
    "remember the contents",
    "advance the targets",
}
_BUILT: Final = ("enter", "find", "revision", "content", "advance")


def is_the_ledgers(serves: str) -> bool:
    """Whether a statement serves the ledger alone: an apply without one would not send it.

    It would lock its targets all the same, so that two of them take turns.
    """
    return serves in FIXED or serves.startswith("remember ")


@dataclass
class Stopwatch:
    """Seconds and bytes of WAL by what a statement serves.

    total  of the whole apply, less what the measuring itself took
    built  what the client did to make the ledger's statements, before it guarded them
    """

    total: float = 0.0
    commit: float = 0.0
    built: float = 0.0
    sent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    guarded: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    wal: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def ledgers_wal(self) -> float:
        """The ledger's part of the WAL."""
        own = sum(size for serves, size in self.wal.items() if is_the_ledgers(serves))
        return own / max(1, sum(self.wal.values()))

    @property
    def ledgers_time(self) -> float:
        """The ledger's seconds; those of COMMIT, which writes the WAL, by its part of that."""
        timed = [*self.sent.items(), *self.guarded.items()]
        own = sum(seconds for serves, seconds in timed if is_the_ledgers(serves))
        return own + self.built + self.commit * self.ledgers_wal

    @property
    def share(self) -> float:
        """The ledger's part of the time."""
        return self.ledgers_time / self.total

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the apply inside the block."""
        looking = 0.0

        def one_by_one(connection: Connection, batch: Sequence[Any]) -> tuple[list[Any], Any]:
            nonlocal looking
            cursors: list[Any] = []
            for one in batch:
                begin = perf_counter()
                before = wal_position(connection)
                start = perf_counter()
                sent, failed = together(connection, [one])
                end = perf_counter()
                cursors += sent
                if failed is not None:
                    return cursors, failed
                serves = getattr(one, "serves", "the platform's own")
                self.sent[serves] += end - start
                self.wal[serves] += wal_position(connection) - before
                looking += (start - begin) + (perf_counter() - end)
            return cursors, None

        def guarded(scope: Scope, statement: Any) -> Any:
            with _added(self.guarded, statement.serves):
                return guard(scope, statement)

        together, guard = asking._sent_together, Scope.guard
        commit = self._timed(connections._commit, "commit")
        with ExitStack() as patched:
            for place, name, other in (
                (asking, "_sent_together", one_by_one),
                (Scope, "guard", guarded),
                (connections, "_commit", commit),
                *((record, one, self._timed(getattr(record, one), "built")) for one in _BUILT),
                *(
                    (Ledger, one, self._timed(getattr(Ledger, one), "built"))
                    for one in ("contents", "places", "replaced")
                ),
            ):
                patched.enter_context(patch.object(place, name, other))
            start = perf_counter()
            yield
            self.total = perf_counter() - start - looking

    def _timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            with _added(vars(self), name):
                return function(*given)

        return timed


@contextmanager
def _added(sums: dict[str, float], name: str) -> Iterator[None]:
    start = perf_counter()
    yield
    sums[name] += perf_counter() - start
