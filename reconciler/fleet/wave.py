"""One job: a wave of a plan, as a roll-out applies it, and what follows from how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import psycopg

from reconciler import library
from reconciler.database.connection import Connection, session, transaction
from reconciler.errors import (
    Exit,
    NotAppliedError,
    NotApprovedError,
    OutcomeUnknownError,
    ReconcilerError,
    TargetsError,
)
from reconciler.fleet import jobs, store
from reconciler.model.event import Said, TargetRefused
from reconciler.model.outcome import Outcome, Refusal
from reconciler.model.plan import Plan
from reconciler.progress import report
from reconciler.rollout.tally import reason
from reconciler.rollout.wave import apply_wave

# How often a wave is tried when the database is out of reach, and begun whatever ends it.
_TRIED: Final = 10
_BEGUN: Final = 30
# Workers look for approvals in the ledger, where enqueueing puts them.
_APPROVE: Final = (
    "\nNew approvals (reconcile approve FILE) reach the workers when it is enqueued again\n"
    "(reconcile fleet enqueue FILE); only then resume it."
)


def run_wave(database: str, kinds: Path | None, plan_id: str, number: int, attempt: int) -> None:
    """Apply a wave of a plan that was enqueued, unless the plan has stopped.

    Whatever of it was done before, is not done again. Raises what may pass: try it later. Anything
    else stops the plan, which is noted there.
    """
    wave = _Wave(database, kinds, plan_id, number)
    try:
        if attempt >= _BEGUN:
            wave.stop(f"wave {number} was begun {attempt} times, and never ended", Exit.ERROR)
        else:
            wave.run()
    except ReconcilerError as error:
        if _may_pass(error) and attempt < _TRIED:
            wave.say(f"is tried again: {error.message}")
            raise
        way = _APPROVE if isinstance(error, NotApprovedError) else ""
        wave.stop(f"{error.message}{way}", error.exit_code)
    except Exception as error:
        wave.stop(f"unexpected {type(error).__name__}: {error}", Exit.ERROR)


def _may_pass(error: ReconcilerError) -> bool:
    lost = isinstance(error, NotAppliedError | OutcomeUnknownError)
    return lost or isinstance(error.__cause__, psycopg.OperationalError)


class _Wave:
    def __init__(self, database: str, kinds: Path | None, plan_id: str, number: int) -> None:
        self.database = database
        self.kinds = kinds
        self.plan_id = plan_id
        self.number = number
        self.slugs: dict[str, str] = {}

    def run(self) -> None:
        begun = time.monotonic()
        with self._writing() as connection:
            # Waits for whoever stops it or resumes it.
            stored = store.found(connection, self.plan_id, "share")
        if stored.state != "going":
            self.say(f"is not applied: the plan is {stored.state}")
            return
        plan = _plan(self.database, self.plan_id)
        self.slugs = {one.organization.id: one.organization.slug for one in plan.targets}
        targets = stored.waves[self.number - 1]
        try:
            found = apply_wave(
                self.database,
                plan,
                targets,
                library.kinds_of(plan, self.kinds),
                stored.lock_timeout,
                self._refuse,
            )
        except TargetsError:
            if self._stopped():
                return
            raise
        outcome = found[0] if found else None
        self._end(outcome)
        self._tell(outcome, time.monotonic() - begun)

    def _refuse(self, error: TargetsError, refused: dict[str, str]) -> bool:
        """Note who is refused; too many of them in all of the plan stop it."""
        refusals = [
            Refusal(target=target, slug=self.slugs[target], reason=reason(error), why=why)
            for target, why in sorted(refused.items())
        ]
        for refusal in refusals:
            report(TargetRefused, refusal=refusal)
        with self._writing() as connection:
            stored = store.found(connection, self.plan_id, "update")
            store.refuse(connection, self.plan_id, refusals)
            number = len(store.refused(connection, self.plan_id))
            allowed = stored.pace.max_failures
            if stored.state == "going" and number > allowed:
                targets = "1 target is" if number == 1 else f"{number} targets are"
                why = f"{targets} refused, and --max-failures allows {allowed}"
                self._note_stop(connection, why, error.exit_code)
            return stored.state == "going" and number <= allowed

    def _end(self, outcome: Outcome | None) -> None:
        """Note how it ended, and give what waits for it to the workers, in one transaction."""
        with self._writing() as connection:
            stored = store.found(connection, self.plan_id, "update")
            if outcome is not None:
                done = [*outcome.having("applied"), *outcome.having("already_applied")]
                store.forget(connection, self.plan_id, done)
            following = [one for one in stored.next_to(self.number) if one > stored.deferred]
            if stored.state == "going" and following:
                wrote = outcome is not None and outcome.status == "applied"
                pause = stored.pace.seconds if wrote else 0
                jobs.defer(connection, self.plan_id, following, pause)
                store.advance(connection, self.plan_id, following[-1])

    def stop(self, why: str, code: Exit) -> None:
        """Stop the plan, unless it has stopped already."""
        with self._writing() as connection:
            if store.found(connection, self.plan_id, "update").state == "going":
                self._note_stop(connection, why, code)

    def _note_stop(self, connection: Connection, why: str, code: Exit) -> None:
        store.end(connection, self.plan_id, "stopped", self.number, why, code)
        self.say(f"stops the plan: {why}")

    def _stopped(self) -> bool:
        with self._writing() as connection:
            return store.found(connection, self.plan_id).state != "going"

    def _tell(self, outcome: Outcome | None, seconds: float) -> None:
        if outcome is None:
            self.say("all of its targets are refused")
        elif outcome.status == "applied":
            number = len(outcome.having("applied"))
            targets = "1 target" if number == 1 else f"{number} targets"
            self.say(f"{targets} applied (revision {outcome.revision}), {seconds:.1f} s")
        else:
            self.say("was applied before")

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        report(Said, text=f"{self.plan_id[:12]} wave {self.number}: {text}")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with session(self.database) as connection, transaction(connection, read_only=False):
            yield connection


@lru_cache(maxsize=1)
def _plan(database: str, plan_id: str) -> Plan:
    """Kept for the next wave: a plan has megabytes."""
    with session(database) as connection, transaction(connection, read_only=True):
        return store.plan(connection, plan_id)
