"""The goals as a picture: how much of its limit each measurement takes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from tests.bench.goal import Goal

_LINE: Final = 26
_LEFT: Final = 400
_LIMIT: Final = 200
_WIDTH: Final = 900


def draw(goals: Sequence[Goal], path: Path) -> None:
    """Write the picture as SVG: a bar a goal, and the limit as a line across all."""
    height = _LINE * (len(goals) + 1) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, one in enumerate(goals):
        top = 10 + _LINE * number
        # What is far beyond its limit would leave no room for the others.
        width = min(_LIMIT * one.ratio / one.limit, _WIDTH - _LEFT - 110)
        colour = "#3a7d44" if one.met else "#b3261e"
        lines += [
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">'
            f"{escape(one.goal, quote=False)}</text>",
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="18" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{top + 14}">'
            f"{one.ratio:.4g} of {one.limit:g}</text>",
        ]
    lines += [
        f'<line x1="{_LEFT + _LIMIT}" y1="4" x2="{_LEFT + _LIMIT}" y2="{height - _LINE}" '
        'stroke="black" stroke-dasharray="4 3"/>',
        f'<text x="{_LEFT + _LIMIT}" y="{height - 8}" text-anchor="middle">limit</text>',
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
