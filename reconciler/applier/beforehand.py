"""What an apply would be refused for before it looks at rows, asked without writing."""

from __future__ import annotations

from reconciler.applier import allowed, fence
from reconciler.applier.approved import approving
from reconciler.applier.refusals import refuse_elsewhere
from reconciler.approvals import Approvals
from reconciler.database.asking import Batch
from reconciler.database.connection import Connection, transaction
from reconciler.database.opening import identifying, open_ledger
from reconciler.kinds import Kinds
from reconciler.ledger import history
from reconciler.model.plan import Plan


def in_its_database(connection: Connection, plan: Plan) -> None:
    """Set up the transaction's session; raises PlanFileError where the plan is of another database,
    or what `open_ledger` raises.
    """
    refuse_elsewhere(plan, lambda: open_ledger(connection))


def beforehand(connection: Connection, plan: Plan, kinds: Kinds, approvals: Approvals) -> None:
    """Raise what an apply of the plan would raise here and now, but for what only rows can tell.

    Of what was applied already, nothing more is asked than that this is the database.
    """
    with transaction(connection, read_only=True):
        in_its_database(connection, plan)
        rows = history.applied(connection, plan.plan_id)
        done = history.done_of(rows)
        left = plan.for_targets(set(plan.organizations) - done)
        if not left.empty:
            batch = Batch()
            enter = allowed.entry(batch, left, kinds, identifying(batch))
            approved = approving(batch, left, plan.plan_id, approvals)
            fenced = batch.ask(fence.asking(kinds))
            batch.send(connection)
            opening = enter(connection, left)
            approved()
            fenced()(opening.kinds)
