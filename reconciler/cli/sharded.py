"""`--databases FILE`: the same for tenants that are spread over several databases."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import approving, planning, requiring, selecting, streams, watching
from reconciler.cli.failures import secrets_of
from reconciler.cli.session import Session
from reconciler.errors import Exit, PlanFileError, ReconcilerError, StoppedError
from reconciler.progress import Listener
from reconciler.redaction import redacted

if TYPE_CHECKING:
    from reconciler.model.event import Event
    from reconciler.model.sharded import ShardedOutcome, ShardedPlan
    from reconciler.shard_list import Databases


def plan(
    session: Session,
    file: Path,
    template: str | None,
    asked: Mapping[str, Any],
    *,
    out: str | None,
    format_: str,
    verbose: bool,
    kinds: Path | None,
    detailed: bool,
) -> Exit:
    """Plan in all databases, show the plan, and save it as one file."""
    from reconciler import shardfile
    from reconciler.cli.plan import exit_code
    from reconciler.cli.present import present

    made = _make(_load(session, file), template, asked, kinds)
    if out is not None:
        shardfile.save(made, out)
    present(made, format_, session, kinds=kinds, verbose=verbose)
    if out is not None:
        streams.note(_saved(made, out, file, kinds))
    codes = {exit_code(one.plan, detailed=detailed) for one in made.sections}
    return next((one for one in (Exit.CONFLICTS, Exit.CHANGES) if one in codes), Exit.DONE)


def apply(
    session: Session,
    file: Path,
    saved: str | None,
    template: str | None,
    asked: Mapping[str, Any],
    pace: Mapping[str, Any],
    *,
    auto_approve: bool,
    lock_timeout: str,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
) -> Exit:
    """Apply a saved plan, or plan, show, ask once and apply, one database after the other."""
    from reconciler import shardfile, shards
    from reconciler.model.plan import Plan

    databases = _load(session, file)
    if saved is not None:
        made = shardfile.load(saved)
        if isinstance(made, Plan):
            raise PlanFileError(
                f"{saved}: a plan for one database, which says itself which that is",
                hint="Leave out --databases, and name the database with --database-url.",
            )
        words = ["reconcile", "apply", *(["--kinds", str(kinds)] if kinds else [])]
        words += ["FILE" if saved == "-" else saved, "--databases", str(file), *requiring.words()]
    else:
        made = _make(databases, template, asked, kinds)
        request = made.sections[0].plan.request
        kinds = Path(request.kinds) if request.kinds else None
        approving.approve(made, session, auto_approve=auto_approve, verbose=verbose)
        words = ["reconcile", "apply", *request.command()[2:]]
    again = shlex.join(words)
    try:
        with watching.waiting("Applying", _staying(session, again)):
            outcome = shards.apply(databases, made, kinds=kinds, lock_timeout=lock_timeout, **pace)
    except ReconcilerError as error:
        save = shlex.join(made.sections[0].plan.request.command())
        requiring.tell(error, saved, again, save)
        if isinstance(error, StoppedError):
            # The error itself says what stays.
            session.done = ""
            _say(error.outcome, session, as_json=as_json)
        raise
    _say(outcome, session, as_json=as_json)
    return Exit(outcome.exit_code)


def status(
    session: Session,
    file: Path,
    template: str | None,
    asked: Mapping[str, Any],
    *,
    as_json: bool,
    verbose: bool,
    kinds: Path | None,
) -> Exit:
    """Say how far installations are in each database."""
    from reconciler import shards
    from reconciler.model.sharded import worst

    databases = _load(session, file)
    with watching.waiting("Comparing"):
        found = shards.status(databases, template, selecting.selection(asked), kinds=kinds)
    secrets = secrets_of(session)
    found = tuple(one.model_copy(update={"error": redacted(one.error, secrets)}) for one in found)
    if as_json:
        from reconciler.model.sharded import dump_status

        streams.result(dump_status(found) + "\n", exact=True)
    else:
        from reconciler.render.sharded import render_status

        text = render_status(
            found,
            color=streams.colored(sys.stdout, session),
            width=streams.width(sys.stdout),
            verbose=verbose,
        )
        streams.result(text)
    return worst(found)


def _load(session: Session, file: Path) -> Databases:
    """The databases in the file; their passwords are secrets of this run from now on."""
    context = click.get_current_context()
    if context.get_parameter_source("database") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--databases names all databases by itself: leave out --database-url."
        )
    if context.params.get("all_templates") and context.command.name != "status":
        raise click.UsageError(
            "--databases plans one template at a time: name it instead of --all-templates."
        )
    if context.params.get("undo") is not None:
        raise click.UsageError(
            "a revision is one of one database: with --undo leave out --databases, and name the "
            "database with --database-url."
        )
    from reconciler import shard_list

    databases = shard_list.load(file)
    session.conninfos = tuple(shard.dsn.get_secret_value() for shard in databases.shards)
    return databases


def _make(
    databases: Databases, template: str | None, asked: Mapping[str, Any], kinds: Path | None
) -> ShardedPlan:
    planning.make_sense(template, asked)
    from reconciler import shards

    rest = {name: one for name, one in selecting.rest(asked).items() if name != "undo"}
    with watching.waiting("Planning"):
        return shards.plan(
            databases, str(template), selecting.selection(asked), kinds=kinds, **rest
        )


def _saved(made: ShardedPlan, out: str, file: Path, kinds: Path | None) -> str:
    if made.blocking:
        return f"Saved to {out}, to be read; with conflicts it cannot be applied.\n"
    if made.empty:
        return f"Saved to {out}, to be read; there is nothing in it to apply.\n"
    words = ["reconcile", "apply", *(["--kinds", str(kinds)] if kinds else []), out]
    return (
        f"Saved. Apply exactly this plan with:  {shlex.join([*words, '--databases', str(file)])}\n"
    )


def _staying(session: Session, again: str) -> Listener:
    """Remember what stays applied, however the run ends; `again` is the command that goes on."""
    done: list[str] = []
    here = ""

    def hear(event: Event) -> None:
        nonlocal here
        match event.event:
            case "database_started":
                here = event.database
                return
            case "database_applied":
                done.append(event.database)
                said = ""
            case "wave_applied":
                reached = f"{event.targets_done} of {event.targets_total} targets"
                said = f" In {here}, {reached} are applied, and stay so."
            case _:
                return
        finished = f"Done, and that stays: {', '.join(done)}." if done else ""
        session.done = f"{finished}{said} Go on with: {again}".strip()

    return hear


def _say(outcome: ShardedOutcome, session: Session, *, as_json: bool) -> None:
    secrets = secrets_of(session)
    sections = tuple(
        one.model_copy(update={"error": redacted(one.error, secrets)}) for one in outcome.sections
    )
    outcome = outcome.model_copy(update={"sections": sections})
    if as_json:
        streams.outcome(outcome.model_dump_json(indent=2) + "\n", exact=True)
        return
    from reconciler.render.sharded import render_outcome

    streams.outcome(render_outcome(outcome))
