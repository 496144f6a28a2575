"""A plan for several databases, applied: one after the other, each as a whole or in waves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler import library
from reconciler.applier.beforehand import beforehand
from reconciler.approvals import Approvals, Demand
from reconciler.database.connection import Connection
from reconciler.differ.check import check
from reconciler.errors import (
    ConflictsError,
    OutcomeUnknownError,
    PlanFileError,
    ReconcilerError,
    StoppedError,
    TargetsError,
)
from reconciler.kinds import Kinds
from reconciler.model.approval import Approval
from reconciler.model.event import DatabaseApplied, DatabaseStarted
from reconciler.model.sharded import Section, SectionOutcome, ShardedOutcome, ShardedPlan
from reconciler.progress import report
from reconciler.rollout import refuse_too_large, roll_out_one
from reconciler.rollout.pace import Pace
from reconciler.shard_list import Databases, Shard
from reconciler.shards.everywhere import everywhere, named


def apply(
    databases: Databases,
    plan: ShardedPlan,
    *,
    kinds: Path | None = None,
    lock_timeout: str = "10s",
    wave: str | None = None,
    canary: str | None = None,
    max_failures: int = 0,
    pause: str = "0s",
    approvals: Sequence[Approval] = (),
    require: Demand | None = None,
) -> ShardedOutcome:
    """Execute exactly this plan: section after section, each as `reconciler.apply` would.

    A section is atomic as far as that goes (one transaction, or one a wave); the sections together
    are not. Before the first is begun, every database is reached, and every section is held
    against it as far as that goes without writing: nothing is written anywhere where one is
    another database, has conflicts, is not allowed or approved, or cannot be reached. The options
    are those of `reconciler.apply`, for each section by itself; an approval is of the whole plan,
    or of a section's.

    A section that fails stops the run: StoppedError, whose `outcome` is a ShardedOutcome that says
    which are done, and stay so. The same call goes on: what is done is then "already applied".
    """
    pace = Pace.of(wave=wave, canary=canary, max_failures=max_failures, pause=pause)
    shards = _shards(databases, plan)
    of = {one.database: library.kinds_of(one.plan, kinds) for one in plan.sections}
    _refuse(plan, of, pace)

    # Who has a plan in hand, and not its file, may have changed its sections.
    approved = Approvals(tuple(approvals), require, plan.meaning())

    def look(shard: Shard, connection: Connection) -> None:
        section = next(one for one in plan.sections if one.database == shard.name)
        try:
            beforehand(connection, section.plan, of[shard.name], approved)
        except TargetsError:
            # Which targets may be refused is then the roll-out's to count.
            if not pace.max_failures:
                raise

    everywhere(shards, look)
    done: list[SectionOutcome] = []
    for section, shard in zip(plan.sections, shards, strict=True):
        place = {
            "database": shard.name,
            "number": len(done) + 1,
            "databases": len(plan.sections),
        }
        report(DatabaseStarted, **place)
        try:
            outcome, interrupted = roll_out_one(
                shard.dsn.get_secret_value(),
                section.plan,
                of[shard.name],
                pace,
                lock_timeout,
                approved,
            )
        except ReconcilerError as error:
            raise _stopped(plan, done, section, error) from error
        found = SectionOutcome(
            database=shard.name,
            plan_id=section.plan.plan_id,
            status=outcome.status,
            outcome=outcome,
        )
        done.append(found)
        report(DatabaseApplied, **place, status=found.status)
        if interrupted:
            raise KeyboardInterrupt
    return ShardedOutcome.of(plan, tuple(done))


def _shards(databases: Databases, plan: ShardedPlan) -> list[Shard]:
    """The database of each section."""
    known = {shard.name: shard for shard in databases.shards}
    missing = [one.database for one in plan.sections if one.database not in known]
    if missing:
        raise PlanFileError(
            f"the plan has sections for {', '.join(missing)}, and {databases.file} names no such "
            "database; nothing was written",
            hint="Name the file that the plan was made with, or add what is missing.",
        )
    return [known[one.database] for one in plan.sections]


def _refuse(plan: ShardedPlan, kinds: Mapping[str, Kinds], pace: Pace) -> None:
    """Raise what needs no database to be seen."""
    for section in plan.sections:
        with _naming(section):
            check(section.plan, kinds[section.database])
    if plan.blocking:
        where = [
            f"{one.database} ({len(one.plan.blocking)})"
            for one in plan.sections
            if one.plan.blocking
        ]
        raise ConflictsError(
            f"the plan has unresolved conflicts in {', '.join(where)}; nothing was written in any "
            "database",
            hint="`reconcile show FILE` names each with the commands that would resolve it; "
            "then make a new plan.",
            conflicts=plan.blocking,
        )
    for section in plan.sections:
        with _naming(section):
            refuse_too_large(section.plan, pace)


@contextmanager
def _naming(section: Section) -> Iterator[None]:
    try:
        yield
    except ReconcilerError as error:
        named(section.database, error)
        raise


def _stopped(
    plan: ShardedPlan, done: Sequence[SectionOutcome], failed: Section, error: ReconcilerError
) -> StoppedError:
    sofar = error.outcome if isinstance(error, StoppedError) else None
    unknown = isinstance(error, OutcomeUnknownError)
    refused = SectionOutcome(
        database=failed.database,
        plan_id=failed.plan.plan_id,
        status=sofar.status if sofar else "unknown" if unknown else "refused",
        outcome=sofar,
        error=error.message,
    )
    left = [
        SectionOutcome(database=one.database, plan_id=one.plan.plan_id, status="not_reached")
        for one in plan.sections[len(done) + 1 :]
    ]
    lines = []
    if done:
        lines.append(f"Done, and that stays: {', '.join(one.database for one in done)}.")
    if left:
        lines.append(f"Not reached: {', '.join(one.database for one in left)}.")
    return StoppedError(
        "\n  ".join([f"stopped in database {failed.database}: {error.message}", *lines]),
        hint=f"{error.hint}\nWhen what is in the way is settled, the same command goes on: "
        "reconcile apply FILE",
        exit_code=error.exit_code,
        outcome=ShardedOutcome.of(plan, (*done, refused, *left), error.exit_code),
    )
