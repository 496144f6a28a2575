"""One wave of a plan: one transaction, without those of its targets that are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconciler import applier
from reconciler.applier import lost
from reconciler.applier.locked import locked
from reconciler.approvals import NONE, Approvals
from reconciler.database.connection import Database, session
from reconciler.errors import LockedError, OutcomeUnknownError, TargetsError
from reconciler.kinds import Kinds
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Plan

# Told which targets are refused, and why; says whether to go on without them.
Refuse = Callable[[TargetsError, dict[str, str]], bool]


def apply_part(
    database: Database,
    part: Plan,
    kinds: Kinds,
    lock_timeout: str,
    reviewed: str,
    approvals: Approvals = NONE,
) -> tuple[Outcome, bool]:
    """One transaction, and what became of it; says whether it was interrupted at its COMMIT."""
    done: Outcome | None = None
    try:
        with session(database) as connection:
            done = applier.apply(
                connection, part, kinds, lock_timeout, reviewed=reviewed, approvals=approvals
            )
        return done, False
    except KeyboardInterrupt:
        if done is None:
            raise
        return done, True
    except OutcomeUnknownError as error:
        if not isinstance(database, str):
            raise
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        return lost.resolve(database, part, error, lock_timeout, reviewed), interrupted


def apply_wave(
    database: Database,
    plan: Plan,
    targets: Sequence[str],
    kinds: Kinds,
    lock_timeout: str,
    refuse: Refuse,
    approvals: Approvals = NONE,
) -> tuple[Outcome, bool] | None:
    """Apply the plan to these targets, as `apply_part` does; None where all of them are refused.

    Raises what refused targets, where it is not known which, or where `refuse` says so.
    """
    left, again = list(targets), True
    while left:
        part = plan.for_targets(left)
        try:
            return apply_part(database, part, kinds, lock_timeout, plan.plan_id, approvals)
        except TargetsError as error:
            refused = _refused(database, error, part, kinds)
            if not refused:
                if not (isinstance(error, LockedError) and again):
                    raise
                # By now, nobody holds the lock any more.
                again = False
                continue
            if not refuse(error, refused):
                raise
            left = [target for target in left if target not in refused]
    return None


def _refused(database: Database, error: TargetsError, part: Plan, kinds: Kinds) -> dict[str, str]:
    """Because of which targets a wave was refused, and why."""
    changed = frozenset(part.changed)
    known = {one: why for one, why in error.targets.items() if one in changed}
    if known or not isinstance(error, LockedError):
        return known
    with session(database) as connection:
        found = locked(connection, part, kinds)
    return dict.fromkeys(found, "another writer holds a lock there")
