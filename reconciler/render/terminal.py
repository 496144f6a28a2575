"""Lines for a terminal: their width, their indentation and, if wanted, their colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.render import words
from reconciler.render.layout import Line
from reconciler.render.remedies import Remedy

INDENT: Final = 6

_COLORS: Final = {
    "+": "32",
    "~": "33",
    "<-": "36",
    "->": "33",
    "-": "31",
    words.CONFLICT: "31",
    "bold": "1",
}


@dataclass(frozen=True)
class Terminal:
    """Where lines are for; `left` is the width of the column in which rows are named."""

    width: int
    color: bool
    left: int

    def headline(self, symbol: str, left: str, right: Sequence[str]) -> str:
        """The first line about a row."""
        said = ", ".join(part for part in right if part)
        return f"{self.paint(symbol, f'{symbol:>3}')} {left:<{self.left}}   {said}"

    def block(self, lines: Sequence[Line]) -> Iterator[str]:
        """The lines of a diff, below the row that they belong to."""
        for line in lines:
            symbol = f"{self.paint(line.symbol, line.symbol)} " if line.symbol else ""
            yield " " * (INDENT + line.indent) + symbol + line.text

    def remedies(self, remedies: Sequence[Remedy], indent: int = INDENT) -> Iterator[str]:
        """Ways out, with the exact flags."""
        width = max((len(remedy.title) for remedy in remedies), default=0) + 3
        for remedy in remedies:
            start = " " * indent + f"{remedy.title + ':':<{width}}"
            if not remedy.flags:
                yield start + remedy.effect
                continue
            below = " " * len(start)
            flags = self.fill(remedy.flags, len(start))
            effect = f"({remedy.effect})" if remedy.effect else ""
            if len(start) + len(flags[-1]) + 3 + len(effect) > self.width:
                flags.append(effect)
            elif effect:
                flags[-1] += f"   {effect}"
            yield start + flags[0]
            yield from (below + line for line in flags[1:])

    def wrapped(self, text: str) -> list[str]:
        """A sentence of any length, over as many lines as it needs."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=" " * INDENT,
            subsequent_indent=" " * (INDENT + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )

    def fill(self, flags: Sequence[str], used: int) -> list[str]:
        """Flags in lines that fit, none of them broken in two."""
        found = [flags[0]]
        for flag in flags[1:]:
            if used + len(found[-1]) + 1 + len(flag) > self.width:
                found.append(flag)
            else:
                found[-1] += f" {flag}"
        return found

    def paint(self, style: str, text: str) -> str:
        """The text in the colour of a symbol, if colour is wanted."""
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self.color and style in _COLORS else text
