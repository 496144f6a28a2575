"""The refusals of an apply, each with what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from reconciler.database.fit import Shapes
from reconciler.differ.check import check
from reconciler.errors import (
    ConflictsError,
    NotAppliedError,
    NotInitialisedError,
    OutcomeUnknownError,
    PlanFileError,
    SchemaMismatchError,
    StalePlanError,
    UnprovenError,
)
from reconciler.kinds import Kinds
from reconciler.model.change import Create, Rewrite
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Plan
from reconciler.model.snapshot import DatabaseIdentity

_SHOWN = 20
# Whoever knows the file's name puts it in.
_APPLY = "reconcile apply FILE"


def refuse_elsewhere(plan: Plan, database: Callable[[], DatabaseIdentity]) -> None:
    """Raise PlanFileError where the plan was made for another database than this one: that says
    more than that the ledger is missing, too. Raises what asking for this database raises.
    """
    try:
        here = database()
    except NotInitialisedError as error:
        if error.database in (None, plan.database):
            raise
        raise _elsewhere(plan, error.database, ", which has no ledger") from error
    if here != plan.database:
        raise _elsewhere(plan, here)


def _elsewhere(plan: Plan, here: DatabaseIdentity, besides: str = "") -> PlanFileError:
    return PlanFileError(
        f"the plan was made for the database {plan.database.name} (system "
        f"{plan.database.system_identifier}), and this is {here.name} (system "
        f"{here.system_identifier}){besides}; nothing was written",
        hint=f"1. Apply it where it was made: check {plan.request.databases or '--database-url'}.\n"
        f"2. Or make a plan for this database: {again(plan)}",
    )


def another_database(plan: Plan, here: DatabaseIdentity) -> PlanFileError:
    """What became of the plan is asked of a database that cannot know."""
    return PlanFileError(
        f"the plan was made for the database {plan.database.name} (system "
        f"{plan.database.system_identifier}), and this is {here.name} (system "
        f"{here.system_identifier}), which knows nothing of it",
        hint="Ask where it was made: check --database-url.",
    )


def not_applied(plan: Plan) -> NotAppliedError:
    """The connection was lost while committing, and the database rolled back."""
    return NotAppliedError(
        "the connection was lost while committing, and the database has rolled the transaction "
        f"back: plan {plan.plan_id[:12]} was not applied, nothing was written",
        hint=f"Apply the same plan again, as it is: {_APPLY}",
    )


def unknown(plan: Plan, why: str, transaction_id: str | None) -> OutcomeUnknownError:
    """The connection was lost while committing, and nobody can tell how that ended."""
    return OutcomeUnknownError(
        "the connection was lost while committing, and whether the plan was applied is not "
        f"known: {why}",
        hint=f"1. Apply the same plan again: {_APPLY}\n"
        "   That is safe: a plan is applied once, and if it was already, this says so.\n"
        "2. Or look whether it is in the ledger: "
        f"{shlex.join(['reconcile', 'history', plan.targets[0].organization.slug])}",
        transaction_id=transaction_id,
    )


def lost_at_commit(
    error: OutcomeUnknownError, expected: Outcome, transaction_id: str | None
) -> OutcomeUnknownError:
    """The same error, with what it takes to find out."""
    return OutcomeUnknownError(
        error.message,
        hint="1. Ask on another connection: reconciler.outcome(dsn, plan, "
        f"transaction_id={transaction_id!r})\n"
        "2. Or apply the same plan again, which is safe: a plan is applied once, and the ledger "
        "knows whether that has happened.",
        transaction_id=transaction_id,
        expected=expected,
    )


def somebody_else(plan: Plan, who: str) -> PlanFileError:
    """The plan's template or actor is not what the database says of it."""
    return PlanFileError(
        f"the {who} is not what the plan says of it: it was moved or renamed since, or the plan "
        "was edited; nothing was written",
        hint=f"Make a new plan: {again(plan)}",
    )


