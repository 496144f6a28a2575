"""The part of the checker that is about who takes part: nobody who is left behind does."""

from __future__ import annotations

from collections.abc import Iterator, Set

from reconciler.model.plan import Plan


def taking_part(plan: Plan, known: frozenset[str], touched: Set[tuple[str, str]]) -> Iterator[str]:
    """What is wrong about who takes part in the plan.

    `known` are its targets, and `touched` what its changes change, which only known targets have.
    """
    behind = [one.target.organization.id for one in plan.left_behind]
    if behind and not plan.request.skip_conflicted:
        yield "targets are left behind, and nobody asked for that"
    if behind != sorted(set(behind)):
        yield "the targets that are left behind are not sorted, or one stands twice"
    if plan.template.organization.id in behind:
        yield "the template's own organisation is left behind"
    for one in known.intersection(behind):
        yield f"{one} is a target, and left behind"
    for target in plan.left_behind:
        named = {conflict.target for conflict in target.conflicts}
        if named != {target.target.organization.id}:
            yield f"{target.target.organization.id} is left behind without a conflict of its own"
    for conflict in plan.conflicts:
        if conflict.target not in known:
            yield f"{conflict.address}: has a conflict in {conflict.target}, which is no target"
        if (conflict.address, conflict.target) in touched:
            yield f"{conflict.address}: is changed in {conflict.target} in spite of a conflict"
    for told in (*plan.notes, *plan.drift):
        if not known.issuperset(told.targets):
            yield f"{told.address}: speaks of a target that the plan does not have"
