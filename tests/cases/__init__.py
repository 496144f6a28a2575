"""Cases: one folder each, with what is given and what comes of it."""

from __future__ import annotations

from reconciler.model.plan import Plan


def timeless(plan: Plan) -> Plan:
    """The plan without what differs from run to run, and from target to target."""
    same = {"agent_id": "agent_reader", "revision": 1, "revised_at": "2026-11-02T09:30:00Z"}
    targets = tuple(target.model_copy(update=same) for target in plan.targets)
    return plan.model_copy(update={"targets": targets})
