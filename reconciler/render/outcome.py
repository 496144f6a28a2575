"""What an apply did, in one or a few lines."""

from __future__ import annotations

from typing import assert_never

from reconciler.model.outcome import Outcome


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
            adopted = f"{_rows(outcome, 'adopt')} adopted, " if _rows(outcome, "adopt") else ""
            return (
                f"Apply complete! {_rows(outcome, 'create')} created, "
                f"{_rows(outcome, 'update')} updated, {adopted}"
                f"{_rows(outcome, 'retire')} retired.{revision}"
            )
        case "already_applied":
            return f"Already applied: nothing was written{revision}."
        case "nothing_to_do":
            return "Nothing to do: the plan has no changes. Nothing was written."
        case _:
            assert_never(outcome.status)


def _rows(outcome: Outcome, action: str) -> int:
    return sum(actions.get(action, 0) for actions in outcome.counts.values())
