"""Members, once more: a plan file may come from anywhere, and who somebody is opens doors."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.applier.refusals import stale_rows
from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.differ.membership import Members
from reconciler.differ.told import Told
from reconciler.model.address import Address
from reconciler.model.change import Change, for_targets
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Snapshot
from reconciler.reader.answers import About, questions_for
from reconciler.reader.membership import with_members


def members(connection: Connection, opening: Opening, plan: Plan) -> None:
    """Raise StalePlanError where a member would be made, or bound to a user, otherwise than the
    planner would now.

    Whose word is taken, whose an address is and whether it is verified, may have changed; the rows
    that say so are none that the plan touches.
    """
    kinds = {kind.name: kind for kind in opening.kinds if kind.provides}
    planned = [change for change in plan.changes if change.address.kind in kinds]
    if not planned or plan.request.mode == "undo":
        return
    ids = sorted({target for change in planned for target in change.targets})
    template = plan.template
    about = About(template.agent_id, template.organization.id, ids)
    asked = questions_for(opening, ids)
    bare = Snapshot(
        database=plan.database,
        template=template,
        targets=plan.targets,
        fingerprint=plan.fingerprint,
        rows=(),
        states=(),
        shapes=plan.shapes,
    )
    snapshot = with_members(bare, connection, opening, asked, about, plan.actor)
    told = Told(snapshot, {kind.name: kind for kind in opening.kinds}, plan.request.resolutions)
    Members(told).add()
    now = _one_by_one(told.changes)
    wrong = [
        (change, target, "is not what the tenant's member for the actor lacks now")
        for (address, target), change in _one_by_one(planned).items()
        if now.get((address, target)) != change
    ]
    if wrong:
        raise stale_rows(plan, wrong)


def _one_by_one(changes: Iterable[Change]) -> dict[tuple[Address, str], Change]:
    """What is done to each row, less what other rows share with it."""
    return {
        (change.address, target): for_targets(change, [target])
        for change in changes
        for target in change.targets
    }
