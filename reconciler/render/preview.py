"""The statements of a plan, as text to read: the same list that an apply executes.

The values stand beside the statements, never inside them, exactly as they are sent.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.kinds import Kinds
from reconciler.model.canonical import canonical
from reconciler.model.plan import Plan
from reconciler.render.escape import visible
from reconciler.render.words import count
from reconciler.sql.statements import Script
from reconciler.sql.tree import Statement

_LONGEST = 160
_DRAWN = "(drawn from the sequence)"


def preview(plan: Plan, kinds: Kinds) -> str:
    """Every statement that writes rows, in order, with its values as comments."""
    lines = [
        f"-- Plan {plan.plan_id}",
        "-- For reading: `reconcile apply` sends these statements, in one transaction, after it",
        "-- has locked the targets and checked that every row is still as the plan saw it.",
    ]
    script = Script(plan, kinds, datetime.fromisoformat(plan.created_at))
    rows = script.creates()
    script.drawn = {
        kind.name: [_DRAWN] * rows.get(kind.name, 0) for kind in kinds if kind.knows_itself
    }
    for statement in script.writes():
        lines += ["", *_statement(statement)]
    if plan.conflicts:
        lines += ["--", "-- But it has conflicts: an apply refuses it whole."]
    if plan.empty:
        lines += ["", "-- No changes: nothing would be sent."]
    return "\n".join(lines) + "\n"


def _statement(statement: Statement) -> list[str]:
    values = [
        f"-- ${number} = {_value(value)}" for number, value in enumerate(statement.parameters, 1)
    ]
    rows = count(statement.rows or 0, "row")
    return [f"-- {statement.serves}: {rows}", *values, statement.pretty + ";"]


def _value(value: object) -> str:
    text = visible(canonical(value))
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... ({len(text)} characters)"
