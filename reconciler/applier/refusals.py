"""The refusals of an apply, each with what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from reconciler.database.fit import Shapes
from reconciler.errors import PlanFileError, SchemaMismatchError, StalePlanError
from reconciler.model.change import Adopt, Create, Update
from reconciler.model.plan import Plan
from reconciler.model.snapshot import DatabaseIdentity

_SHOWN = 20


def different_database(plan: Plan, here: DatabaseIdentity) -> PlanFileError:
    """The plan was made for another database."""
    return PlanFileError(
        f"the plan was made for the database {plan.database.name} (system "
        f"{plan.database.system_identifier}), and this is {here.name} (system "
        f"{here.system_identifier}); nothing was written",
        hint="1. Apply it where it was made: check --database-url.\n"
        f"2. Or make a plan for this database: {again(plan)}",
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


def stale_rows(
    plan: Plan, rows: Sequence[tuple[Create | Update | Adopt, str, str]]
) -> StalePlanError:
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
    )


def again(plan: Plan) -> str:
    """The command that makes this plan again."""
    return shlex.join(plan.request.command())
