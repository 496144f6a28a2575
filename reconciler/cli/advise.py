"""`reconcile advise`: what having a template by reference would save, and what it would change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options, selecting, streams, watching
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("template", required=False)
@selecting.selecting
@options.option("fleet", is_flag=True, help="One answer for all installations of a template.")
@options.option(
    "format",
    "format_",
    type=click.Choice(("text", "markdown", "json")),
    help="How to show the advice (default: text).",
)
@options.as_json
@options.option("verbose", is_flag=True, help="Every installation, however many there are.")
@options.kinds
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def advise(
    session: Session,
    /,
    template: str | None,
    fleet: bool,
    format_: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
    **asked: Any,
) -> Exit:
    """Say whether TEMPLATE, or each template, should be had by reference instead of as copies.

    Installations are compared as `reconcile plan --convert reference` would, but nobody has to be
    named, and nothing is written: which rows nobody ever customised, what converting would save,
    and what it would change. Only installations are told of, so --installed and --all-templates
    say nothing new here.

    \b
    Bytes are measured in the database: the columns that kinds declare, of the rows that would give
    way and of what belongs to them, as they are stored, with the header of a row. Indexes, and the
    room between rows, are not among them. Rows that gave way are retired: they take that room
    until the platform deletes them for good.

    \b
    Exit codes:
      0  there is an answer
      1  error, or installations could not be compared
    """
    shown = options.format_of(format_, as_json)
    if asked["all_templates"]:
        selecting.no_template(template)
    session.untouched = True
    from reconciler import library

    with watching.waiting("Comparing"):
        found = library.advise(
            database, template, selecting.selection(asked), fleet=fleet, kinds=kinds
        )
    if shown == "json":
        streams.result(found.model_dump_json(indent=2) + "\n", exact=True)
    else:
        from reconciler.render import advice as words

        if shown == "markdown":
            streams.result(words.markdown(found, verbose=verbose))
        else:
            color = streams.colored(sys.stdout, session)
            width = streams.width(sys.stdout)
            streams.result(words.text(found, color=color, width=width, verbose=verbose))
    failed = any(one.because == "failed" for one in found.templates)
    return Exit.ERROR if failed else Exit.DONE
