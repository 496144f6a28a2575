"""`reconcile show`: a saved plan, or the plan of a revision, in any format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from reconciler import infile
from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit

# As many digits as a revision's number can have.
_NUMBER: Final = re.compile("[0-9]{1,18}")


@click.command(context_settings=options.HELP)
@click.argument("plan", metavar="FILE|REVISION")
@options.format_
@options.as_json
@options.verbose
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def show(
    session: Session,
    plan: str,
    format_: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
) -> Exit:
    """Show the plan in FILE (`-`: the standard input), or the plan of a REVISION.

    A FILE needs no database. A number that is no file is a REVISION of the ledger (`reconcile
    history` lists them): who applied it and when, and the plan as it was reviewed. As JSON, the
    plan alone is on stdout, and the rest on stderr.
    """
    format_ = options.format_of(format_, as_json)
    session.untouched = True
    from reconciler import shardfile
    from reconciler.cli.present import present

    if not _NUMBER.fullmatch(plan) or infile.is_file(plan):
        present(shardfile.load(plan), format_, session, kinds=kinds, verbose=verbose)
        return Exit.DONE
    from reconciler import library
    from reconciler.render import escape
    from reconciler.render.history import headline

    revision, applied = library.revision(database, int(plan))
    match format_:
        case "json":
            streams.note(f"{headline(revision)}\n")
        case "sql":
            streams.result(f"-- {headline(revision)}\n")
        case "markdown":
            streams.result(f"{headline(revision, escape.code)}\n\n")
        case _:
            streams.result(f"{headline(revision)}\n\n")
    present(applied, format_, session, kinds=kinds, verbose=verbose)
    return Exit.DONE
