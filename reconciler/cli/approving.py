"""Showing a new plan, and asking whether it is to be applied."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from reconciler.cli import streams
from reconciler.cli.session import Session
from reconciler.errors import ConflictsError, ReconcilerError

if TYPE_CHECKING:
    from reconciler.model.plan import Plan
    from reconciler.model.sharded import ShardedPlan

_APPROVAL: Final = "yes"


def approve(
    made: Plan | ShardedPlan, session: Session, *, auto_approve: bool, verbose: bool
) -> None:
    """Show a new plan, and go on only with a person's consent, or where there is no need of it."""
    from reconciler.model.plan import Plan
    from reconciler.render import render, sharded, words

    text = render(
        made,
        "text",
        color=streams.colored(sys.stderr, session),
        width=streams.width(sys.stderr),
        verbose=verbose,
    )
    streams.note(text)
    if made.blocking:
        raise ConflictsError(
            words.blocked(made) if isinstance(made, Plan) else sharded.last_line(made),
            hint="Add a flag for each, as shown above.",
            conflicts=made.blocking,
        )
    if made.empty or auto_approve:
        return
    streams.note("\nApply this plan?\n  Only 'yes' will be accepted to approve.\n\n  Answer: ")
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if answer.strip() != _APPROVAL:
        # What is typed on a terminal ends its line itself; what is piped, or nothing, does not.
        streams.note("\n")
        raise ReconcilerError(
            "the plan was not approved",
            hint="Nothing was written. Without a terminal, use a saved plan or -auto-approve.",
        )
