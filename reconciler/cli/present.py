"""Putting a plan on stdout, in the format that was asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.cli import streams
from reconciler.cli.session import Session

if TYPE_CHECKING:
    from reconciler.model.plan import Plan
    from reconciler.model.sharded import ShardedPlan
    from reconciler.render import Format


def present(
    plan: Plan | ShardedPlan, format_: str, session: Session, *, kinds: Path | None, verbose: bool
) -> None:
    """Show the plan on stdout."""
    text = shown(plan, format_, session, kinds=kinds, verbose=verbose)
    streams.result(text, exact=format_ == "json")


def shown(
    plan: Plan | ShardedPlan, format_: str, session: Session, *, kinds: Path | None, verbose: bool
) -> str:
    """The plan as it is shown on stdout."""
    if format_ == "sql":
        from reconciler import library
        from reconciler.model.plan import Plan

        if isinstance(plan, Plan):
            return library.preview(plan, kinds=kinds)
        return "\n".join(
            f"-- Database {one.database}\n{library.preview(one.plan, kinds=kinds)}"
            for one in plan.sections
        )
    from reconciler.render import render

    return render(
        plan,
        cast("Format", format_),
        color=streams.colored(sys.stdout, session),
        width=streams.width(sys.stdout),
        verbose=verbose,
    )
