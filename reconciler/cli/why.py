"""`reconcile why`: whose a row is, and why it is as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli import options, streams, watching
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("target")
@click.argument("address")
@options.option(
    "template",
    metavar="TEMPLATE",
    help="Which template to ask about, where that is not clear by itself.",
)
@options.option("json", "as_json", is_flag=True, help="The answer as JSON.")
@options.verbose
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def why(
    session: Session,
    target: str,
    address: str,
    template: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
) -> Exit:
    """Say whose the row at ADDRESS is in TARGET, and why it is as it is.

    Who owns it, which revisions changed it, where the values differ from those last applied and
    from the template's, what a plan would do now, and the commands that would change that.
    """
    session.untouched = True
    from reconciler import library

    with watching.waiting("Looking"):
        found = library.why(database, target, address, template=template, kinds=kinds)
    if as_json:
        from reconciler.model.canonical import pretty

        streams.result(pretty(found.model_dump()) + "\n", exact=True)
        return Exit.DONE
    from reconciler.render.why import render

    text = render(
        found,
        color=streams.colored(sys.stdout, session),
        width=streams.width(sys.stdout),
        verbose=verbose,
    )
    streams.result(text)
    return Exit.DONE
