"""`reconcile approve`: say, with a signature, that a saved plan may be applied."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from reconciler.cli import options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit


@click.command(context_settings=options.HELP)
@click.argument("file")
@options.option(
    "key",
    type=click.Path(path_type=Path),
    required=True,
    metavar="KEY",
    help="The SSH key to sign with, or its public half, where an agent holds it.",
)
@options.option(
    "as",
    "principal",
    envvar="RECONCILE_AS",
    metavar="NAME",
    help="By which name the allowed signers know the key (also: RECONCILE_AS; default: the "
    "comment of the public key).",
)
@options.option(
    "expires",
    default="24h",
    show_default=True,
    callback=options.duration,
    metavar="TIME",
    help=f"For how long it counts, {options.TIME}; a year at most.",
)
@options.option("json", "as_json", is_flag=True, help="The approval as JSON.")
@options.debug
@click.pass_obj
def approve(
    session: Session, file: str, key: Path, principal: str | None, expires: str, as_json: bool
) -> Exit:
    """Approve the saved plan in FILE: sign its plan_id with an SSH key.

    The approval is added to FILE.approvals, a line of JSON; several people can add theirs. It is of
    what the plan does, and counts for no other plan. Needs no database, and ssh-keygen.
    """
    session.own_codes = True
    session.untouched = True
    if file == "-":
        raise click.UsageError("an approval lies beside its plan: name a FILE.")
    from reconciler import approvals, shardfile
    from reconciler.render import escape
    from reconciler.rollout.pace import seconds_of

    plan = shardfile.load(file)
    path = approvals.beside(file)
    # A file that nothing can be added to is said before anybody touches a key.
    approvals.load(path)
    counts = plan.counts()
    streams.note(
        f"Plan {plan.plan_id[:12]}: {counts.create} to create, {counts.update} to update, "
        f"{counts.retire} to retire; reconcile show {escape.visible(file)} shows it all.\n"
    )
    expiring = timedelta(seconds=seconds_of(expires))
    made = approvals.sign(plan, key, principal=principal, expires=expiring)
    approvals.add(made, path)
    session.done = "The plan is approved."
    if as_json:
        streams.result(made.model_dump_json(indent=2) + "\n", exact=True)
    else:
        name, where = escape.name(made.principal), escape.visible(str(path))
        streams.result(f"Approved by {name}, until {made.expires}: added to {where}\n")
    return Exit.DONE
