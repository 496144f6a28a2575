"""A page of Markdown of limited size: blocks, sections, tables and diffs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from reconciler.model.plan import Plan
from reconciler.render import escape, words
from reconciler.render.layout import Line

_SHOW_ALL: Final = "reconcile show FILE --format text"
_KINDS_LISTED: Final = 50
# Headings, and what is said about what does not fit, must fit in any case.
_RESERVE: Final = 1_500


class Page:
    """Blocks of Markdown, as many as fit."""

    def __init__(self, limit: int, *, shows_all: str = _SHOW_ALL) -> None:
        self._left = limit - _RESERVE
        self._shows_all = shows_all
        self._text = ""

    def text(self) -> str:
        """What fitted."""
        return self._text + "\n"

    def append(self, block: str) -> None:
        """Add a block that is needed in any case."""
        # Items of a list follow each other closely; everything else needs an empty line.
        listed = self._text.rpartition("\n")[2].startswith(("- ", "  ")) and block.startswith("- ")
        gap = "\n" if listed else "\n\n"
        added = (gap if self._text else "") + block
        self._left -= len(added.encode(errors="surrogatepass"))
        self._text += added

    def section(self, title: str, thing: str, items: Iterable[tuple[str, int]]) -> None:
        """Add a section of blocks, each with the number of things it is about."""
        hidden = 0
        started = False
        for block, number in items:
            if not started:
                self.append(f"## {title}")
                started = True
            if len(block.encode(errors="surrogatepass")) + 2 > self._left:
                hidden += number
            else:
                self.append(block)
        if hidden:
            are = "is" if hidden == 1 else "are"
            what = f"{words.count(hidden, thing)} {are} not shown here"
            self.append(f"_{what}; `{self._shows_all}` shows all._")


def table(plan: Plan, say: words.Say) -> str:
    """Rows by kind and action."""
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    for change in plan.changes:
        cells[change.address.kind][change.action] += len(change.targets)
    for conflict in plan.conflicts:
        cells[conflict.address.kind]["conflict"] += 1
    everything = sum(cells.values(), Counter())
    actions = words.worth_naming(everything)
    columns = [*actions, "conflict"]
    titles = [*(words.VERBS[action][0] for action in actions), "conflict"]
    lines = ["| | " + " | ".join(titles) + " |", "|:--" + "|--:" * len(titles) + "|"]
    lines += [
        _table_row(say(kind), columns, numbers)
        for kind, numbers in islice(cells.items(), _KINDS_LISTED)
    ]
    return "\n".join([*lines, _table_row("all", columns, everything)])


def _table_row(name: str, columns: Sequence[str], numbers: Mapping[str, int]) -> str:
    return f"| {name} | " + " | ".join(str(numbers[column]) for column in columns) + " |"


def block(lines: Iterable[Line]) -> list[str]:
    """The lines of a diff as a code block."""
    return escape.fence([_diff_line(line) for line in lines])


def _diff_line(line: Line) -> str:
    """A line with its symbol in the first column, where highlighters look for it."""
    if line.symbol in ("+", "-", "~", " "):
        return f"{line.symbol} {line.text}"
    return f"  {line}"
