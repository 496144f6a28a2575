"""What a plan may do to rows that no template has: a part of the checker."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.change import Change, Create, Restore
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan


def provided(kind: Kind, change: Change, plan: Plan) -> Iterator[str]:
    """They are made for the actor of an install by reference; only an undo takes leave of them.

    Whether the actor's are those that it says, the database knows (`reconciler.applier.members`).
    """
    if kind.provides is None or plan.request.mode == "undo":
        return
    if not isinstance(change, Create | Restore):
        yield f"{change.address}: is the tenant's own, so a plan can only make it"
    elif isinstance(change, Restore) and change.fields:
        yield f"{change.address}: comes back otherwise than it was"
    if plan.request.install != "reference" or plan.actor.mode != "member":
        yield f"{change.address}: is made for nobody"
