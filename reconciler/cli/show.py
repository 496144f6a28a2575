"""`reconcile show`: a saved plan, in any format."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("file")
@options.format_
@options.as_json
@options.verbose
@options.kinds
@options.no_color
@options.debug
@click.pass_obj
def show(
    session: Session,
    file: str,
    format_: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
) -> Exit:
    """Show the plan in FILE (`-`: the standard input); needs no database."""
    format_ = options.format_of(format_, as_json)
    session.untouched = True
    from reconciler import planfile
    from reconciler.cli.present import present

    present(planfile.load(file), format_, session, kinds=kinds, verbose=verbose)
    return Exit.DONE
