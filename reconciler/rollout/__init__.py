"""A plan, applied in one transaction or in waves: which targets are left, in which order, and what
happens when some of them are refused. Each wave is an apply of a part of the plan.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

from reconciler.applier.beforehand import in_its_database
from reconciler.applier.refusals import refuse_unfit
from reconciler.approvals import NONE, Approvals
from reconciler.database.connection import Database, session, transaction
from reconciler.errors import (
    OutcomeUnknownError,
    ReconcilerError,
    RefusedError,
    StoppedError,
    TargetsError,
)
from reconciler.kinds import Kinds
from reconciler.ledger import history
from reconciler.model.event import Paused
from reconciler.model.outcome import Outcome, verdicts
from reconciler.model.plan import Plan
from reconciler.progress import report, watched
from reconciler.rollout.pace import MOST_ROWS, Pace
from reconciler.rollout.tally import Tally
from reconciler.rollout.wave import apply_part, apply_wave

_SHOWN = 20


def roll_out(
    database: Database,
    plan: Plan,
    kinds: Kinds,
    pace: Pace,
    lock_timeout: str,
    approvals: Approvals = NONE,
) -> Outcome:
    """Apply a plan at this pace; see `library.apply` for what it means and raises."""
    return roll_out_one(database, plan, kinds, pace, lock_timeout, approvals)[0]


def roll_out_one(
    database: Database,
    plan: Plan,
    kinds: Kinds,
    pace: Pace,
    lock_timeout: str,
    approvals: Approvals = NONE,
) -> tuple[Outcome, bool]:
    """The same of one of several plans; says whether it was interrupted at its COMMIT, for then
    nothing is to follow.
    """
    refuse_too_large(plan, pace)
    if not pace.at_once:
        return _Rollout(database, plan, kinds, pace, lock_timeout, approvals).outcome(), False
    begun, tally = time.monotonic(), None
    if watched():
        tally = Tally(plan, (), set(), 1)
        tally.begin(tally.left)
    done, interrupted = apply_part(database, plan, kinds, lock_timeout, plan.plan_id, approvals)
    if tally is not None:
        tally.end(done, time.monotonic() - begun)
    return done, interrupted


def refuse_too_large(plan: Plan, pace: Pace) -> None:
    """Raise RefusedError for more rows than are changed in one transaction unasked."""
    # A canary, or leave to fail, says nothing of how large the rest may be.
    if pace.wave is None and plan.rows > MOST_ROWS:
        raise RefusedError(
            f"the plan changes {plan.rows} rows in {len(plan.changed)} targets: more than "
            f"{MOST_ROWS} are not changed in one transaction unasked; nothing was written",
            hint="1. In waves of so many targets, a transaction each: reconcile apply FILE "
            "--wave 500\n2. Or all of it in one transaction: reconcile apply FILE --wave 100%",
        )


class _Rollout:
    """One run of a plan in waves."""

    def __init__(
        self,
        database: Database,
        plan: Plan,
        kinds: Kinds,
        pace: Pace,
        lock_timeout: str,
        approvals: Approvals,
    ) -> None:
        self.database = database
        self.plan = plan
        self.kinds = kinds
        self.pace = pace
        self.lock_timeout = lock_timeout
        self.approvals = approvals
        self.tally: Tally

    def outcome(self) -> Outcome:
        """Wave after wave, until all is done or it has to stop."""
        plan = self.plan
        refuse_unfit(plan, self.kinds)
        if plan.empty:
            return Outcome(status="nothing_to_do", plan_id=plan.plan_id, targets=verdicts(plan, {}))
        waves = self._waves()
        try:
            for number, targets in enumerate(waves):
                if number and self.pace.seconds:
                    report(Paused, seconds=self.pace.seconds)
                    time.sleep(self.pace.seconds)
                self._wave(list(targets))
        except ReconcilerError as error:
            if not self.tally.waves and not self.tally.refused:
                raise
            raise self._stopped(error) from error
        return self.tally.outcome()

    def _waves(self) -> list[Sequence[str]]:
        """What is left to do. Another process may do some of it: each wave asks again."""
        with session(self.database) as connection, transaction(connection, read_only=True):
            in_its_database(connection, self.plan)
            rows = history.applied(connection, self.plan.plan_id)
            undone = history.undone(connection, rows, self.plan.changed)
        done = history.done_of(rows)
        changed = self.plan.changed
        left = [target for target in changed if target not in done]
        waves = list(self.pace.slices(left, len(changed)))
        self.tally = Tally(self.plan, history.waves_of(rows), done, len(waves))
        self.tally.undone.update({one.revision: one.targets for one in undone})
        return waves

    def _wave(self, targets: list[str]) -> None:
        """One transaction, without those of its targets that are refused."""
        begun = time.monotonic()
        self.tally.begin(targets)
        found = apply_wave(
            self.database,
            self.plan,
            targets,
            self.kinds,
            self.lock_timeout,
            self._refuse,
            self.approvals,
        )
        if found is None:
            return
        done, interrupted = found
        self.tally.end(done, time.monotonic() - begun)
        if interrupted:
            raise KeyboardInterrupt

    def _refuse(self, error: TargetsError, refused: dict[str, str]) -> bool:
        self.tally.refuse(error, refused)
        return len(self.tally.refused) <= self.pace.max_failures

    def _stopped(self, error: ReconcilerError) -> StoppedError:
        outcome, pace = self.tally.outcome(), self.pace
        refused = outcome.refused
        lines = [f"{one.slug}: {one.why}" for one in refused[:_SHOWN]]
        if len(refused) > _SHOWN:
            lines.append(f"... and {len(refused) - _SHOWN} more")
        if len(refused) > pace.max_failures:
            allowed = f"--max-failures allows {pace.max_failures}"
            what = f"{_targets(len(refused))} refused, and {allowed}"
            patient = replace(pace, max_failures=len(refused))
            hint = (
                f"1. Go on without: {_command(patient)}\n"
                f"2. Or go on when what is in the way is settled: {_command(pace)}\n"
                "3. What is stale, is planned anew: make a new plan for those targets."
            )
        else:
            what, hint = error.message, f"{error.hint}\nGo on with: {_command(pace)}"
        done = len(outcome.having("applied")) + len(outcome.having("already_applied"))
        left = len(outcome.having("not_reached"))
        if not isinstance(error, OutcomeUnknownError):
            lines.append("Of this wave nothing was written.")
        lines.append(f"{_targets(done)} done, and that stays; {_targets(left)} not reached.")
        where = f"wave {self.tally.number} of {self.tally.of_waves}"
        return StoppedError(
            "\n  ".join([f"the roll-out stopped in {where}: {what}", *lines]),
            hint=hint,
            exit_code=error.exit_code,
            outcome=outcome,
        )


def _command(pace: Pace) -> str:
    """The command that goes on; whoever knows the file's name puts it in."""
    return shlex.join(["reconcile", "apply", "FILE", *pace.words()])


def _targets(number: int) -> str:
    return "1 target is" if number == 1 else f"{number} targets are"
