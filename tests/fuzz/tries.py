"""How many inputs are tried and from which seed, and what must become of each of them.

A few are tried with every run of the suite, always the same; `make fuzz` tries FUZZ of each, other
ones every time, and says the seed (SEED=... repeats a run).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from reconciler.errors import ReconcilerError
from tests.fixtures.shown import depth

FUZZ = int(os.environ.get("RECONCILE_FUZZ", "0"))
SEED = int(os.environ.get("RECONCILE_SEED", "0"))
PATIENCE = 10

# What breaks a grammar, or means something in one of those that a text passes through.
BREAKING = (
    *"\"'`[]{}()=<>,;:.\\/#%$@|&*?!~^-+ \t\n\r\0\x1b\x7f\x9b",
    *"\u00e9\u202e\u2066\u200b\ufeff\U0001f642",
    "$1", "%s", "--", "/*", "*/", "''", '""', "\\u0000", "\\ud800", "null", "true", "1e400", "NaN",
    "-0", "9" * 30, "DROP TABLE entity_types", "\x1b]52;c;eA==\x07", "</details>", "e\u0301",
)  # fmt: skip


def tries(few: int, deep: int) -> int:
    """How many inputs to try."""
    return FUZZ or depth(few, deep)


def dice(subject: str) -> Random:
    """Chance, the same for the same seed and subject."""
    return Random(f"{SEED} {subject}")


def mutated(chance: Random, text: str, most: int = 4) -> str:
    """The text with pieces of it cut, doubled, moved, or replaced by what breaks a grammar."""
    for _ in range(chance.randint(1, most)):
        one, other = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        piece = text[one:other][: chance.choice((1, 1, 8, 40, len(text)))]
        there, rest = text[:one], text[one + len(piece) :]
        match chance.randrange(6):
            case 0:
                text = there
            case 1:
                text = there + rest
            case 2:
                text = there + piece * 2 + rest
            case 3:
                text = rest + piece + there
            case _:
                text = there + chance.choice(BREAKING) + rest
    return text


def survived(action: Callable[[], object]) -> bool:
    """Whether it was accepted; what is refused is refused by an error that says what to do."""
    try:
        with patience():
            action()
    except ReconcilerError as error:
        refusal = error
    else:
        return True
    assert refusal.message
    assert refusal.hint
    return False


@contextmanager
def patience(seconds: float = PATIENCE) -> Iterator[None]:
    """Fails where something takes longer than anybody would wait."""

    def ended(*_: object) -> None:
        raise AssertionError(f"it took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
