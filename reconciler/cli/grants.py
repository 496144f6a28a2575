"""`reconcile grants`: the least that a database role needs, as SQL for whoever may grant it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit

if TYPE_CHECKING:
    from reconciler.sql.grants import Part


@click.command(context_settings=options.HELP)
@options.option(
    "role",
    type=click.Choice(["reader", "applier"]),
    required=True,
    help="What the role is to do: plan and look, or apply.",
)
@options.option(
    "to",
    metavar="ROLE",
    help="The role's name (default: reconcile_reader, reconcile_applier).",
)
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def grants(session: Session, role: Part, to: str | None, kinds: Path | None, database: str) -> Exit:
    """Print the rights that reading, or applying, needs, as a script for psql; grant none of it."""
    session.untouched = True
    from reconciler import library
    from reconciler.render import escape

    streams.result(escape.lines(library.grants(database, role, to=to, kinds=kinds)))
    return Exit.DONE
