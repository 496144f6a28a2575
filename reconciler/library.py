"""The library: what the command line does, as calls, and the two that an application needs.

Every call takes a connection string or an idle psycopg connection, and raises errors of
`reconciler.errors`, each with a hint that says what to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler import kinds as kind_files
from reconciler.approvals import Approvals, Demand
from reconciler.catalogs import vocabulary as vocabulary
from reconciler.database.asking import run
from reconciler.database.connection import Database, session, transaction
from reconciler.database.platform import SETTINGS
from reconciler.database.templates import installed_from
from reconciler.differ.check import check
from reconciler.errors import (
    ConflictsError,
    NotAppliedError,
    PlanFileError,
    StalePlanError,
)
from reconciler.impact import catalog_change as catalog_change
from reconciler.insight import advise as advise
from reconciler.insight import status as status
from reconciler.insight import templates as templates
from reconciler.insight import why as why
from reconciler.kinds import Kinds
from reconciler.kinds.release import AUDITED, as_in
from reconciler.ledger import grants as granting
from reconciler.ledger import install as installing
from reconciler.model.approval import Approval
from reconciler.model.outcome import Installation, Outcome
from reconciler.model.plan import Plan
from reconciler.past import history as history
from reconciler.past import outcome as outcome
from reconciler.past import revision as revision
from reconciler.planning import plan as plan
from reconciler.planning import plan_undo as plan_undo
from reconciler.render.escape import visible
from reconciler.render.outline import Names
from reconciler.render.preview import preview as preview_statements
from reconciler.render.reasons import explanation
from reconciler.render.words import row
from reconciler.rollout import roll_out
from reconciler.rollout.pace import Pace
from reconciler.sql.grants import ROLES, Part, Way

# A race lost is planned again: the second of two installs then finds nothing to do. And so is
# what a lost connection rolled back.
ATTEMPTS: Final = 3


def apply(
    database: Database,
    plan: Plan,
    *,
    kinds: Path | None = None,
    lock_timeout: str = "10s",
    wave: str | None = None,
    canary: str | None = None,
    max_failures: int = 0,
    pause: str = "0s",
    approvals: Sequence[Approval] = (),
    require: Demand | None = None,
) -> Outcome:
    """Execute exactly this plan, or refuse it whole; in one transaction, or in waves.

    `wave` is of how many targets a transaction is: a number (`500`) or a part of those that the
    plan changes (`10%`); `100%` is one transaction. So is None, up to a million rows. `canary` is
    the size of a first, smaller wave; `pause` a time to wait after each wave, as `10min`. Each
    wave is a revision of its own, and a target is in one wave, or in none.

    Applied again, a plan goes on where it stopped, with waves of any size. `max_failures` is how
    many targets may be refused (stale, locked, not authorised) before it stops: they are left out
    of their wave, and stand in the outcome.

    `approvals` are the plan's (`reconciler.approvals`); the ledger's settings may demand some, and
    `require` does besides. Those that count are recorded with the revision.

    Where the connection is lost while committing, what became of it is asked on a new one, for
    as long as `lock_timeout`: the plan was applied, or NotAppliedError says that nothing was
    written, or OutcomeUnknownError that nobody could be asked. On a connection of the caller's,
    OutcomeUnknownError is raised at once, and `outcome` is the way to ask.

    Raises what `applier.apply` raises, then nothing was written; StoppedError, with an outcome,
    where something had been done or refused before; RefusedError for more than a million rows
    at once unasked.
    """
    pace = Pace.of(wave=wave, canary=canary, max_failures=max_failures, pause=pause)
    approved = Approvals(tuple(approvals), require)
    return roll_out(database, plan, kinds_of(plan, kinds), pace, lock_timeout, approved)


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
            done = apply(database, made)
        except (StalePlanError, NotAppliedError):
            if attempt == ATTEMPTS:
                raise
            continue
        return _installation(made, done)
    raise AssertionError("the last attempt returns or raises")


def init(database: Database, *, kinds: Path | None = None) -> list[str]:
    """Install the tracking columns and the ledger; says what was missing, one line each."""
    loaded = kind_files.load(kinds)
    with session(database) as connection:
        return installing.install(connection, loaded)


def init_script(*, kinds: Path | None = None) -> str:
    """What `init` would run, as one script."""
    return installing.script(kind_files.load(kinds))


def grants(
    database: Database,
    role: Part,
    *,
    to: str | None = None,
    kinds: Path | None = None,
    fence: Way | None = None,
) -> str:
    """The rights that planning (`reader`) or applying (`applier`) needs, as a script for psql.

    Made from the kinds and the catalog of the database; nothing is granted. `to` names the role
    that gets them: `reconcile_reader` or `reconcile_applier`, unless it is said. With `fence`, the
    script puts the fence of row-level security around an apply `up`, or takes it `down`.
    """
    loaded = kind_files.load(kinds)
    named = ROLES[role] if to is None else to
    with session(database) as connection:
        return granting.grants(connection, loaded, role, named, fence)


def preview(plan: Plan, *, kinds: Path | None = None) -> str:
    """The statements that an apply of this plan would send, as text to read."""
    loaded = kinds_of(plan, kinds)
    check(plan, loaded)
    fitted = tuple(
        as_in(kind, shape, plan.left_out).model_copy(
            update={"audit": kind.audit if AUDITED in shape else None}
        )
        for kind in loaded
        if kind.name in plan.kinds
        for shape in [plan.shapes[kind.name]]
    )
    return preview_statements(plan, fitted)


def kinds_of(plan: Plan, directory: Path | None) -> Kinds:
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


def _in_the_way(made: Plan) -> ConflictsError:
    names = Names(made)
    lines = [
        f"{row(one.address)} ({one.reason}): {explanation([one], names, visible)}"
        for one in made.conflicts
    ]
    return ConflictsError(
        "\n".join(lines),
        hint=f"Each way out is shown by: {shlex.join(made.request.command())}",
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
