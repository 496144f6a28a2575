"""`reconcile kinds`: the tables whose rows are planned and applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit

if TYPE_CHECKING:
    from reconciler.model.kind import Column, Kind


@click.command(context_settings=options.HELP)
@options.option("json", "as_json", is_flag=True, help="The kinds as JSON.")
@options.kinds
@options.debug
@click.pass_obj
def kinds(session: Session, as_json: bool, kinds: Path | None) -> Exit:
    """List the kinds: table, key, columns with their owners and references, order of writing."""
    session.untouched = True
    from reconciler.kinds import load
    from reconciler.kinds.order import draw
    from reconciler.render import escape

    loaded = load(kinds)
    if as_json:
        content = [kind.model_dump(mode="json") for kind in loaded]
        import json

        streams.result(json.dumps(content, indent=2, ensure_ascii=False) + "\n", exact=True)
        return Exit.DONE
    lines = [line for kind in loaded for line in _lines(kind)]
    lines += ["Order of writing (in: its parent; ->: what it refers to)", draw(loaded)]
    streams.result(escape.lines("\n".join(lines)) + "\n")
    return Exit.DONE


def _lines(kind: Kind) -> Iterator[str]:
    yield f"{kind.name}: {kind.title}"
    yield f"  table     {kind.db_schema}.{kind.table}"
    if kind.installs:
        yield f"  installs  the template agent, named by {kind.installs.template}"
    else:
        yield f"  key       {', '.join(kind.key)}"
    if kind.provides:
        yield f"  provides  the tenant's {kind.provides} for the actor; no template has such rows"
    if kind.parent:
        yield f"  parent    {kind.parent.kind}, by {kind.parent.column}"
    if kind.where:
        yield f"  where     {kind.where}"
    if not kind.mirrored:
        yield "  written   never: rows of other kinds point at it"
    if kind.history:
        yield f"  history   never rewritten; mirrored: {kind.history.keep}"
    if kind.live:
        yield f"  live      {kind.live}"
    for index, column in enumerate(kind.columns):
        yield f"  {'' if index else 'columns':<9} {_column(column)}"
    for computed in kind.next_run:
        yield f"  computed  {computed.column}: when {computed.schedule} runs next"
    yield ""


def _column(column: Column) -> str:
    facts = [f"owner {column.owner}"]
    if column.references:
        facts.append(f"-> {column.references}" + (" or null" if column.nullable else ""))
    facts += ["or itself"] if column.itself else []
    facts += ["always the installation"] if column.installation else []
    facts += [f"the one with {column.flag}"] if column.flag else []
    facts += [f"follows {column.follows}"] if column.follows else []
    facts += ["required"] if column.required else []
    facts += [f"SQL at {column.queries.at}"] if column.queries else []
    facts += ["where the table has it"] if column.optional else []
    facts += ["sensitive"] if column.sensitive else []
    return f"{column.name}: {', '.join(facts)}"
