"""What a long run tells of itself while it lasts: one event a class, and the union of them.

They are what `-json` writes to stderr, a line each, for `plan` and `apply`. What an event of this
version says, later releases of it say as well; they may say more, and there may be other events.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from reconciler.errors import Exit
from reconciler.model.base import Noun
from reconciler.model.outcome import Refusal

EVENT_VERSION: Final = 1

# Of a plan: reading, comparing, deciding. Of each transaction of an apply: the others.
Step = Literal[
    "reading", "comparing", "deciding", "locking", "checking", "writing", "recording", "committing"
]


class _Event(Noun):
    """`at` is when, as `2026-11-02T09:14:00.123Z`."""

    reconcile_event: Literal[1] = EVENT_VERSION
    at: str


class Phase(_Event):
    """What is being done now: `what` says it closer, `rows` for how many rows."""

    event: Literal["phase"] = "phase"
    phase: Step
    what: str | None = None
    rows: int | None = None


class Started(_Event):
    """An apply begins: how many waves, targets and rows there are to do.

    already  how many targets were done before, by an earlier run
    """

    event: Literal["apply_started"] = "apply_started"
    plan_id: str
    waves: int
    targets: int
    rows: int
    already: int = 0


class WaveStarted(_Event):
    """A transaction begins: which one of how many, counted from 1."""

    event: Literal["wave_started"] = "wave_started"
    wave: int
    waves: int
    targets: int
    rows: int


class WaveApplied(_Event):
    """A transaction was committed, or (`revision` null) another process had done it before.

    targets, rows      of this wave
    targets_done, ...  of all waves so far, out of what there is to do
    seconds            since the wave began
    """

    event: Literal["wave_applied"] = "wave_applied"
    wave: int
    waves: int
    revision: int | None
    targets: int
    rows: int
    targets_done: int
    targets_total: int
    rows_done: int
    rows_total: int
    seconds: float


class TargetRefused(_Event):
    """A target was left out of its wave."""

    event: Literal["target_refused"] = "target_refused"
    refusal: Refusal


class Paused(_Event):
    """The pause between two waves begins."""

    event: Literal["paused"] = "paused"
    seconds: float


class DatabaseStarted(_Event):
    """Of several databases the next one begins, counted from 1: what follows is about it."""

    event: Literal["database_started"] = "database_started"
    database: str
    number: int
    databases: int


class DatabaseApplied(_Event):
    """All of it is applied in this database, or (`already_applied`, `nothing_to_do`) was before."""

    event: Literal["database_applied"] = "database_applied"
    database: str
    number: int
    databases: int
    status: str


class Said(_Event):
    """What is said to a person beside the result: a plan to approve, a warning, a hint."""

    event: Literal["note"] = "note"
    text: str


class Failed(_Event):
    """The run ends with an error: what happened, what to do next, and the exit code."""

    event: Literal["error"] = "error"
    message: str
    hint: str = ""
    exit_code: Exit


Event = Annotated[
    Phase
    | Started
    | WaveStarted
    | WaveApplied
    | TargetRefused
    | Paused
    | DatabaseStarted
    | DatabaseApplied
    | Said
    | Failed,
    Field(discriminator="event"),
]
