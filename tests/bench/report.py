"""The report: a table for people, and a file for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.bench.goal import Goal


def table(goals: Sequence[Goal]) -> str:
    """One line a goal, with what was measured below it."""
    width = max(len(one.goal) for one in goals)
    lines = [f"{'goal':{width}}  ratio  limit"]
    for one in goals:
        verdict = "met" if one.met else "MISSED"
        lines.append(f"{one.goal:{width}}  {one.ratio:5.3f}  {one.limit:5.2f}  {verdict}")
        lines += [f"    {text}" for text in one.says]
    return "\n".join(lines)


def write(goals: Sequence[Goal], path: Path) -> None:
    """The same as JSON: a list of goals, each with what was measured."""
    found = [
        {
            "goal": one.goal,
            "ratio": one.ratio,
            "limit": one.limit,
            "met": one.met,
            "measured": one.measured,
        }
        for one in goals
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
