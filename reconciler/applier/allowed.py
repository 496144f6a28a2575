"""What must still be allowed when a plan is applied, beyond what its rows are.

A plan file may come from anywhere, and the world moves on between a review and an apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reconciler import planfile
from reconciler.applier.members import members
from reconciler.applier.refusals import (
    kinds_moved,
    somebody_else,
    stale_rows,
)
from reconciler.database.asking import Batch, Fixed, ask
from reconciler.database.connection import Connection
from reconciler.database.opening import Opening, begin
from reconciler.database.platform import actor_of, authorising
from reconciler.database.templates import find_heirs, refuse, refuse_itself, template_of
from reconciler.differ.invert import beyond
from reconciler.errors import InvalidPlanError
from reconciler.kinds import Kinds
from reconciler.ledger import history
from reconciler.model.change import Release, Retire
from reconciler.model.plan import Plan
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.reader.answers import About, questions_for
from reconciler.reader.closer import count_uses

_GONE: Final = (
    "SELECT t.id FROM unnest($1::text[]) AS t (id) "
    "WHERE NOT EXISTS (SELECT 1 FROM public.organization o WHERE o.id = t.id)"
)


def gone(targets: list[str]) -> Fixed:
    """A question: which of the targets does the platform no longer have?"""
    return Fixed(_GONE, (targets,))


def entry(
    batch: Batch, whole: Plan, kinds: Kinds, database: Callable[[], DatabaseIdentity]
) -> Callable[[Connection, Plan], Opening]:
    """Raises what there is to say of a plan, or of what is left of it to do, before any row is
    looked at: migrated tables, a template or an actor that may not. Only reads.
    """
    opened = begin(batch, kinds, database)
    may_be_installed = template(batch, whole)
    acting = batch.ask(actor_of(whole.actor.user_id))
    may = batch.ask(authorising(whole.actor, list(whole.organizations)))

    def judge(connection: Connection, plan: Plan) -> Opening:
        opening = opened()
        if opening.shapes != plan.shapes:
            raise kinds_moved(plan, opening.shapes)
        may_be_installed()
        undone(connection, plan, kinds)
        actor = acting()
        # Whichever role applies an operator's plan, its rows name the author that was reviewed.
        if plan.actor.mode == "operator":
            actor = actor.model_copy(update={"label": plan.actor.label})
        if actor != plan.actor:
            raise somebody_else(plan, "actor")
        if plan is whole:
            may()
        else:
            # Whoever was done before is asked for no more.
            ask(connection, authorising(plan.actor, list(plan.organizations)))
        heirs(connection, plan)
        members(connection, opening, plan)
        return opening

    return judge


def template(batch: Batch, plan: Plan) -> Callable[[], None]:
    """Raises RefusedError, or what else there is, unless the template may still be installed.

    What is only taken leave of may be private or gone.
    """
    if plan.request.mode != "sync":
        return lambda: refuse_itself(plan.template, plan.targets)
    asked = batch.ask(template_of(plan.template.agent_id))

    def judge() -> None:
        found = asked()
        if (found.agent_id, found.organization.id) != (
            plan.template.agent_id,
            plan.template.organization.id,
        ):
            raise somebody_else(plan, "template")
        refuse(found, plan.targets)

    return judge


def undone(connection: Connection, plan: Plan, kinds: Kinds) -> None:
    """What an undo does, must be the inverse of what the ledger says was applied."""
    number = plan.request.revision
    if plan.request.mode != "undo" or number is None:
        return
    _, text = history.revision(connection, number)
    named = {kind.name: kind for kind in kinds}
    if wrong := list(beyond(plan, planfile.loads(text), named)):
        raise InvalidPlanError(
            "the plan undoes what was never done:\n  " + "\n  ".join(wrong[:20]),
            hint=f"Make a new plan: reconcile plan --undo {number} --out FILE",
        )


def heirs(connection: Connection, plan: Plan) -> None:
    """Raise StalePlanError where who is to inherit a row is not installed there any more."""
    inherited = [
        (change, target)
        for change in plan.changes
        if isinstance(change, Release) and change.because == "handed_over"
        for target in change.targets
    ]
    if not inherited:
        return
    found = find_heirs(connection, plan.template, list(plan.organizations))
    now = {target: heir.owner.agent for target, heir in found.items()}
    wrong = [
        (change, target, f"would go to {change.to.agent}, which is not the one to inherit it")
        for change, target in inherited
        if change.to is not None and now.get(target) != change.to.agent
    ]
    if wrong:
        raise stale_rows(plan, wrong)


def unused(connection: Connection, plan: Plan, opening: Opening) -> None:
    """Raise StalePlanError where the tenant has begun to use what would be retired."""
    installs = {kind.name for kind in opening.kinds if kind.installs}
    leaving = {
        (target, change.address): change
        for change in plan.changes
        if isinstance(change, Retire) and change.address.kind not in installs
        for target in change.targets
    }
    if not leaving:
        return
    template = plan.template
    about = About(template.agent_id, template.organization.id, plan.organizations)
    # Those by which the template's fingerprint was read: they are made already.
    asked = questions_for(opening, ())
    used = count_uses(connection, opening, asked, about, list(leaving))
    wrong = [
        (
            leaving[one.organization, one.address],
            one.organization,
            f"is used by {one.table} now",
        )
        for one in used
        # What follows is counted row by row, by checks of its own.
        if one.table
        not in {each.table for each in leaving[one.organization, one.address].repointed}
    ]
    if wrong:
        raise stale_rows(plan, wrong)
