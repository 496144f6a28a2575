"""`reconcile vocabulary`: what each slug means to an agent or a tenant, and where it is from."""

from __future__ import annotations

import sys

import click

from reconciler.cli import options, streams, watching
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("name", metavar="AGENT|TENANT")
@options.option(
    "format",
    "format_",
    type=click.Choice(("text", "markdown", "json")),
    help="How to show the vocabulary (default: text).",
)
@options.as_json
@options.database_url
@options.no_color
@options.debug
@click.pass_obj
def vocabulary(
    session: Session, name: str, format_: str | None, as_json: bool, database: str
) -> Exit:
    """Say what each slug means to an agent (by its id), or in a tenant (by its id or slug).

    The nearest live row counts: the own organisation's, then that of the first catalog on the
    search path. What is shadowed, and what is named but cannot be read (dangling), is said, too;
    it is no failure, and ends with 0 all the same.
    """
    shown = options.format_of(format_, as_json)
    session.untouched = True
    from reconciler import library

    with watching.waiting("Reading"):
        found = library.vocabulary(database, name)
    if shown == "json":
        from reconciler.model.canonical import pretty

        streams.result(pretty(found.model_dump()) + "\n", exact=True)
        return Exit.DONE
    from reconciler.render import vocabulary as words

    if shown == "markdown":
        streams.result(words.markdown(found))
    else:
        color = streams.colored(sys.stdout, session)
        streams.result(words.text(found, color=color, width=streams.width(sys.stdout)))
    return Exit.DONE
