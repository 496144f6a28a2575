"""Whether a plan is approved, as far as that is demanded: asked in the apply's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.approvals import Approvals, judge
from reconciler.database.asking import Batch
from reconciler.ledger.approvals import known
from reconciler.model.approval import Approval, Approved
from reconciler.model.plan import Plan


def approving(
    batch: Batch, plan: Plan, reviewed: str, approvals: Approvals
) -> Callable[[], Mapping[Approval, Approved]]:
    """Gives the approvals that count and are still to be recorded.

    `reviewed` is the plan_id of the plan that was reviewed, and so approved. Raises
    NotApprovedError, unless the demand of the ledger and the caller's are both met.
    """
    asked = batch.ask(known(reviewed))

    def approved() -> Mapping[Approval, Approved]:
        ledger = asked()
        demands = [one for one in (ledger.demand, approvals.require) if one is not None]
        plan_ids = (reviewed, *([approvals.whole] if approvals.whole else []))
        every = (*ledger.recorded, *approvals.given)
        found: dict[Approval, Approved] = {}
        for demand in demands:
            found |= judge(demand, every, plan_ids, plan.actor, ledger.now)
        recorded = frozenset(ledger.recorded)
        return {one: told for one, told in found.items() if one not in recorded}

    return approved
