"""The schedules in a plan, in words and with the runs that come after it was made."""

from __future__ import annotations

from datetime import datetime

from reconciler import schedule
from reconciler.model.plan import Plan
from reconciler.model.value import Value, Values
from reconciler.render import escape, layout
from reconciler.render.layout import Explain

_RUNS = 3


def explain(plan: Plan, kind: str) -> Explain:
    """What the columns of a kind that hold a schedule mean; nothing about all others."""

    def explained(column: str, value: Value) -> str:
        text = _schedule(plan, kind, column, value)
        if not text:
            return ""
        # Whether one is paused is the tenant's to say, so a plan does not know.
        paused = "what is paused stays paused"
        return "; ".join(filter(None, [_words(text), _next(plan, text), paused]))

    return explained


def in_words(plan: Plan, kind: str, row: Values) -> list[str]:
    """The schedules of a row in words, to be read inside a sentence."""
    texts = [_schedule(plan, kind, column, value) for column, value in row.items()]
    words = [_words(text) for text in texts if text]
    return [said[0].lower() + said[1:] for said in words]


def coming(plan: Plan, kind: str, row: Values) -> list[str]:
    """The schedules of a row, each with its column and its next runs."""
    found = []
    for column, value in row.items():
        if text := _schedule(plan, kind, column, value):
            name = escape.shortened(column, escape.NAME_ROOM)
            runs = _next(plan, text).replace(layout.TIED, " ")
            found.append(f"{name}   {escape.quoted(text)}" + (f"; {runs}" if runs else ""))
    return found


def _schedule(plan: Plan, kind: str, column: str, value: Value) -> str | None:
    """The value, if it is a schedule; whatever else stands there is shown as plain text."""
    if not isinstance(value, str) or column not in plan.schedules.get(kind, ()):
        return None
    return None if schedule.problem(value) else value


def _words(text: str) -> str:
    return escape.shortened(schedule.in_words(text), escape.NAME_ROOM)


def _next(plan: Plan, text: str) -> str:
    """`next 2026-11-03 12:00, 18:00, 2026-11-04 00:00 UTC`: the date, where it is another one."""
    try:
        made = datetime.fromisoformat(plan.created_at)
    except ValueError:
        return ""
    said: list[str] = []
    day = None
    for run in schedule.next_runs(text, made, _RUNS):
        time = run.time().isoformat("seconds" if run.second else "minutes")
        said.append(time if run.date() == day else f"{run.date()}{layout.TIED}{time}")
        day = run.date()
    return f"next {', '.join(said)}{layout.TIED}UTC" if said else ""
