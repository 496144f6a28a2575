"""`reconcile status`: how far every installation is, and with which exit code that ends."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("template", required=False)
@options.option(
    "target",
    "targets",
    multiple=True,
    metavar="ORG",
    help="Only this organisation, by id or slug; repeatable.",
)
@options.option("json", "as_json", is_flag=True, help="The status as JSON.")
@options.option("verbose", is_flag=True, help="Every installation, also those that are up to date.")
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def status(
    session: Session,
    template: str | None,
    targets: tuple[str, ...],
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
) -> Exit:
    """Say how far installations are: of TEMPLATE, or of all templates.

    Each is compared as `reconcile plan` would, but nobody has to be named: reading needs SELECT,
    and no more.

    \b
    Exit codes:
      0  nothing is pending
      1  error, or an installation could not be compared
      2  an installation is behind, or has rows to look at
      3  conflicts are waiting
    """
    session.untouched = True
    from reconciler import library

    with streams.waiting("Comparing"):
        found = library.status(database, template, targets, kinds=kinds)
    if as_json:
        streams.result(found.model_dump_json(indent=2) + "\n", exact=True)
    else:
        from reconciler.render.status import render

        text = render(
            found,
            color=streams.colored(sys.stdout, session),
            width=streams.width(sys.stdout),
            verbose=verbose,
        )
        streams.result(text)
    return Exit(found.exit_code)
