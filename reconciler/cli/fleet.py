"""`reconcile fleet`: a plan as jobs that are kept in the database, and the workers that do them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler import infile
from reconciler.cli import options, requiring, rolling, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit, ReconcilerError

if TYPE_CHECKING:
    from reconciler.model.enqueued import Deferred
    from reconciler.model.event import Event

_SECONDS: Final = {"ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}


@click.group(context_settings=options.HELP)
def fleet() -> None:
    """Have a plan applied by workers, on as many machines as wanted.

    A plan's waves are jobs that are kept in the database; needs the extra `fleet`.

    \b
        reconcile fleet init
        reconcile fleet enqueue fleet.plan.json --canary 10 --wave 500
        reconcile fleet worker              (on each machine)
        reconcile fleet status
    """


@fleet.command(context_settings=options.HELP)
@options.option("print", "only_print", is_flag=True, help="Print the SQL, and run none of it.")
@options.database_url
@options.debug
@click.pass_obj
def init(session: Session, only_print: bool, database: str) -> Exit:
    """Install the workers' queue (schema reconcile_fleet), where it is missing."""
    session.untouched = True
    from reconciler import fleet as room

    if only_print:
        streams.result(room.script())
        return Exit.DONE
    installed = room.init(database)
    session.done = "Everything is installed."
    lines = [f"Installed {line}" for line in installed] or ["Everything is installed already."]
    streams.result("\n".join(lines) + "\n")
    return Exit.DONE


@fleet.command(context_settings=options.HELP)
@click.argument("file")
@rolling.rolling
@requiring.requiring
@options.lock_timeout
@options.option("json", "as_json", is_flag=True, help="What was enqueued, as JSON.")
@options.kinds
@options.database_url
@options.debug
@click.pass_obj
def enqueue(
    session: Session,
    /,
    file: str,
    lock_timeout: str,
    as_json: bool,
    kinds: Path | None,
    database: str,
    **asked: Any,
) -> Exit:
    """Give the saved plan in FILE to the workers.

    Each wave is a job. With --canary the first is the only one, until it is applied; with --pause
    they go one after the other. What an apply would refuse at once is refused here, with the same
    exit codes; a plan that was enqueued before stays as it is.

    The approvals in FILE.approvals are kept for the workers, who look for what the ledger's
    settings demand; what --require-approval demands is asked here only.
    """
    session.own_codes = True
    session.untouched = True
    pace = rolling.pace(asked)
    required = requiring.take(asked, file)
    from reconciler import fleet as room
    from reconciler import planfile
    from reconciler.rollout.pace import Pace

    plan = planfile.load(file)
    try:
        done = room.enqueue(
            database, plan, kinds=kinds, lock_timeout=lock_timeout, **pace, **required
        )
    except ReconcilerError as error:
        words = ["fleet", "enqueue", "FILE" if file == "-" else file, *Pace.of(**pace).words()]
        requiring.tell(error, file, shlex.join(["reconcile", *words, *requiring.words()]))
        raise
    session.done = "The plan is enqueued."
    return _say(done, as_json=as_json)


@fleet.command(context_settings=options.HELP)
@options.option(
    "concurrency",
    type=click.IntRange(min=1, max=64),
    default=1,
    show_default=True,
    metavar="N",
    help="How many waves at a time.",
)
@options.option("until-empty", is_flag=True, help="End when no job is left, here or elsewhere.")
@options.option("name", help="What the database shows as the name of its connections.")
@options.option(
    "silent",
    default="30s",
    show_default=True,
    callback=options.duration,
    metavar="TIME",
    help=f"After this time ({options.TIME}) a worker that says nothing is taken for dead, "
    "and others do its jobs; the same for all workers.",
)
@options.option("json", "as_json", is_flag=True, help="What it does, as events on stderr.")
@options.kinds
@options.database_url
@options.debug
@click.pass_obj
def worker(
    session: Session,
    concurrency: int,
    until_empty: bool,
    name: str | None,
    silent: str,
    as_json: bool,
    kinds: Path | None,
    database: str,
) -> Exit:
    """Apply waves, until SIGTERM or Ctrl-C; the wave in progress is then finished first.

    At a second one, or at SIGKILL, it is rolled back, and another worker does it. The database has
    to be reached directly, and not through a proxy that pools transactions.

    With --until-empty it ends with 0 also where a plan has stopped, since a worker that is started
    again could do nothing about that: the exit code of `reconcile fleet status` tells.
    """
    session.done = "Waves that were applied stay; `reconcile fleet status` says how far plans are."
    number, unit = re.fullmatch(r"(\d+) ?(\w+)", silent).groups()  # type: ignore[union-attr]
    from reconciler import fleet as room
    from reconciler.progress import listening

    with listening(streams.event if as_json else _hear):
        room.work(
            database,
            kinds=kinds,
            concurrency=concurrency,
            until_empty=until_empty,
            name=name,
            silent=max(int(number) * _SECONDS[unit], 0.3),
        )
    return Exit.DONE


