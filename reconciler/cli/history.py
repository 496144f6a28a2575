"""`reconcile history`: what was applied, when and by whom."""

from __future__ import annotations

import shlex
import sys

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("target", required=False)
@options.option(
    "limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many revisions to show at most.",
)
@options.option("json", "as_json", is_flag=True, help="The revisions as JSON.")
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def history(session: Session, target: str | None, limit: int, as_json: bool, database: str) -> Exit:
    """List the revisions in the ledger, newest first.

    With TARGET, an organisation's id or slug, only those that it was a target of. One that was
    deleted since is found by its id. `reconcile show REVISION` shows the plan of one.
    """
    session.untouched = True
    from reconciler import library
    from reconciler.model.revision import History

    found = library.history(database, target, limit=limit + 1)
    shown, more = found[:limit], len(found) > limit
    if as_json:
        told = History(revisions=shown, more=more)
        streams.result(told.model_dump_json(indent=2) + "\n", exact=True)
        return Exit.DONE
    from reconciler.render import history as table

    words = ["reconcile", "history", *([target] if target else []), "--limit", str(limit * 5)]
    text = table.render(
        shown,
        target=target,
        more=shlex.join(words) if more else "",
        width=streams.columns(sys.stdout),
    )
    streams.result(text)
    return Exit.DONE
