"""`reconcile grants`: the least that a database role needs, as SQL for whoever may grant it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit

if TYPE_CHECKING:
    from reconciler.sql.grants import Part, Way


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
@options.option(
    "fence",
    type=click.Choice(["up", "down"]),
    help="For an applier: row-level security around what an apply writes, and how to do without.",
)
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def grants(
    session: Session,
    role: Part,
    to: str | None,
    fence: Way | None,
    kinds: Path | None,
    database: str,
) -> Exit:
    """Print the rights that reading, or applying, needs, as a script for psql; grant none of it."""
    session.untouched = True
    from reconciler import library
    from reconciler.render import escape

    script = library.grants(database, role, to=to, kinds=kinds, fence=fence)
    streams.result(escape.lines(script))
    return Exit.DONE
