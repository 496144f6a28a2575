"""What an apply did, in one or a few lines."""

from __future__ import annotations

from collections import Counter
from typing import assert_never

from reconciler.model.outcome import Outcome
from reconciler.render import words


def render(outcome: Outcome) -> str:
    """The outcome as text, ending in a newline."""
    lines = [_headline(outcome)]
    if outcome.template_moved:
        lines += [
            "The template has changed since the plan was made. What was reviewed is what was",
            "applied; a new plan shows the rest.",
        ]
    return "\n".join(lines) + "\n"


def _headline(outcome: Outcome) -> str:
    revision = "" if outcome.revision is None else f" (revision {outcome.revision})"
    match outcome.status:
        case "applied":
            rows: Counter[str] = Counter()
            for actions in outcome.counts.values():
                rows.update(actions)
            return f"Apply complete! {words.amounts(rows, done=True)}.{revision}"
        case "already_applied":
            return f"Already applied: nothing was written{revision}."
        case "nothing_to_do":
            return "Nothing to do: the plan has no changes. Nothing was written."
        case _:
            assert_never(outcome.status)
