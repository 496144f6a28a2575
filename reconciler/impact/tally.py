"""What is found of one type, counted by organisation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.impact.schema import Failure
from reconciler.model.impact import Finding, InUse, Invalid, NoRule, Unjudged

_IDS: Final = 3
# So many places are told apart for a type: tenants choose the names of what they keep.
_PLACES: Final = 200


@dataclass(frozen=True)
class Failed:
    """How metadata fails, to be counted: `where` is None where it is one place too many."""

    keyword: str
    where: str | None


@dataclass(frozen=True)
class Doubt:
    """Why metadata cannot be judged, to be counted."""

    why: str


@dataclass(frozen=True)
class Pair:
    """Types that no rule allows to be related, to be counted."""

    source: str
    target: str


@dataclass(frozen=True)
class Used:
    """A type that goes, to be counted."""


_What = Failed | Doubt | Pair | Used


@dataclass
class Tally:
    """What is found of one type, by organisation.

    rows     live rows that are of it
    broken   of those, how many would not be valid any more, and `already` were not before
    """

    rows: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)
    shadows: dict[str, str] = field(default_factory=dict)
    now_unjudged: str = ""
    _found: dict[str, dict[_What, tuple[int, tuple[str, ...]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _places: set[Failure] = field(default_factory=set)

    def add(self, whose: str, what: _What, rows: int, ids: Sequence[str]) -> None:
        """Count rows of an organisation's."""
        before, known = self._found[whose].get(what, (0, ()))
        first = sorted({*known, *ids}, key=lambda one: (len(one), one))[:_IDS]
        self._found[whose][what] = (before + rows, tuple(first))

    def failed(self, failure: Failure) -> Failed:
        """A failure, as it is counted."""
        if failure not in self._places and len(self._places) >= _PLACES:
            return Failed(failure[0], None)
        self._places.add(failure)
        return Failed(*failure)

    @property
    def spoken_of(self) -> set[str]:
        """Of whom there is something to say."""
        some = {whose for counter in (self.broken, self.already) for whose in counter}
        return {*some, *self._found, *self.shadows}

    def findings(self, whose: str) -> tuple[Finding, ...]:
        """What was counted of an organisation's rows, most of them first."""
        found = sorted(self._found.get(whose, {}).items(), key=lambda one: (-one[1][0], str(one)))
        return tuple(_finding(what, rows, ids) for what, (rows, ids) in found)


def _finding(what: _What, rows: int, ids: tuple[str, ...]) -> Finding:
    match what:
        case Failed():
            return Invalid(keyword=what.keyword, pointer=what.where, rows=rows, ids=ids)
        case Doubt():
            return Unjudged(why=what.why, rows=rows, ids=ids)
        case Pair():
            return NoRule(source=what.source, target=what.target, rows=rows, ids=ids)
        case Used():
            return InUse(rows=rows, ids=ids)
