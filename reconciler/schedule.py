"""Cron schedules: whether a text is one, what it means in words, and when it runs next.

A schedule is read in UTC. It has five fields, or six with the seconds first, as `cronsim` reads
them. Texts from a database may be absurd, so every answer is bounded: in length, and in years.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cronsim import CronSim, CronSimError

# All sixty minutes in a list take 170 characters.
_LONGEST: Final = 256
# cronsim looks for fifty years ahead. Those after this one have every date on every weekday, so
# what does not run in them never runs.
_START: Final = datetime(2000, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def problem(text: str) -> str | None:
    """Why this is not a cron schedule, in a few words, or None if it is one.

    >>> problem("0 25 * * *"), problem("0 7 * * *")
    ('bad hour', None)
    """
    try:
        return None if next_runs(text, _START, 1) else "it never runs"
    except ValueError as error:
        return str(error)


def next_runs(text: str, after: datetime, count: int) -> list[datetime]:
    """The next runs of a schedule, in UTC; fewer than `count` only where time itself ends.

    A time without a zone is taken for UTC. Raises ValueError if the text is not a schedule.
    """
    found: list[datetime] = []
    try:
        start = after.astimezone(UTC) if after.tzinfo else after.replace(tzinfo=UTC)
        runs = _parsed(text, start)
        while len(found) < count:
            found.append(next(runs))
    except (StopIteration, OverflowError):
        pass
    return found


def in_words(text: str) -> str:
    """What a schedule says, without a full stop; raises ValueError if it is not one.

    >>> in_words("0 */6 * * *")
    'At minute 0 past every sixth hour'
    """
    return _parsed(text, _START).explain()


def _parsed(text: str, start: datetime) -> CronSim:
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    try:
        return CronSim(text, start)
    except CronSimError as error:
        raise ValueError(str(error).lower()) from error
