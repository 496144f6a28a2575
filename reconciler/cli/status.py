"""`reconcile status`: how far every installation is, and with which exit code that ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options, selecting, sharded, streams, watching
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("template", required=False)
@selecting.selecting
@options.option("json", "as_json", is_flag=True, help="The status as JSON.")
@options.option("verbose", is_flag=True, help="Every installation, also those that are up to date.")
@options.kinds
@options.database_url
@options.databases
@options.no_color
@options.debug
@click.pass_obj
def status(
    session: Session,
    /,
    template: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
    databases: Path | None,
    **asked: Any,
) -> Exit:
    """Say how far installations are: of TEMPLATE, or of all templates.

    Only installations are told of, so --installed and --all-templates say nothing new here. Each
    is compared as `reconcile plan` would, but nobody has to be named: reading needs SELECT, and no
    more.

    \b
    Exit codes:
      0  nothing is pending
      1  error, or an installation could not be compared
      2  an installation is behind, or has rows to look at
      3  conflicts are waiting
    """
    if asked["all_templates"]:
        selecting.no_template(template)
    session.untouched = True
    if databases is not None:
        return sharded.status(
            session, databases, template, asked, as_json=as_json, verbose=verbose, kinds=kinds
        )
    from reconciler import library

    with watching.waiting("Comparing"):
        found = library.status(database, template, selecting.selection(asked), kinds=kinds)
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