def kinds_moved(plan: Plan, shapes: Shapes) -> SchemaMismatchError:
    """The tables have changed since the plan was made."""
    moved = sorted(
        f"{kind}.{column}"
        for kind in plan.shapes.keys() | shapes.keys()
        for column in plan.shapes.get(kind, {}).keys() | shapes.get(kind, {}).keys()
        if plan.shapes.get(kind, {}).get(column) != shapes.get(kind, {}).get(column)
    )
    return SchemaMismatchError(
        "the tables were migrated after the plan was made: " + ", ".join(moved),
        hint=f"Make a new plan: {again(plan)}",
    )


def stale_rows(plan: Plan, rows: Sequence[tuple[Create | Rewrite, str, str]]) -> StalePlanError:
    """Rows are no longer as the plan saw them."""
    names = {target.organization.id: target.organization.slug for target in plan.targets}
    lines = [
        f"{change.address} in {names.get(organization, organization)} {wrong}"
        for change, organization, wrong in rows[:_SHOWN]
    ]
    if len(rows) > _SHOWN:
        lines.append(f"... and {len(rows) - _SHOWN} more")
    return StalePlanError(
        "the plan is stale\n  " + "\n  ".join(lines) + "\nNothing was written.",
        hint=f"1. Make a new plan: {again(plan)}\n"
        "2. Read what it would do now, and apply that one.",
        targets={
            organization: f"{change.address} {wrong}"
            for change, organization, wrong in reversed(rows)
        },
    )


def applied_by_itself(part: Plan, number: int, *, undone: bool) -> StalePlanError:
    """These targets have had their part of the plan, and not by this plan."""
    wrong = f"was brought there by a plan of its own, revision {number}" + (
        ", and undone since" if undone else ""
    )
    names = {target.organization.id: target.organization.slug for target in part.targets}
    lines = [names[one] for one in part.changed[:_SHOWN]]
    if len(part.changed) > _SHOWN:
        lines.append(f"... and {len(part.changed) - _SHOWN} more")
    return StalePlanError(
        f"the plan is stale: what it does {wrong}\n  "
        + "\n  ".join(lines)
        + "\nNothing was written.",
        hint="Make a new plan for these targets: it shows what is left to do there.",
        targets=dict.fromkeys(part.changed, f"what the plan does {wrong}"),
    )


def gone_targets(plan: Plan, gone: Sequence[str]) -> StalePlanError:
    """Organisations were deleted since the plan was made."""
    names = {target.organization.id: target.organization.slug for target in plan.targets}
    lines = [f"{names[one]} ({one})" for one in gone[:_SHOWN]]
    if len(gone) > _SHOWN:
        lines.append(f"... and {len(gone) - _SHOWN} more")
    return StalePlanError(
        "the plan is stale: there is no such organisation any more\n  "
        + "\n  ".join(lines)
        + "\nNothing was written.",
        hint="Make a new plan without these targets.",
        targets=dict.fromkeys(gone, "there is no such organisation any more"),
    )


def unproven(wrong: Sequence[str]) -> UnprovenError:
    """What was written is not what the plan says."""
    more = [f"... and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    return UnprovenError(
        "what was written is not what the plan says\n  "
        + "\n  ".join([*wrong[:_SHOWN], *more])
        + "\nEverything was rolled back.",
        hint="1. Look for triggers that write there: SELECT tgrelid::regclass, tgname "
        "FROM pg_trigger WHERE NOT tgisinternal;\n"
        "2. Where the platform's own triggers shall write into a table that holds no rows of plans "
        "(an outbox, say), let an administrator of the database say so: INSERT INTO "
        "reconcile.setting VALUES ('triggered_tables', 'public.outbox');\n"
        "3. If there are none, please report this: it is a defect.",
    )


def refuse_unfit(plan: Plan, kinds: Kinds) -> None:
    """Raise what needs no database to be seen: InvalidPlanError, or ConflictsError."""
    check(plan, kinds)
    if not plan.blocking:
        return
    count = len(plan.blocking)
    raise ConflictsError(
        f"the plan has {count} unresolved conflict{'s' if count > 1 else ''}",
        hint="`reconcile show FILE` names each with the commands that would resolve it; "
        "then make a new plan.",
        conflicts=plan.blocking,
    )


def again(plan: Plan) -> str:
    """The command that makes this plan again, as a file that can be read and applied."""
    return shlex.join([*plan.request.command(), "--out", "FILE"])
