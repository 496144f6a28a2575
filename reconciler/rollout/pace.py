"""How fast a plan is rolled out: the sizes of waves, the pause between them, when to stop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.errors import ReconcilerError

# So many rows are changed in one transaction without being asked for it.
MOST_ROWS: Final = 1_000_000

_PAUSE: Final = re.compile(r"([0-9]+) ?(ms|s|min|h|d)")
_WEEK: Final = 7 * 86400
_SECONDS: Final = {"ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Size:
    """A number of targets, or a part of them: `500`, `10%`."""

    number: int
    percent: bool = False

    @classmethod
    def of(cls, text: str) -> Size:
        """Read what was typed. Raises ReconcilerError for what is no size."""
        found = re.fullmatch(r"([0-9]{1,9})(%?)", text)
        size = cls(int(found[1]), bool(found[2])) if found else cls(0)
        if not size.number or (size.percent and size.number > 100):
            raise ReconcilerError(
                f"{text!r} is no number of targets",
                hint="Write a number, such as 500, or a part of the targets, such as 10%.",
            )
        return size

    def among(self, targets: int) -> int:
        """How many of so many targets it is; of some at least one."""
        return max(1, -(-targets * self.number // 100)) if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}{'%' * self.percent}"


@dataclass(frozen=True)
class Pace:
    """How a plan is to be rolled out, as in `library.apply`."""

    wave: Size | None = None
    canary: Size | None = None
    max_failures: int = 0
    pause: str = "0s"

    @classmethod
    def of(cls, *, wave: str | None, canary: str | None, max_failures: int, pause: str) -> Pace:
        """Read what was typed. Raises ReconcilerError for what makes no sense."""
        if _PAUSE.fullmatch(pause) is None:
            raise ReconcilerError(f"{pause!r} is no time", hint="Write 500ms, 10s or 2min.")
        if seconds_of(pause) > _WEEK:
            raise ReconcilerError(
                f"{pause} is longer than a week, and a plan hardly fits for so long",
                hint="Apply one wave, and later the same file again: it goes on.",
            )
        if max_failures < 0:
            raise ReconcilerError(
                f"{max_failures} is no number of targets that may be refused",
                hint="Write 0 or more.",
            )
        return cls(
            wave=Size.of(wave) if wave is not None else None,
            canary=Size.of(canary) if canary is not None else None,
            max_failures=max_failures,
            pause=pause,
        )

    @property
    def seconds(self) -> float:
        """The pause."""
        return seconds_of(self.pause)

    @property
    def at_once(self) -> bool:
        """Nothing was asked for: one transaction, as long as it is not too large."""
        return self.wave is None and self.canary is None and not self.max_failures

    def slices(self, targets: Sequence[str], of: int) -> Iterator[Sequence[str]]:
        """The waves of what is left to do, in the order of the targets; `of` so many in all."""
        start = self.canary.among(of) if self.canary else 0
        if start:
            yield targets[:start]
        size = self.wave.among(of) if self.wave else max(1, len(targets))
        for first in range(start, len(targets), size):
            yield targets[first : first + size]

    def words(self) -> list[str]:
        """The words of the command line that say this."""
        found = ["--wave", str(self.wave)] if self.wave else []
        found += ["--canary", str(self.canary)] if self.canary else []
        found += ["--max-failures", str(self.max_failures)] if self.max_failures else []
        return [*found, *(["--pause", self.pause] if self.seconds else [])]


def seconds_of(pause: str) -> float:
    """How long a time is that was typed, as `10min`; no time where it is none."""
    found = _PAUSE.fullmatch(pause)
    return int(found[1]) * _SECONDS[found[2]] if found else 0
