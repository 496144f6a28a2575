"""`reconcile apply`: exactly one plan, saved before or made, shown and approved now."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import click

from reconciler import infile
from reconciler.cli import (
    all_templates,
    approving,
    options,
    planning,
    requiring,
    rolling,
    selecting,
    sharded,
    streams,
    watching,
)
from reconciler.cli.session import Session
from reconciler.errors import (
    Exit,
    ReconcilerError,
    StoppedError,
)

if TYPE_CHECKING:
    from reconciler.model.outcome import Outcome
    from reconciler.model.plan import Plan


@click.command(context_settings=options.HELP)
@click.argument("plan_or_template", metavar="[FILE|TEMPLATE]", required=False)
@planning.planning
@rolling.rolling
@requiring.requiring
@options.option("auto-approve", is_flag=True, help="Do not ask before applying a new plan.")
@options.asking
@options.lock_timeout
@options.option("json", "as_json", is_flag=True, help="The outcome as JSON.")
@options.verbose
@options.kinds
@options.database_url
@options.databases
@options.no_color
@options.debug
@click.pass_obj
def apply(
    session: Session,
    /,
    plan_or_template: str | None,
    auto_approve: bool,
    asking: bool,
    lock_timeout: str,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
    database: str,
    databases: Path | None,
    **asked: Any,
) -> Exit:
    """Apply the saved plan in FILE, or plan TEMPLATE, show the plan, ask, and apply it.

    A saved plan was reviewed, so nothing is asked. What exists as a file or ends in .json is
    a FILE (`-`: the standard input); everything else is a TEMPLATE, and it has to be said where it
    goes. With --all-templates each is planned, shown, asked about and applied by itself.

    With --wave or --canary it is applied in waves, each of them whole or not at all. A FILE that
    was applied in part is gone on with by applying it again.

    With --databases it is applied in one database after the other, each by itself: nothing is
    atomic across them.

    \b
    Exit codes:
      0  applied, or nothing to do
      1  error
      3  the plan has conflicts
      4  the plan is stale
      5  locked, or timed out
      6  not authorised
    4, 5 and 6 also where only some targets were refused, and the others are applied.
    """
    session.own_codes = True
    session.untouched = True
    pace = rolling.pace(asked)
    saved = plan_or_template if _is_file(plan_or_template) else None
    required = requiring.take(asked, saved)
    if _is_file(plan_or_template):
        if needless := planning.given(asked):
            raise click.UsageError(
                f"{plan_or_template} is taken for a saved plan, which says all this itself: "
                f"leave out {', '.join(needless)}."
            )
    elif plan_or_template is not None and not selecting.chosen(asked):
        raise click.UsageError(
            f"{plan_or_template} is no file, so it is taken for a template: "
            "say where it goes with --target ORG, --targets-from FILE, --installed or --where."
        )
    elif not (asking or auto_approve):
        raise ReconcilerError(
            "a new plan needs an approval, and -input=false forbids to ask for it",
            hint="1. Have it reviewed: reconcile plan ... --out FILE, then reconcile apply FILE\n"
            "2. Or add -auto-approve.",
        )
    if databases is not None:
        return sharded.apply(
            session,
            databases,
            saved,
            plan_or_template,
            asked,
            {**pace, **required},
            auto_approve=auto_approve,
            lock_timeout=lock_timeout,
            as_json=as_json,
            verbose=verbose,
            kinds=kinds,
        )
    if asked["all_templates"]:
        return all_templates.apply(session, database, plan_or_template, asked)
    from reconciler import library, planfile

    if _is_file(plan_or_template):
        made = planfile.load(plan_or_template)
    else:
        made = planning.make(database, plan_or_template, asked, kinds)
        kinds = Path(made.request.kinds) if made.request.kinds else None
        approving.approve(made, session, auto_approve=auto_approve, verbose=verbose)
    again = _again(plan_or_template, made, kinds)
    stays = rolling.staying(session, again, pace)
    try:
        with watching.waiting("Applying", stays):
            outcome = library.apply(
                database, made, kinds=kinds, lock_timeout=lock_timeout, **pace, **required
            )
    except ReconcilerError as error:
        requiring.tell(error, saved, again, shlex.join(made.request.command()))
        if isinstance(error, StoppedError):
            # The error itself says what stays.
            session.done = ""
            _say(error.outcome, as_json=as_json)
        raise
    session.done = "The plan is applied." if outcome.status != "incomplete" else session.done
    _say(outcome, as_json=as_json)
    return outcome.exit_code


def _is_file(given: str | None) -> TypeGuard[str]:
    return given is not None and (given == "-" or given.endswith(".json") or infile.is_file(given))


def _again(given: str | None, made: Plan, kinds: Path | None) -> str:
    """The command that applies this plan again, or, where it was not saved, makes it again."""
    if not _is_file(given):
        return shlex.join(["reconcile", "apply", *made.request.command()[2:]])
    directory = ["--kinds", str(kinds)] if kinds else []
    file = "FILE" if given == "-" else given
    return shlex.join(["reconcile", "apply", *directory, file, *requiring.words()])


def _say(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        streams.outcome(outcome.model_dump_json(indent=2) + "\n", exact=True)
        return
    from reconciler.render.outcome import render

    streams.outcome(render(outcome))
