"""`reconcile init`: the tracking columns and the ledger, which everything else needs."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@options.option("print", "only_print", is_flag=True, help="Print the SQL, and run none of it.")
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def init(session: Session, only_print: bool, kinds: Path | None, database: str) -> Exit:
    """Install the tracking columns and the ledger, where they are missing."""
    session.untouched = True
    from reconciler import library
    from reconciler.render import escape

    if only_print:
        streams.result(library.init_script(kinds=kinds))
        return Exit.DONE
    installed = library.init(database, kinds=kinds)
    session.done = "Everything is installed."
    lines = [f"Installed {line}" for line in installed] or ["Everything is installed already."]
    streams.result(escape.lines("\n".join(lines)) + "\n")
    return Exit.DONE
