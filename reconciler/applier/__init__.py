"""Plan -> Outcome, in one transaction: the only room that writes.

which database? -> time-outs -> lock the targets -> applied already? -> who may -> does it fit
-> is it approved -> lock the rows -> still as planned? -> ids -> revision -> rows -> links
-> counts -> ledger -> commit

Where there is a fence, it is looked at with who may, and rows are written behind it.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from psycopg import errors as pg

from reconciler.applier import allowed, fence, ids
from reconciler.applier.approved import approving
from reconciler.applier.ids import Drawing
from reconciler.applier.judged import guarded, holding, never_by_itself
from reconciler.applier.proof import Proof
from reconciler.applier.refusals import (
    different_database,
    gone_targets,
    lost_at_commit,
    refuse_unfit,
)
from reconciler.applier.turn import taking_turns
from reconciler.approvals import NONE, Approvals
from reconciler.database.connection import Batch, Connection, Question, ask, transaction
from reconciler.database.opening import Opening, identifying
from reconciler.database.platform import Fixed
from reconciler.errors import (
    LockedError,
    OutcomeUnknownError,
    StalePlanError,
)
from reconciler.kinds import Kinds
from reconciler.ledger import approvals as approvals_told
from reconciler.ledger import history, record
from reconciler.model.approval import Approval, Approved
from reconciler.model.change import Create
from reconciler.model.outcome import Outcome, Undone, Verdict, Wave, already, verdicts
from reconciler.model.plan import Plan
from reconciler.model.value import Digest
from reconciler.progress import tell, watched
from reconciler.reader.answers import About
from reconciler.reader.template import fingerprinting
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script
from reconciler.sql.tree import Statement

RETRIES: Final = 3
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


def apply(
    connection: Connection,
    plan: Plan,
    kinds: Kinds,
    lock_timeout: str = "10s",
    *,
    reviewed: str | None = None,
    approvals: Approvals = NONE,
) -> Outcome:
    """Execute exactly this plan, or refuse it whole.

    Where it was applied to some of its targets before, it goes on with the others. `reviewed`
    is the plan_id of the plan that was reviewed, where this one is a part of it; `approvals` are
    of that one, too.

    `lock_timeout` is PostgreSQL's: how long to wait for each lock, as `10s`. Deadlocks and
    serialization failures are retried, the whole transaction, up to three times.

    Raises ConflictsError, StalePlanError, LockedError, NotAuthorisedError, NotApprovedError,
    PlanFileError (another database), RefusedError, or what `open_database` raises; then nothing
    was written. Raises OutcomeUnknownError where the connection is lost at COMMIT (see `lost`).
    """
    refuse_unfit(plan, kinds)
    if plan.empty:
        return Outcome(
            status="nothing_to_do", plan_id=reviewed or plan.plan_id, targets=verdicts(plan, {})
        )
    for attempt in range(1, RETRIES + 1):
        work = _Apply(connection, plan, kinds, lock_timeout, attempt)
        work.reviewed = reviewed or plan.plan_id
        work.approvals = approvals
        try:
            with transaction(connection, read_only=False):
                work.done = work.outcome()
                tell("committing")
            return work.done
        except OutcomeUnknownError as error:
            # Only the COMMIT raises it, so all was done before.
            raise lost_at_commit(error, work.done, work.transaction_id) from error.__cause__
        except (LockedError, StalePlanError) as error:
            if not isinstance(error.__cause__, _PASSING) or attempt == RETRIES:
                raise
            # Two that stopped each other must not meet again at once.
            time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311
    raise AssertionError("the last attempt returns or raises")


# What another writer's commit may cause, and a new attempt may not meet again: the platform
# takes ids of its own, beyond the sequence, and may take the very one that we drew.
_PASSING: Final = (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)


class _Apply:
    """One attempt, inside its transaction."""

    def __init__(
        self, connection: Connection, plan: Plan, kinds: Kinds, lock_timeout: str, attempt: int
    ) -> None:
        self.attempt = attempt
        self.connection = connection
        self.plan = plan
        self.kinds = kinds
        self.lock_timeout = lock_timeout
        self.reviewed = plan.plan_id
        self.approvals = NONE
        self.approved: Mapping[Approval, Approved] = {}
        self.targets = list(plan.organizations)
        self.transaction_id: str | None = None
        self.done: Outcome
        self.scope = Scope.of(kinds, frozenset(self.targets))
        self.proof = Proof(kinds)
        self.fence: fence.Fence | None = None

    def outcome(self) -> Outcome:
        whole = self.plan
        first = Batch()
        database = identifying(first)
        counting = self.proof.begin(first)
        turn = taking_turns(first, whole, self.scope, self.reviewed, self.lock_timeout)
        enter = allowed.entry(first, whole, self.kinds, database)
        approved = approving(first, whole, self.reviewed, self.approvals)
        fenced = first.ask(fence.asking(self.kinds))
        tell("locking", rows=len(self.targets))
        first.send(self.connection)
        if (here := database()) != whole.database:
            raise different_database(whole, here)
        counting()
        entered = turn()
        undone: tuple[Undone, ...] = ()
        if entered.applied:
            undone = history.undone(self.connection, entered.applied, whole.changed)
            done = history.done_of(entered.applied)
            if self._nothing_left(done):
                found = already(whole, history.waves_of(entered.applied), undone)
                return found.model_copy(update={"plan_id": self.reviewed})
        plan = self.plan
        if gone := sorted(set(entered.gone) & set(self.targets)):
            raise gone_targets(plan, gone)
        opening = enter(self.connection, plan)
        self.approved = approved()
        self.fence = fenced()(opening.kinds)
        script = Script(plan, opening.kinds, entered.now)
        script.since = entered.since
        self._first(script)
        moved, drawing = self._verify(script, opening)
        counts = _counts(plan)
        number = self._write(script, drawing, counts)
        known: dict[Verdict, Iterable[str]] = {
            "already_applied": whole.changed,
            "applied": plan.changed,
        }
        return Outcome(
            status="applied",
            plan_id=self.reviewed,
            revision=number,
            counts=counts,
            template_moved=moved,
            waves=(Wave(revision=number, targets=len(plan.targets), counts=counts),),
            targets=verdicts(whole, known),
            undone=undone,
        )

    def _nothing_left(self, done: set[str]) -> bool:
        """Leave out the targets to which the plan was applied before; says whether that is all."""
        self.plan = self.plan.for_targets(set(self.targets) - done)
        self.targets = list(self.plan.organizations)
        self.scope = Scope.of(self.kinds, frozenset(self.targets))
        return self.plan.empty

    def _first(self, script: Script) -> None:
        """Rename, and bring back, if that is still possible as the plan saw it."""
        for locks, checks, writes in script.first():
            batch = Batch()
            locked = batch.ask(guarded(self.scope, locks))
            held = batch.ask(holding(self.scope, self.plan, checks))
            batch.send(self.connection)
            locked()
            held()
            ask(self.connection, self.proof.writing(self.scope, writes, self.fence))

    def _verify(self, script: Script, opening: Opening) -> tuple[bool, Drawing]:
        """Lock the rows and hold them against the plan.

        Says whether the template moved, and how the ids of new rows are come by.
        """
        plan, template = self.plan, self.plan.template
        batch = Batch()
        new = (
            batch.ask(never_by_itself(self.scope, plan)) if plan.plan_id != self.reviewed else None
        )
        locked = batch.ask(guarded(self.scope, script.locks()))
        held = batch.ask(holding(self.scope, self.plan, script.checks()))
        # The template is read alone: the planner is to be led by nobody's number of targets.
        about = About(template.agent_id, template.organization.id, [])
        sync = plan.request.mode == "sync"
        found = batch.ask(fingerprinting(opening, about)) if sync else None
        standing = batch.ask(ids.drawing(opening, script.creates(), self.scope, self.attempt))
        batch.send(self.connection)
        if new is not None:
            new()
        locked()
        tell("checking", rows=plan.rows)
        held()
        allowed.unused(self.connection, plan, opening)
        moved = found is not None and found() != plan.fingerprint
        if moved and _copies_secrets(plan):
            raise StalePlanError(
                "the template has changed since the plan was made, and the plan copies sensitive "
                "columns from it; nothing was written",
                hint="Make a new plan.",
            )
        return moved, standing()

    def _write(self, script: Script, drawing: Drawing, counts: dict[str, dict[str, int]]) -> int:
        """Write the rows, and what the ledger is told; gives the number of the revision."""
        batch = Batch()
        if drawing.tells:
            script.drawn = ask(self.connection, drawing.question)
            moved = None
        else:
            script.drawn = drawing.known
            moved = batch.ask(drawing.question)
        part_of = None if self.plan.plan_id == self.reviewed else self.reviewed
        told = record.revision(self.plan, counts, part_of)
        revised = batch.ask(guarded(self.scope, [told]))
        rows = script.writes()
        ledgers = [
            record.content(script.ledger.contents()),
            *script.ledger.places(),
            *script.audits(),
            *script.last(),
            *approvals_told.recording(self.reviewed, self.approved),
        ]
        known = [*script.ledger.replaced(), record.advance(self.targets, self.plan.plan_id)]
        # One statement after the other where much is written and somebody watches.
        slowly = watched() and self.plan.rows >= _MANY
        steps = (
            self.proof.writing(self.scope, [*rows, *ledgers], self.fence),
            _BY_KEY,
            self.proof.writing(self.scope, known, self.fence),
            self.proof.end(),
        )
        written = () if slowly else tuple(batch.ask(one) for one in steps)
        tell("writing", rows=self.plan.rows)
        batch.send(self.connection)
        if moved is not None:
            moved()
        number: int
        ((number, self.transaction_id),) = revised()[0]
        if slowly:
            self._write_each(rows)
        tell("recording", rows=self.plan.rows)
        if slowly:
            self._write_each(ledgers)
            ask(self.connection, _BY_KEY)
            self._write_each(known)
            ask(self.connection, self.proof.end())
        for answer in written:
            answer()
        return number

    def _write_each(self, statements: list[Statement]) -> None:
        for one in statements:
            tell("writing", what=one.serves, rows=one.rows)
            ask(self.connection, self.proof.writing(self.scope, [one], self.fence))


def _counts(plan: Plan) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for change in plan.changes:
        counts[change.address.kind][change.action] += len(change.targets)
    return {kind: dict(actions) for kind, actions in counts.items()}


def _copies_secrets(plan: Plan) -> bool:
    return any(
        isinstance(value, Digest)
        for change in plan.changes
        for value in (
            change.values.values()
            if isinstance(change, Create)
            else (field.after for field in change.fields)
        )
    )
