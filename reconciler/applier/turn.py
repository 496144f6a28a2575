"""An apply's turn: the locks on its targets, and what is known of them once they are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.applier import allowed
from reconciler.applier.judged import guarded
from reconciler.database.asking import Batch, Fixed, Question, Rows
from reconciler.database.keepalive import FOR_THE_SERVER
from reconciler.ledger import record
from reconciler.model.plan import Plan
from reconciler.sql.guard import Scope

# The planner knows how many places we send, and nothing of what stands there: joins are best made
# in the order in which they are written: contents, places, and then the rows there.
_SETTINGS: Final = (
    "SELECT set_config('lock_timeout', $1, true), "  # noqa: S608 - only constants are put in
    "set_config('idle_in_transaction_session_timeout', '60s', true), "
    "set_config('join_collapse_limit', '1', true), set_config('row_security', 'off', true), "
    f"{FOR_THE_SERVER}, extract(epoch FROM now())::text"
)


@dataclass(frozen=True)
class Turn:
    """What is known under the locks.

    applied  the revisions that applied the plan before: number, counts, and targets of each
    gone     the targets that the platform no longer has
    since    those that were written to after the plan was made, with the last revision that it
             saw, 0 for none
    now      when the transaction began
    """

    applied: Rows
    gone: list[str]
    since: dict[str, int]
    now: datetime


def taking_turns(
    batch: Batch, plan: Plan, scope: Scope, reviewed: str, lock_timeout: str
) -> Callable[[], Turn]:
    """Take turns with other applies, then see what they have done, and which targets are left."""
    targets = list(plan.organizations)
    new = [one.organization.id for one in plan.targets if one.revision is None]
    settings = batch.ask(Question([Fixed(_SETTINGS, (lock_timeout,))], _now))
    enter = batch.ask(guarded(scope, [record.enter(new)] if new else []))
    lock = batch.ask(guarded(scope, [record.lock(targets)]))
    find = batch.ask(guarded(scope, [record.find(reviewed, targets)]))
    gone = batch.ask(Question([allowed.gone(targets)], lambda answers: answers[0]))

    def turn() -> Turn:
        now = settings()
        enter()
        last: dict[str, int | None] = dict(lock()[0])
        found = find()[0]
        seen = {one.organization.id: one.revision for one in plan.targets}
        since = {one: seen[one] or 0 for one, number in last.items() if number != seen[one]}
        return Turn(found, [one for (one,) in gone()], since, now)

    return turn


def _now(answers: Sequence[Rows]) -> datetime:
    *_, now = answers[0][0]
    return datetime.fromtimestamp(float(now), UTC)
