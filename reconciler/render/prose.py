"""Texts of several lines: how long they are, and how one became another, line by line.

A bar stands before each line of the text, so that none of them can look like one of ours.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, TypeGuard

from reconciler.model.value import Value
from reconciler.render import escape, layout
from reconciler.render.layout import Line

# Up to this many bytes it is the lines that say how long a text is.
_COUNTED: Final = 2_000
_AROUND: Final = 3
# Of lines that are added or removed in one place, and of one diff, unless all is asked for.
_MOST_IN_A_PLACE: Final = 12
_MOST: Final = 40
# Matching takes long where much is alike; beyond this, what differs is shown as replaced.
_MATCHED: Final = 1_000_000
_INDENT: Final = 2
_BAR: Final = "│ "

_Tag = Literal["equal", "replace", "delete", "insert"]
_Hunk = tuple[_Tag, int, int, int, int]


def changed(before: Value, after: Value, *, width: int, verbose: bool) -> list[Line] | None:
    """How a text became another: what there is to say in one line, then the lines.

    None unless one of them is a text of several lines.
    """
    if not (_text_or_null(before) and _text_or_null(after)):
        return None
    if not (several_lines(before) or several_lines(after)):
        return None
    old, new = _lines(before), _lines(after)
    if old[-1:] + new[-1:] in ([""], ["", ""]):
        # Both end as texts do; a line break at the end is worth a line only if it comes or goes.
        old, new = old[:-1], new[:-1]
    hunks = list(_hunks(old, new))
    amount = sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in hunks if tag != "equal")
    room = layout.room(width - _INDENT - 2 - len(_BAR), verbose)
    counted = list(_Diff(old, new, hunks, room).lines())
    shown = len(counted) if verbose else _MOST
    found = [line for line, _ in counted[:shown]]
    if hidden := sum(number for _, number in counted[shown:]):
        more = f"{hidden} more changed {'line' if hidden == 1 else 'lines'}"
        found.append(Line("", f"… {more} (--verbose shows all)", _INDENT))
    return [Line("", _amount(before, after, amount)), *found]


def lines(text: str) -> list[Line]:
    """A whole text, line by line."""
    return [_line("", line, 0) for line in _lines(text)]


def several_lines(value: Value) -> TypeGuard[str]:
    """Whether this is a text that does not fit into one line."""
    return isinstance(value, str) and "\n" in value.rstrip("\n")


def measure(text: str) -> str:
    """How long a text is: `14 lines`, or, where it is one or they are many, `2.1 KB`."""
    if several_lines(text) and _few(text):
        return f"{_count(text)} lines"
    return escape.size(text)


def _amount(before: str | None, after: str | None, changed: int) -> str:
    if not before or not after:
        ends = (layout.text_of(text) if not text else measure(text) for text in (before, after))
        return " -> ".join(ends)
    if _few(before) and _few(after):
        old, new = _count(before), _count(after)
        return f"{_both(str(old), str(new))} {'line' if new == 1 else 'lines'}, {changed} changed"
    lines = "line" if changed == 1 else "lines"
    return f"{_both(escape.size(before), escape.size(after))}, {changed} {lines} changed"


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _few(text: str) -> bool:
    return len(text.encode(errors="surrogatepass")) < _COUNTED


def _count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n"))


def _text_or_null(value: Value) -> TypeGuard[str | None]:
    return value is None or isinstance(value, str)


def _lines(text: str | None) -> list[str]:
    """The lines; after a line break at the end comes an empty one, so that it can be seen."""
    return text.split("\n") if text else []


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[_Hunk]:
    """What stays and what changes, in order and without gaps."""
    most = min(len(old), len(new))
    head = next((place for place in range(most) if old[place] != new[place]), most)
    most -= head
    tail = next((place for place in range(most) if old[-1 - place] != new[-1 - place]), most)
    if head:
        yield "equal", 0, head, 0, head
    here, there = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(here) * len(there) > _MATCHED:
        yield "replace", head, head + len(here), head, head + len(there)
    else:
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, here, there).get_opcodes():
            yield tag, i1 + head, i2 + head, j1 + head, j2 + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


class _Diff:
    """The lines of one diff; with no room given, every one of them and in full."""

    def __init__(
        self, old: Sequence[str], new: Sequence[str], hunks: Sequence[_Hunk], room: int
    ) -> None:
        self.old = old
        self.new = new
        self.hunks = hunks
        self.room = room
        self.doubtful = _doubtful(
            line
            for tag, i1, i2, j1, j2 in hunks
            if tag != "equal"
            for line in (*old[i1:i2], *new[j1:j2])
        )

    def lines(self) -> Iterator[tuple[Line, int]]:
        """What changes, with a little of what stays around it; how many changes each line tells."""
        for place, (tag, i1, i2, j1, j2) in enumerate(self.hunks):
            removed, added = self.old[i1:i2], self.new[j1:j2]
            if tag == "equal":
                ends = place == 0, place == len(self.hunks) - 1
                yield from ((line, 0) for line in self.unchanged(removed, *ends))
            else:
                yield from self.side("-", removed, added)
                yield from self.side("+", added, removed)

    def unchanged(self, texts: Sequence[str], first: bool, last: bool) -> Iterator[Line]:
        """The lines that stand next to a change, and how many others there are."""
        before = 0 if first else _AROUND
        after = 0 if last else _AROUND
        hidden = len(texts) - before - after
        if not self.room or hidden < 2:
            before, after, hidden = len(texts), 0, 0
        for text in texts[:before]:
            yield _line(" ", text, self.room)
        if hidden:
            yield Line(" ", f"… {hidden} unchanged lines", _INDENT)
        for text in texts[len(texts) - after :]:
            yield _line(" ", text, self.room)

    def side(
        self, symbol: str, texts: Sequence[str], others: Sequence[str]
    ) -> Iterator[tuple[Line, int]]:
        """Lines that are removed or added in one place, instead of these others."""
        nearby = sorted(others)
        shown = texts[:_MOST_IN_A_PLACE] if self.room else texts
        hidden = len(texts) - len(shown)
        if hidden == 1:
            shown, hidden = texts, 0
        for text in shown:
            exact = layout.text_of(text) if text in self.doubtful else text
            yield _line(symbol, exact, self.room, self.start(text, nearby)), 1
        if hidden:
            yield Line(symbol, f"… {hidden} more lines", _INDENT), hidden

    def start(self, text: str, nearby: Sequence[str]) -> int:
        """From where on to show a long line: before it parts from the most similar one."""
        if not self.room or len(text) <= self.room:
            return 0
        # Of texts in order, the one with the longest common beginning is a neighbour.
        place = bisect(nearby, text)
        neighbours = nearby[max(0, place - 1) : place + 1]
        same = max((layout.common(text, other) for other in neighbours), default=0)
        return layout.cut(same, len(text), self.room)


def _doubtful(texts: Iterable[str]) -> frozenset[str]:
    r"""The lines that differ and yet look the same, as a tab and a written `\t` do.

    They are shown in quotes, in which no two texts are written alike.
    """
    alike: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        alike[escape.visible(text).rstrip()].add(text)
    return frozenset(text for texts in alike.values() if len(texts) > 1 for text in texts)


def _line(symbol: str, text: str, room: int, start: int = 0) -> Line:
    return Line(symbol, (_BAR + escape.shortened(text, room, start=start)).rstrip(), _INDENT)
