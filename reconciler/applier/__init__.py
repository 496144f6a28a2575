"""Plan -> Outcome, in one transaction: the only room that writes.

time-outs -> lock the targets -> applied already? -> who may -> does it fit -> lock the rows
-> still as planned? -> ids -> revision -> rows -> links -> counts -> ledger -> commit
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from psycopg import errors as pg

from reconciler.applier import allowed, ids
from reconciler.applier.refusals import (
    different_database,
    gone_targets,
    in_conflict,
    kinds_moved,
    lost_at_commit,
    somebody_else,
    stale_rows,
)
from reconciler.database.connection import Connection, Rows, run, transaction
from reconciler.database.opening import Opening, open_database
from reconciler.database.platform import Fixed, authorise, find_actor
from reconciler.differ.check import check
from reconciler.errors import (
    LockedError,
    OutcomeUnknownError,
    StalePlanError,
)
from reconciler.kinds import Kinds
from reconciler.ledger import record
from reconciler.ledger.history import waves_of
from reconciler.model.change import Create
from reconciler.model.outcome import Outcome, Verdict, Wave, already, verdicts
from reconciler.model.plan import Plan
from reconciler.model.value import Digest
from reconciler.progress import tell, watched
from reconciler.reader import read_fingerprint
from reconciler.reader.answers import About
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Check, Script
from reconciler.sql.tree import Statement

RETRIES: Final = 3
# From so many rows on, a person who watches is told of each statement.
_MANY: Final = 2_000

# The planner knows nothing of the arrays that we send, and joins of unknown size are best made
# in the order in which they are written: contents, places, and then the rows there.
_SETTINGS: Final = (
    "SELECT set_config('lock_timeout', $1, true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true), "
    "set_config('join_collapse_limit', '1', true), set_config('row_security', 'off', true), "
    # It also takes the arrays for short: a nested loop over a hundred thousand places never ends.
    "CASE WHEN $2 > 2000 THEN set_config('enable_nestloop', 'off', true) END, "
    "extract(epoch FROM now())::text"
)


def apply(
    connection: Connection,
    plan: Plan,
    kinds: Kinds,
    lock_timeout: str = "10s",
    *,
    reviewed: str | None = None,
) -> Outcome:
    """Execute exactly this plan, or refuse it whole.

    Where it was applied to some of its targets before, it goes on with the others. `reviewed`
    is the plan_id of the plan that was reviewed, where this one is a part of it.

    `lock_timeout` is PostgreSQL's: how long to wait for each lock, as `10s`. Deadlocks and
    serialization failures are retried, the whole transaction, up to three times.

    Raises ConflictsError, StalePlanError, LockedError, NotAuthorisedError, PlanFileError (another
    database), RefusedError, or what `open_database` raises; then nothing was written. Raises
    OutcomeUnknownError where the connection is lost at COMMIT (see `lost`).
    """
    check(plan, kinds)
    if plan.blocking:
        raise in_conflict(plan)
    if plan.empty:
        return Outcome(
            status="nothing_to_do", plan_id=reviewed or plan.plan_id, targets=verdicts(plan, {})
        )
    for attempt in range(1, RETRIES + 1):
        work = _Apply(connection, plan, kinds, lock_timeout, attempt)
        work.reviewed = reviewed or plan.plan_id
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
        self.targets = [target.organization.id for target in plan.targets]
        self.now: datetime
        self.transaction_id: str | None = None
        self.done: Outcome
        self.scope = Scope.of(kinds, frozenset(self.targets))

    def outcome(self) -> Outcome:
        whole = self.plan
        applied, gone = self._enter()
        if applied:
            done = {one for _, _, targets in applied for one in targets}
            if self._nothing_left(done):
                found = already(whole, waves_of(applied))
                return found.model_copy(update={"plan_id": self.reviewed})
        plan = self.plan
        if gone := sorted(set(gone) & set(self.targets)):
            raise gone_targets(plan, gone)
        opening = open_database(self.connection, self.kinds)
        if opening.database != plan.database:
            raise different_database(plan, opening.database)
        if opening.shapes != plan.shapes:
            raise kinds_moved(plan, opening.shapes)
        allowed.template(self.connection, plan, self.kinds)
        actor = find_actor(self.connection, plan.actor.user_id)
        # Whichever role applies an operator's plan, its rows name the author that was reviewed.
        if plan.actor.mode == "operator":
            actor = actor.model_copy(update={"label": plan.actor.label})
        if actor != plan.actor:
            raise somebody_else(plan, "actor")
        authorise(self.connection, plan.actor, self.targets)
        allowed.heirs(self.connection, plan)
        script = Script(plan, opening.kinds, self.now)
        self._first(script)
        moved = self._verify(script, opening)
        script.drawn = ids.draw(
            self.connection, opening, script.creates(), self.scope, self.attempt
        )
        counts = _counts(plan)
        part_of = None if plan.plan_id == self.reviewed else self.reviewed
        ((number, self.transaction_id),) = self._run([record.revision(plan, counts, part_of)])[0]
        tell("writing", rows=plan.rows)
        self._write(script.writes())
        tell("recording", rows=plan.rows)
        self._write(
            [
                record.content(script.contents()),
                *script.places(number),
                *script.audits(),
                *script.last(),
                record.advance(self.targets, number),
            ]
        )
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
        )

    def _enter(self) -> tuple[Rows, list[str]]:
        """Take turns with other applies, then see whether this plan was applied before, and
        whether all targets are still there.
        """
        settings = Fixed(_SETTINGS, (self.lock_timeout, self.plan.rows))
        ((*_, now),) = run(self.connection, [settings])[0]
        self.now = datetime.fromtimestamp(float(now), UTC)
        tell("locking", rows=len(self.targets))
        new = [one.organization.id for one in self.plan.targets if one.revision is None]
        batch = [*([record.enter(new)] if new else []), record.lock(self.targets), self._find()]
        guarded = [self.scope.guard(one) for one in batch]
        *_, applied, gone = run(self.connection, [*guarded, allowed.gone(self.targets)])
        return applied, [one for (one,) in gone]

    def _find(self) -> Statement:
        return record.find(self.reviewed, self.plan.plan_id, self.targets)

    def _nothing_left(self, done: set[str]) -> bool:
        """Leave out the targets to which the plan was applied before; says whether that is all."""
        self.plan = self.plan.for_targets(set(self.targets) - done)
        self.targets = [target.organization.id for target in self.plan.targets]
        self.scope = Scope.of(self.kinds, frozenset(self.targets))
        return self.plan.empty

    def _first(self, script: Script) -> None:
        """Rename, and bring back, if that is still possible as the plan saw it."""
        for locks, checks, writes in script.first():
            self._run(locks)
            self._hold(checks)
            self._write(writes)

    def _verify(self, script: Script, opening: Opening) -> bool:
        """Lock the rows and hold them against the plan; says whether the template moved."""
        self._run(script.locks())
        tell("checking", rows=self.plan.rows)
        self._hold(script.checks())
        allowed.unused(self.connection, self.plan, opening)
        if self.plan.request.mode != "sync":
            return False
        template = self.plan.template
        # The template is read alone: the planner is to be led by nobody's number of targets.
        about = About(template.agent_id, template.organization.id, [])
        moved = read_fingerprint(self.connection, opening, about) != self.plan.fingerprint
        if moved and _copies_secrets(self.plan):
            raise StalePlanError(
                "the template has changed since the plan was made, and the plan copies sensitive "
                "columns from it; nothing was written",
                hint="Make a new plan.",
            )
        return moved

    def _hold(self, checks: list[Check]) -> None:
        """Raise StalePlanError where something is no longer as the plan saw it."""
        found = self._run([one.statement for one in checks])
        wrong = [
            (one.changes[number], organization, one.says(told))
            for one, answer in zip(checks, found, strict=True)
            for organization, number, *told in answer
        ]
        if wrong:
            raise stale_rows(self.plan, wrong)

    def _write(self, statements: list[Statement]) -> None:
        """Write; one statement after the other where much is written and somebody watches."""
        if not (watched() and self.plan.rows >= _MANY):
            self._wrote(statements, self._run(statements))
            return
        for statement in statements:
            tell("writing", what=statement.serves, rows=statement.rows)
            self._wrote([statement], self._run([statement]))

    def _wrote(self, statements: list[Statement], answers: list[Rows]) -> None:
        for statement, answer in zip(statements, answers, strict=True):
            written = answer[0][0]
            if statement.rows is not None and written != statement.rows:
                raise StalePlanError(
                    f"{statement.serves}: the plan says {statement.rows} rows, and the database "
                    f"wrote {written}; nothing was kept",
                    hint="A row that others refer to was retired or doubled after the plan was "
                    "made. Make a new plan.",
                )

    def _run(self, statements: list[Statement]) -> list[Rows]:
        return run(self.connection, [self.scope.guard(statement) for statement in statements])


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
