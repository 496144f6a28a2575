"""Putting a plan on stdout, in the format that was asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.cli import streams
from reconciler.cli.session import Session

if TYPE_CHECKING:
    from reconciler.model.plan import Plan
    from reconciler.render import Format


def present(
    plan: Plan, format_: str, session: Session, *, kinds: Path | None, verbose: bool
) -> None:
    """Show the plan on stdout."""
    text = shown(plan, format_, session, kinds=kinds, verbose=verbose)
    streams.result(text, exact=format_ == "json")


def shown(plan: Plan, format_: str, session: Session, *, kinds: Path | None, verbose: bool) -> str:
    """The plan as it is shown on stdout."""
    if format_ == "sql":
        from reconciler import library

        return library.preview(plan, kinds=kinds)
    from reconciler.render import render

    return render(
        plan,
        cast("Format", format_),
        color=streams.colored(sys.stdout, session),
        width=streams.width(sys.stdout),
        verbose=verbose,
    )
