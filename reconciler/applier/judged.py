"""Statements of an apply as questions: past the guard, and their answers held against the plan."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.applier.refusals import applied_by_itself, stale_rows
from reconciler.database.asking import Question, Rows
from reconciler.ledger import record
from reconciler.model.address import Address
from reconciler.model.change import Create
from reconciler.model.plan import Plan
from reconciler.sql.contents import AnyChange
from reconciler.sql.guard import Scope
from reconciler.sql.tree import Statement
from reconciler.sql.verify import Check


def guarded(scope: Scope, statements: Sequence[Statement]) -> Question[Sequence[Rows]]:
    """Statements that are within the scope; gives what they find."""
    return Question([scope.guard(one) for one in statements], lambda answers: answers)


def never_by_itself(scope: Scope, part: Plan) -> Question[None]:
    """Raises StalePlanError where this part of a plan was applied as a plan of its own."""

    def judge(found: Sequence[Rows]) -> None:
        for number, undone in found[0]:
            raise applied_by_itself(part, number, undone=undone)

    return Question([scope.guard(record.by_itself(part.plan_id))], judge)


def holding(scope: Scope, plan: Plan, checks: Sequence[Check]) -> Question[None]:
    """Raises StalePlanError where something is no longer as the plan saw it."""

    def judge(found: Sequence[Rows]) -> None:
        wrong: list[tuple[AnyChange, str, str]] = []
        spoken_of: set[tuple[Address, str]] = set()
        for one, answer in zip(checks, found, strict=True):
            for organization, number, *told in answer:
                change = one.changes[number]
                row = (change.address, organization)
                # One that is there was mostly placed there: that is one thing, not two.
                if row in spoken_of and (one.again or isinstance(change, Create)):
                    continue
                spoken_of.add(row)
                wrong.append((change, organization, one.says(told)))
        if wrong:
            raise stale_rows(plan, wrong)

    return Question([scope.guard(one.statement) for one in checks], judge)
