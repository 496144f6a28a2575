"""`reconcile plan`: what would change, without changing anything."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import all_templates, catalog_changes, options, planning, sharded, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit

if TYPE_CHECKING:
    from reconciler.model.plan import Plan


@click.command(context_settings=options.HELP)
@click.argument("template", required=False)
@planning.planning
@catalog_changes.options
@options.option(
    "out",
    metavar="FILE",
    help="Also save the plan, for `reconcile apply FILE`; with --all-templates a directory, with"
    " a file a template.",
)
@options.option(
    "detailed-exitcode",
    is_flag=True,
    help="End with 2 where there are changes, and with 0 only where there are none.",
)
@options.format_
@options.as_json
@options.verbose
@options.kinds
@options.database_url
@options.databases
@options.asking
@options.no_color
@options.debug
@click.pass_obj
def plan(
    session: Session,
    /,
    template: str | None,
    catalog_change: str | None,
    catalog: str | None,
    out: str | None,
    detailed_exitcode: bool,
    format_: str | None,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
    databases: Path | None,
    asking: bool,  # noqa: ARG001  accepted because pipelines pass it everywhere
    **asked: Any,
) -> Exit:
    """Show what installing TEMPLATE into organisations, or re-syncing them, would change.

    With --destroy what uninstalling it would, with --undo what taking back a revision would; with
    --catalog-change which rows of whom a public catalog's change would leave invalid.

    \b
    Exit codes:
      0  done
      1  error
      2  there are changes (only with -detailed-exitcode)
      3  there are conflicts (with --skip-conflicted: in every target)
    """
    format_ = options.format_of(format_, as_json)
    session.untouched = True
    if catalog_change is not None or catalog is not None:
        return catalog_changes.plan(
            session,
            database,
            catalog_change,
            catalog,
            format_=format_,
            verbose=verbose,
            detailed=detailed_exitcode,
        )
    if databases is not None:
        return sharded.plan(
            session,
            databases,
            template,
            asked,
            out=out,
            format_=format_,
            verbose=verbose,
            kinds=kinds,
            detailed=detailed_exitcode,
        )
    if asked["all_templates"]:
        planning.make_sense(template, asked)
        return all_templates.plan(
            session,
            database,
            asked,
            out=out,
            format_=format_,
            verbose=verbose,
            kinds=kinds,
            detailed=detailed_exitcode,
        )
    from reconciler import planfile
    from reconciler.cli.present import present

    made = planning.make(database, template, asked, kinds)
    if out is not None:
        planfile.save(made, out)
    present(made, format_, session, kinds=kinds, verbose=verbose)
    if out is not None:
        streams.note(_saved(made, out, kinds))
    return exit_code(made, detailed=detailed_exitcode)


def exit_code(made: Plan, *, detailed: bool) -> Exit:
    """What a plan ends the run with."""
    if made.blocking:
        return Exit.CONFLICTS
    drifted = made.request.mode == "refresh" and (made.drift or made.notes)
    return Exit.CHANGES if detailed and (drifted or not made.empty) else Exit.DONE


def _saved(made: Plan, out: str, kinds: Path | None) -> str:
    if made.blocking:
        return f"Saved to {out}, to be read; with conflicts it cannot be applied.\n"
    if made.empty:
        return f"Saved to {out}, to be read; there is nothing in it to apply.\n"
    words = ["reconcile", "apply", *(["--kinds", str(kinds)] if kinds else []), out]
    return f"Saved. Apply exactly this plan with:  {shlex.join(words)}\n"
