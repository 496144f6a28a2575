"""Our tables: plans as they were enqueued, and the targets that were refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler import planfile
from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.errors import Exit, NotFoundError, ReconcilerError
from reconciler.ledger import history
from reconciler.model.outcome import Refusal
from reconciler.model.plan import Plan
from reconciler.rollout.pace import Pace

State = Literal["going", "stopped", "cancelled"]

_COLUMNS: Final = """
SELECT plan_id, template, targets, wave, canary, max_failures, pause, lock_timeout, enqueued_by,
       to_char(enqueued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), deferred, state,
       stopped_in, why, exit_code
FROM reconcile_fleet.plan"""
_ALL: Final = Fixed(f"{_COLUMNS} ORDER BY enqueued_at DESC, plan_id")
_LIKE: Final = f"{_COLUMNS} WHERE starts_with(plan_id, $1) ORDER BY plan_id LIMIT 2"
_ONE: Final = f"{_COLUMNS} WHERE plan_id = $1"
_LOCKS: Final = {"": "", "share": " FOR SHARE", "update": " FOR UPDATE"}
_ADD: Final = """
INSERT INTO reconcile_fleet.plan
    (plan_id, plan, template, targets, wave, canary, max_failures, pause, lock_timeout, deferred)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (plan_id) DO NOTHING RETURNING 1"""
_PLAN: Final = "SELECT plan FROM reconcile_fleet.plan WHERE plan_id = $1"
_ADVANCE: Final = "UPDATE reconcile_fleet.plan SET deferred = $2 WHERE plan_id = $1"
_STATE: Final = """
UPDATE reconcile_fleet.plan SET state = $2, stopped_in = $3, why = $4, exit_code = $5
WHERE plan_id = $1"""
_RESUME: Final = """
UPDATE reconcile_fleet.plan SET state = 'going', stopped_in = NULL, why = NULL, exit_code = NULL,
       deferred = $2, max_failures = $3 WHERE plan_id = $1"""
_REFUSE: Final = """
INSERT INTO reconcile_fleet.refusal (plan_id, organization_id, slug, reason, why)
SELECT $1, t.id, t.slug, $2, t.why
FROM unnest($3::text[], $4::text[], $5::text[]) AS t (id, slug, why)
ON CONFLICT (plan_id, organization_id)
DO UPDATE SET reason = excluded.reason, why = excluded.why, at = excluded.at"""
_REFUSED: Final = """
SELECT organization_id, slug, reason, why FROM reconcile_fleet.refusal WHERE plan_id = $1
ORDER BY at, organization_id"""
_FORGET: Final = """
DELETE FROM reconcile_fleet.refusal WHERE plan_id = $1 AND organization_id = ANY($2::text[])"""


@dataclass(frozen=True)
class Stored:
    """A plan as it was enqueued, without its text.

    deferred  waves up to this one have got a job
    """

    plan_id: str
    template: str
    targets: list[str]
    pace: Pace
    lock_timeout: str
    enqueued_by: str
    enqueued_at: str
    deferred: int
    state: State
    stopped_in: int | None
    why: str
    exit_code: Exit

    @property
    def waves(self) -> list[Sequence[str]]:
        """The targets of each wave."""
        return list(self.pace.slices(self.targets, len(self.targets)))

    def next_to(self, wave: int) -> range:
        """The waves that get a job when this one has ended, or, for 0, at once."""
        count = len(self.waves)
        alone = bool(self.pace.seconds) or (self.pace.canary is not None and not wave)
        if alone:
            return range(wave + 1, min(wave + 1, count) + 1)
        follows = not wave or (wave == 1 and self.pace.canary is not None)
        return range(wave + 1, count + 1) if follows else range(0)


def new(plan: Plan, pace: Pace, lock_timeout: str) -> Stored:
    """A plan that is about to be enqueued."""
    return Stored(
        plan_id=plan.plan_id,
        template=plan.template.name,
        targets=list(plan.changed),
        pace=pace,
        lock_timeout=lock_timeout,
        enqueued_by="",
        enqueued_at="",
        deferred=0,
        state="going",
        stopped_in=None,
        why="",
        exit_code=Exit.DONE,
    )


def add(connection: Connection, stored: Stored, plan: Plan) -> bool:
    """Keep a plan; says whether it is new."""
    pace = stored.pace
    values = (
        stored.plan_id,
        planfile.dumps(plan),
        stored.template,
        stored.targets,
        str(pace.wave) if pace.wave else None,
        str(pace.canary) if pace.canary else None,
        pace.max_failures,
        pace.pause,
        stored.lock_timeout,
        len(stored.next_to(0)),
    )
    return bool(run(connection, [Fixed(_ADD, values)])[0])


def plan(connection: Connection, plan_id: str) -> Plan:
    """The plan itself, proven to be the one that was enqueued."""
    ((text,),) = run(connection, [Fixed(_PLAN, (plan_id,))])[0]
    return planfile.loads(text)


def everything(connection: Connection) -> list[Stored]:
    """All plans, the newest first."""
    return [_stored(row) for row in run(connection, [_ALL])[0]]


def found(
    connection: Connection, plan_id: str, lock: Literal["", "share", "update"] = ""
) -> Stored:
    """One plan. Raises NotFoundError."""
    rows = run(connection, [Fixed(_ONE + _LOCKS[lock], (plan_id,))])[0]
    if not rows:
        raise _unknown(plan_id)
    return _stored(rows[0])


def named(connection: Connection, beginning: str) -> str:
    """The plan_id that begins like this. Raises NotFoundError, or ReconcilerError for several."""
    rows = run(connection, [Fixed(_LIKE, (beginning,))])[0]
    if not rows:
        raise _unknown(beginning)
    if len(rows) > 1:
        raise ReconcilerError(
            f"several plans begin with {beginning!r}", hint="Write more of the plan_id."
        )
    return str(rows[0][0])


def advance(connection: Connection, plan_id: str, deferred: int) -> None:
    """Note that waves up to this one have got a job."""
    run(connection, [Fixed(_ADVANCE, (plan_id, deferred))])


def end(
    connection: Connection,
    plan_id: str,
    state: Literal["stopped", "cancelled"],
    wave: int | None,
    why: str,
    code: Exit,
) -> None:
    """Note that no more waves of it are to be applied, and why."""
    run(connection, [Fixed(_STATE, (plan_id, state, wave, why, int(code)))])


def restart(connection: Connection, plan_id: str, deferred: int, max_failures: int) -> None:
    """Note that it goes on, with nobody refused so far."""
    run(connection, [Fixed(_RESUME, (plan_id, deferred, max_failures))])


def refuse(connection: Connection, plan_id: str, refusals: Sequence[Refusal]) -> None:
    """Note who was refused, all for one reason."""
    columns = zip(*((one.target, one.slug, one.why) for one in refusals), strict=True)
    values = (plan_id, refusals[0].reason, *map(list, columns))
    run(connection, [Fixed(_REFUSE, values)])


def refused(connection: Connection, plan_id: str) -> tuple[Refusal, ...]:
    """Who was refused, in the order in which that happened."""
    rows = run(connection, [Fixed(_REFUSED, (plan_id,))])[0]
    return tuple(
        Refusal(target=target, slug=slug, reason=reason, why=why)
        for target, slug, reason, why in rows
    )


def forget(connection: Connection, plan_id: str, targets: Iterable[str]) -> None:
    """These are no longer refused."""
    run(connection, [Fixed(_FORGET, (plan_id, list(targets)))])


def done(connection: Connection, stored: Stored) -> set[str]:
    """The targets that the ledger says are done."""
    rows = history.applied(connection, stored.plan_id)
    return history.done_of(rows) & set(stored.targets)


def _stored(row: tuple[Any, ...]) -> Stored:
    (plan_id, template, targets, wave, canary, max_failures, pause, lock_timeout, by, at, deferred,
     state, stopped_in, why, code) = row  # fmt: skip
    pace = Pace.of(wave=wave, canary=canary, max_failures=max_failures, pause=pause)
    return Stored(
        plan_id, template, targets, pace, lock_timeout, by, at, deferred, state, stopped_in,
        why or "", Exit(code or 0),
    )  # fmt: skip


def _unknown(plan_id: str) -> NotFoundError:
    return NotFoundError(
        f"no plan {plan_id!r} was enqueued",
        hint="`reconcile fleet status` lists those that were; `reconcile fleet enqueue FILE` "
        "enqueues one.",
    )
