"""The library: what the command line does, as calls, and the two that an application needs.

Every call takes a connection string or an idle psycopg connection, and raises errors of
`reconciler.errors`, each with a hint that says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reconciler import applier, differ, reader
from reconciler import kinds as kind_files
from reconciler.applier.refusals import again
from reconciler.database.connection import Database, run, session, transaction
from reconciler.database.platform import SETTINGS, installed_from
from reconciler.differ.check import check
from reconciler.errors import (
    ConflictsError,
    NotFoundError,
    OutcomeUnknownError,
    PlanFileError,
    ReconcilerError,
    SchemaMismatchError,
    StalePlanError,
)
from reconciler.kinds import Kinds
from reconciler.kinds.release import as_in
from reconciler.ledger import install as installing
from reconciler.model.address import Address
from reconciler.model.outcome import Installation, Outcome
from reconciler.model.plan import Plan, Request, Resolution
from reconciler.model.snapshot import Snapshot
from reconciler.render.escape import visible
from reconciler.render.outline import Names
from reconciler.render.preview import preview as preview_statements
from reconciler.render.reasons import explanation
from reconciler.render.words import row

# A race lost is planned again: the second of two installs then finds nothing to do.
ATTEMPTS: Final = 3


def plan(
    database: Database,
    template: str,
    targets: Sequence[str],
    *,
    actor: str | None = None,
    name: str | None = None,
    adopt: Sequence[str] = (),
    skip: Sequence[str] = (),
    take: Sequence[str] = (),
    kinds: Path | None = None,
) -> Plan:
    """What installing the template into the targets, or re-syncing them, would do.

    `template` and `targets` are ids or slugs; `actor` is a user's id or e-mail address, None to
    act as operator. `adopt`, `skip` and `take` are addresses of conflicts to resolve. Nothing
    is written; conflicts are in the plan, not raised.

    Raises NotFoundError, RefusedError, NotAuthorisedError, SchemaMismatchError, KindError...
    """
    loaded = kind_files.load(kinds)
    if isinstance(targets, str):
        raise ReconcilerError(
            f"targets is the text {targets!r}", hint="Hand over a list, of one perhaps."
        )
    if not targets:
        raise NotFoundError("no target was named", hint="Name at least one: --target ORG.")
    with session(database) as connection:
        snapshot, acting, fitted = reader.read(connection, loaded, template, targets, actor, name)
    request = Request(
        template=template,
        targets=tuple(targets),
        actor=actor,
        name=name,
        kinds=str(kinds) if kinds else None,
        resolutions=_resolutions(acting.label, adopt=adopt, skip=skip, take=take),
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = differ.diff(snapshot, fitted, request, acting, now)
    if acting.mode == "operator" and acting.signs_as is None:
        _refuse_operator(made, snapshot)
    return made


def apply(
    database: Database,
    plan: Plan,
    *,
    kinds: Path | None = None,
    lock_timeout: str = "10s",
) -> Outcome:
    """Execute exactly this plan in one transaction, or refuse it whole (see `applier.apply`).

    Where the connection is lost while committing, the outcome is looked up on a new one; on a
    connection of the caller's, OutcomeUnknownError is raised instead.
    """
    loaded = _kinds_of(plan, kinds)
    try:
        with session(database) as connection:
            return applier.apply(connection, plan, loaded, lock_timeout)
    except OutcomeUnknownError:
        if not isinstance(database, str):
            raise
    # The same plan again waits for the lost transaction to end, and then finds that it was
    # applied, or applies it.
    with session(database) as connection:
        found = applier.apply(connection, plan, loaded, lock_timeout)
    return found.model_copy(update={"status": "applied"})


def install_agent_from_template(
    database: Database,
    template_agent_id: str,
    target_organization_id: str,
    user_id: str,
    name: str | None = None,
) -> Installation:
    """Install a template's agent, with its vocabulary, into an organisation; all or nothing.

    Where it is installed already, this is a re-sync of the same agent; `name` is then not
    used, since a renamed agent is the tenant's. Raises ConflictsError that names every row in
    the way, its owner and what to do; NotFoundError, RefusedError or NotAuthorisedError.
    """
    return _install(database, template_agent_id, target_organization_id, user_id, name)


def resync_installed_agent(
    database: Database, installed_agent_id: str, user_id: str
) -> Installation:
    """Bring an installed agent up to date with its template; all or nothing.

    Raises NotFoundError where there is no such agent, RefusedError where it is not installed
    from a template, and what `install_agent_from_template` raises.
    """
    template, organization = _installed_from(database, installed_agent_id)
    return _install(database, template, organization, user_id, None)


def _installed_from(database: Database, agent: str) -> tuple[str, str]:
    with session(database) as connection, transaction(connection, read_only=True):
        run(connection, [SETTINGS])
        return installed_from(connection, agent)


def _install(
    database: Database, template: str, organization: str, user: str, name: str | None
) -> Installation:
    for attempt in range(1, ATTEMPTS + 1):
        made = plan(database, template, [organization], actor=user, name=name)
        if made.conflicts:
            raise _in_the_way(made)
        try:
            outcome = apply(database, made)
        except StalePlanError:
            if attempt == ATTEMPTS:
                raise
            continue
        return _installation(made, outcome)
    raise AssertionError("the last attempt returns or raises")


def init(database: Database, *, kinds: Path | None = None) -> list[str]:
    """Install the tracking columns and the ledger; says what was missing, one line each."""
    loaded = kind_files.load(kinds)
    with session(database) as connection:
        return installing.install(connection, loaded)


def init_script(*, kinds: Path | None = None) -> str:
    """What `init` would run, as one script."""
    return installing.script(kind_files.load(kinds))


def preview(plan: Plan, *, kinds: Path | None = None) -> str:
    """The statements that an apply of this plan would send, as text to read."""
    loaded = _kinds_of(plan, kinds)
    check(plan, loaded)
    fitted = tuple(
        as_in(kind, plan.shapes[kind.name], plan.left_out)
        for kind in loaded
        if kind.name in plan.kinds
    )
    return preview_statements(plan, fitted)


def _kinds_of(plan: Plan, directory: Path | None) -> Kinds:
    """The kinds that a plan speaks of."""
    loaded = kind_files.load(directory)
    unknown = sorted(plan.kinds.keys() - {kind.name for kind in loaded})
    if unknown:
        raise PlanFileError(
            f"the plan speaks of {', '.join(unknown)}, and no such kind is declared here",
            hint="Name the directory of the kinds that it was made with: --kinds DIR.",
        )
    spoken_of = plan.kinds.keys() | plan.left_out.keys()
    return tuple(kind for kind in loaded if kind.name in spoken_of)


def _refuse_operator(made: Plan, snapshot: Snapshot) -> None:
    """Raise SchemaMismatchError where new rows must name a user, and an operator is none."""
    created = dict.fromkeys(
        change.address.kind for change in made.changes if change.action == "create"
    )
    needed = dict.fromkeys(snapshot.signed[kind] for kind in created if kind in snapshot.signed)
    if needed:
        raise SchemaMismatchError(
            f"an operator is no user, and {', '.join(needed)} must name one",
            hint="1. Name a user who is owner or admin of every target: --as USER.\n"
            "2. Or name, once, the user whose rows an operator's are: INSERT INTO "
            "reconcile.setting VALUES ('operator_user', 'USER_ID').",
        )


def _in_the_way(made: Plan) -> ConflictsError:
    names = Names(made)
    lines = [
        f"{row(one.address)} ({one.reason}): {explanation([one], names, visible)}"
        for one in made.conflicts
    ]
    return ConflictsError(
        "\n".join(lines),
        hint=f"Each way out is shown by: {again(made)}",
        conflicts=made.conflicts,
    )


def _installation(made: Plan, outcome: Outcome) -> Installation:
    target = made.targets[0]
    minted = [one for change in made.changes if change.action == "create" for one in change.ids]
    return Installation(
        agent_id=target.agent_id or minted[0],
        organization_id=target.organization.id,
        created=target.agent_id is None and outcome.status == "applied",
        revision=outcome.revision,
        counts=outcome.counts,
    )


def _resolutions(
    chosen_by: str, *, adopt: Sequence[str], skip: Sequence[str], take: Sequence[str]
) -> tuple[Resolution, ...]:
    found: dict[Address, Resolution] = {}
    for action, addresses in (("adopt", adopt), ("skip", skip), ("take", take)):
        for text in addresses:
            try:
                address = Address.parse(text)
            except ValueError as error:
                raise ReconcilerError(
                    str(error), hint=f"--{action} takes one address; the plan shows them."
                ) from error
            one = Resolution.model_validate(
                {"action": action, "address": address, "chosen_by": chosen_by}
            )
            if found.setdefault(address, one) != one:
                raise ReconcilerError(
                    f"{address} is resolved twice: {found[address].action} and {action}",
                    hint="Decide for one.",
                )
    return tuple(found[address] for address in sorted(found))
