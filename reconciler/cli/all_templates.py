"""`--all-templates`: the same for every template that is installed, one plan and one apply each.

What cannot be done with one is said, and does not stop the others. Each is read at its own instant
and applied in its own transaction: together they are not one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import failures, planning, selecting, streams
from reconciler.cli.session import Session
from reconciler.errors import (
    DatabaseError,
    Exit,
    HiddenRowsError,
    PlanFileError,
    ReconcilerError,
)

if TYPE_CHECKING:
    from reconciler.model.plan import Counts, Plan
    from reconciler.model.snapshot import Template


def templates(
    database: str, template: str | None, asked: Mapping[str, Any], kinds: Path | None
) -> tuple[Template, ...]:
    """The templates that are meant. Raises UsageError for what makes no sense together."""
    planning.make_sense(template, asked)
    if asked["targets_from"] == "-":
        raise click.UsageError(
            "--all-templates reads the list of targets once a template, and the standard input can "
            "be read only once: name a file."
        )
    from reconciler import library

    return library.templates(database, selecting.selection(asked), kinds=kinds)


def plan(
    session: Session,
    database: str,
    asked: Mapping[str, Any],
    *,
    out: str | None,
    format_: str,
    verbose: bool,
    kinds: Path | None,
    detailed: bool,
) -> Exit:
    """Plan each template, show the plans one after another, and save each in the directory."""
    from reconciler.cli.plan import exit_code
    from reconciler.cli.present import shown
    from reconciler.render import words

    found = templates(database, None, asked, kinds)
    directory = _directory(out) if out is not None else None
    codes: set[Exit] = set()
    counts: list[Counts] = []
    texts: list[str] = []
    for one in found:
        try:
            made = planning.make(database, one.agent_id, selecting.one_of_all(asked), kinds)
        except (DatabaseError, HiddenRowsError):
            raise
        except ReconcilerError as error:
            _say(error, one, session, database)
            codes.add(Exit.ERROR)
            continue
        if directory is not None:
            _save(made, directory)
        codes.add(exit_code(made, detailed=detailed))
        counts.append(made.counts())
        text = shown(made, format_, session, kinds=kinds, verbose=verbose)
        if format_ == "json":
            texts.append(text.rstrip("\n"))
        else:
            streams.result(f"{text}\n")
    if format_ == "json":
        streams.result("[" + ",\n".join(texts) + "]\n", exact=True)
    tell = streams.result if format_ == "text" else streams.note
    tell(words.all_templates(counts, len(found)) + "\n")
    if directory is not None and counts:
        streams.note(f"Saved in {directory}. Apply each with:  reconcile apply FILE\n")
    order = (Exit.ERROR, Exit.CONFLICTS, Exit.CHANGES)
    return next((code for code in order if code in codes), Exit.DONE)


def apply(session: Session, database: str, template: str | None, asked: Mapping[str, Any]) -> Exit:
    """Plan, show, ask and apply, once a template.

    The exit code is what all that could not be applied end with, or 1 where they differ.
    """
    context = click.get_current_context()
    found = templates(database, template, asked, context.params["kinds"])
    codes: set[Exit] = set()
    done = 0
    for one in found:
        session.done = f"{done} of {len(found)} templates are applied." if done else ""
        told = {**context.params, **selecting.one_of_all(asked), "plan_or_template": one.agent_id}
        try:
            code = context.invoke(context.command, **told)
            codes |= {code} - {Exit.DONE}
            done += code == Exit.DONE
        except (DatabaseError, HiddenRowsError):
            raise
        except ReconcilerError as error:
            codes.add(_say(error, one, session, database))
    session.done = f"{done} of {len(found)} templates are applied."
    streams.note(f"{session.done}\n")
    return codes.pop() if len(codes) == 1 else Exit.ERROR if codes else Exit.DONE


def _say(error: ReconcilerError, one: Template, session: Session, database: str) -> Exit:
    error.message = f"template {one.name} ({one.agent_id}): {error.message}"
    return failures.expected(error, session, [database])


def _directory(out: str) -> Path:
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlanFileError(
            f"{out} cannot be a directory of plans: {error.strerror}",
            hint="With --all-templates, --out names a directory, for a file a template.",
        ) from error
    return Path(out)


def _save(made: Plan, directory: Path) -> None:
    from urllib.parse import quote

    from reconciler import planfile

    # An id is any text; percent-encoded, it is the name of a file in this directory and no other.
    planfile.save(made, directory / f"{quote(made.template.agent_id, safe='')}.plan.json")
