"""What stops us: every error says what happened and what to do next.

Facts about the user's data are not errors but conflicts (see `reconciler.model.conflict`).
A psycopg error never leaks: it is chained as the cause of one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes of `reconcile`; the same numbers mean the same everywhere.

    `plan` uses DONE, ERROR, CHANGES (only with -detailed-exitcode) and CONFLICTS;
    `apply` uses all but CHANGES; `status` ends with CHANGES or CONFLICTS where something waits.
    """

    DONE = 0
    ERROR = 1
    CHANGES = 2
    CONFLICTS = 3
    STALE = 4
    LOCKED = 5
    NOT_AUTHORISED = 6


class ReconcilerError(Exception):
    """The base of every error raised on purpose.

    `message` says what happened, to which row and target; `hint` says what to do next
    (one remedy a line); `exit_code` is what the command line ends with.
    """

    exit_code: Exit = Exit.ERROR

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class KindError(ReconcilerError):
    """Kind files that cannot be used; the message lists every mistake with file and field."""


class SchemaMismatchError(ReconcilerError):
    """The database at hand does not fit the kinds; the message lists every misfit."""


class NotInitialisedError(ReconcilerError):
    """The tracking columns or the ledger are missing, or are of another version.

    database  which database that is, where the ledger is missing, or else None
    """

    def __init__(self, message: str, *, hint: str, database: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.database = database


class DatabaseError(ReconcilerError):
    """The database could not be reached, or refused a statement."""


class MissingGrantError(DatabaseError):
    """The database role lacks a right that this needs; the message names the table."""

    exit_code = Exit.NOT_AUTHORISED


class HiddenRowsError(ReconcilerError):
    """Row-level security would hide rows, so a plan would be made from half the truth."""


class NotFoundError(ReconcilerError):
    """An unknown template, target, actor or address."""


class NobodyLeftError(NotFoundError):
    """Organisations were named, and what else was said rules out every one of them."""


class RefusedError(ReconcilerError):
    """A request that the semantics forbid: own organisation, private or installed template."""


class TargetsError(ReconcilerError):
    """Because of some of the targets; `targets` says which, by id, and why, in a line each.

    It is empty where it is not known which.
    """

    def __init__(
        self, message: str, *, hint: str, targets: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.targets = dict(targets or {})


class NotAuthorisedError(TargetsError):
    """The actor may not change these targets."""

    exit_code = Exit.NOT_AUTHORISED


class NotApprovedError(ReconcilerError):
    """The plan needs approvals that it does not have; nothing was written."""

    exit_code = Exit.NOT_AUTHORISED


class PlanFileError(ReconcilerError):
    """A plan file that cannot be read, was tampered with, or belongs to another database."""


class InvalidPlanError(ReconcilerError):
    """The checker found a plan that breaks a promise: a defect of the planner or an edited file."""


class ConflictsError(ReconcilerError):
    """A plan with unresolved conflicts cannot be applied; `conflicts` are the plan's own."""

    exit_code = Exit.CONFLICTS

    def __init__(self, message: str, *, hint: str, conflicts: Sequence[Any]) -> None:
        super().__init__(message, hint=hint)
        self.conflicts = tuple(conflicts)


class StalePlanError(TargetsError):
    """Rows that the plan would touch are no longer as the plan saw them; nothing was written."""

    exit_code = Exit.STALE


class LockedError(TargetsError):
    """Another writer holds a lock that was waited for too long; nothing was written."""

    exit_code = Exit.LOCKED


class ScopeError(ReconcilerError):
    """The scope guard refused a statement; nothing was sent to the database."""


class UnprovenError(ReconcilerError):
    """An apply wrote something else than the plan's rows, or a trigger did; it was rolled back."""


class FenceError(ReconcilerError):
    """The fence is asked for and has a hole, or it stopped a statement; nothing was written."""


class NotAppliedError(ReconcilerError):
    """The connection was lost while committing, and the database rolled back.

    Nothing was written, and the same plan can be applied again.
    """


class OutcomeUnknownError(ReconcilerError):
    """The connection was lost while committing, and what became of the plan is not known.

    transaction_id  the transaction's (`pg_current_xact_id`), for `reconciler.outcome`
    expected        the Outcome, if it was committed
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        transaction_id: str | None = None,
        expected: Any = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.transaction_id = transaction_id
        self.expected = expected


class StoppedError(ReconcilerError):
    """A roll-out in waves has stopped before its end: what was applied before, stays applied.

    outcome    the Outcome so far: what was applied, refused and not reached
    exit_code  the one of what stopped it, which is the cause
    """

    def __init__(self, message: str, *, hint: str, exit_code: Exit, outcome: Any) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.outcome = outcome