@fleet.command(context_settings=options.HELP)
@click.argument("plan", metavar="[PLAN_ID|FILE]", required=False)
@options.option("json", "as_json", is_flag=True, help="The status as JSON.")
@options.option("verbose", is_flag=True, help="Every target that was refused.")
@options.database_url
@options.debug
@click.pass_obj
def status(session: Session, plan: str | None, as_json: bool, verbose: bool, database: str) -> Exit:
    """Say how far the plans are that were enqueued, or one of them.

    \b
    Exit codes:
      0        all is applied
      2        it is going on
      4, 5, 6  targets were refused: stale, locked, not authorised
      1        error; or it was cancelled, or stopped by one
    """
    session.untouched = True
    from reconciler import fleet as room

    found = room.queue(database, _plan_id(plan) if plan else None)
    if as_json:
        streams.result(found.model_dump_json(indent=2) + "\n", exact=True)
    else:
        from reconciler.render.enqueued import render

        streams.result(render(found, verbose=verbose))
    return found.exit_code


@fleet.command(context_settings=options.HELP)
@click.argument("plan", metavar="PLAN_ID|FILE")
@options.option(
    "max-failures",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many targets may be refused from now on (default: as before).",
)
@options.option("json", "as_json", is_flag=True, help="What was resumed, as JSON.")
@options.database_url
@options.debug
@click.pass_obj
def resume(
    session: Session, plan: str, max_failures: int | None, as_json: bool, database: str
) -> Exit:
    """Go on with a plan that has stopped, or was cancelled; refused targets are tried again."""
    session.untouched = True
    from reconciler import fleet as room

    done = room.resume(database, _plan_id(plan), max_failures=max_failures)
    return _say(done, as_json=as_json)


@fleet.command(context_settings=options.HELP)
@click.argument("plan", metavar="PLAN_ID|FILE")
@options.option("json", "as_json", is_flag=True, help="What was cancelled, as JSON.")
@options.database_url
@options.debug
@click.pass_obj
def cancel(session: Session, plan: str, as_json: bool, database: str) -> Exit:
    """Take what waits of a plan from the workers; waves that are applied stay."""
    session.untouched = True
    from reconciler import fleet as room

    return _say(room.cancel(database, _plan_id(plan)), as_json=as_json)


def _plan_id(given: str) -> str:
    if given == "-" or given.endswith(".json") or infile.is_file(given):
        from reconciler import planfile

        return planfile.load(given).plan_id
    return given


def _hear(event: Event) -> None:
    from reconciler.render import escape

    match event.event:
        case "note":
            streams.note(f"{escape.hanging(event.text)}\n")
        case "target_refused":
            one = event.refusal
            slug, why = escape.name(one.slug), escape.visible(one.why)
            streams.note(f"  ! {slug}  {one.reason}  {why}\n")
        case _:
            pass


def _say(done: Deferred, *, as_json: bool) -> Exit:
    if as_json:
        streams.outcome(done.model_dump_json(indent=2) + "\n", exact=True)
    else:
        from reconciler.render.enqueued import deferred

        streams.outcome(deferred(done))
    return Exit.DONE
