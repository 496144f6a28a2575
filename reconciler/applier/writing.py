"""What an apply writes, and in which order: the revision, rows, links, and what the ledger is told.

Behind the fence where there is one, and with the proof of each statement. All of it travels
together, unless so much is written that somebody who watches wants to see it go.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.applier.fence import Fence
from reconciler.applier.ids import Drawing
from reconciler.applier.judged import guarded
from reconciler.applier.proof import Proof
from reconciler.database.asking import Batch, Fixed, Question, ask
from reconciler.database.connection import Connection
from reconciler.ledger import record
from reconciler.model.plan import Plan
from reconciler.progress import tell, watched
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script
from reconciler.sql.tree import Statement

# From so many rows on, a person who watches is told of each statement.
_MANY: Final = 2_000
# The planner takes a row that it looks up by a key for one at the far end of the disk, and would
# rather read all that the ledger knows.
_BY_KEY: Final = Question(
    [
        Fixed(
            "SELECT set_config('enable_hashjoin', 'off', true), "
            "set_config('enable_mergejoin', 'off', true)",
            (),
        )
    ],
    lambda _: None,
)


@dataclass(frozen=True)
class Writing:
    """Writes what a script says, in the transaction of one attempt."""

    connection: Connection
    script: Script
    scope: Scope
    proof: Proof
    fence: Fence | None

    def write(
        self, revision: Statement, drawing: Drawing, approved: Sequence[Statement]
    ) -> tuple[int, str]:
        """Write the revision, the rows, and what the ledger is told, with who has approved it.

        Gives the number of the revision, and the transaction's id. Raises StalePlanError and
        UnprovenError as `Proof` does.
        """
        script, batch = self.script, Batch()
        if drawing.tells:
            script.drawn = ask(self.connection, drawing.question)
            moved = None
        else:
            script.drawn = drawing.known
            moved = batch.ask(drawing.question)
        revised = batch.ask(guarded(self.scope, [revision]))
        rows = script.writes()
        told = [
            record.content(script.ledger.contents()),
            *script.ledger.places(),
            *script.audits(),
            *script.last(),
            *approved,
        ]
        plan = script.plan
        known = [
            *script.ledger.replaced(), record.advance(list(plan.organizations), plan.plan_id),
        ]  # fmt: skip
        # One statement after the other where much is written and somebody watches.
        slowly = watched() and plan.rows >= _MANY
        steps = (self._writing([*rows, *told]), _BY_KEY, self._writing(known), self.proof.end())
        written = () if slowly else tuple(batch.ask(one) for one in steps)
        tell("writing", rows=plan.rows)
        batch.send(self.connection)
        if moved is not None:
            moved()
        number: int
        transaction: str
        ((number, transaction),) = revised()[0]
        if slowly:
            self._one_by_one(rows)
        tell("recording", rows=plan.rows)
        if slowly:
            self._one_by_one(told)
            ask(self.connection, _BY_KEY)
            self._one_by_one(known)
            ask(self.connection, self.proof.end())
        for answer in written:
            answer()
        return number, transaction

    def _one_by_one(self, statements: Sequence[Statement]) -> None:
        for one in statements:
            tell("writing", what=one.serves, rows=one.rows)
            ask(self.connection, self._writing([one]))

    def _writing(self, statements: Sequence[Statement]) -> Question[None]:
        return self.proof.writing(self.scope, statements, self.fence)


def counted(plan: Plan) -> dict[str, dict[str, int]]:
    """How many rows a plan changes, by kind and action."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for change in plan.changes:
        counts[change.address.kind][change.action] += len(change.targets)
    return {kind: dict(actions) for kind, actions in counts.items()}
