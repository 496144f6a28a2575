"""Cron schedules: what is one, what it says, when it runs; and nothing absurd takes long."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import schedule

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["0 7 * * *", "*/5 * * * *", " 0 0 1 jan mon\n", "0 0 L * *", "15 30 6 * * MON-FRI"]
)
def test_schedules(text: str) -> None:
    assert schedule.problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "wrong number of fields"),
        ("every day at 7", "wrong number of fields"),
        ("0 25 * * *", "bad hour"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 LW * */7", "it never runs"),
        ("0 0 ٣ * *", "bad day-of-month"),
        ("*/" + "9" * 5000 + " * * * *", "longer than 256 characters"),
        ("\x1b[31m\u202e * * * *", "bad minute"),
    ],
)
def test_what_is_none_says_why(text: str, problem: str) -> None:
    schedule.problem.cache_clear()
    started = time.process_time()
    assert schedule.problem(text) == problem
    assert time.process_time() - started < 1
    if problem != "it never runs":
        with pytest.raises(ValueError, match=problem):
            schedule.in_words(text)
        with pytest.raises(ValueError, match=problem):
            schedule.next_runs(text, NOON, 3)


def test_the_next_runs_come_after_the_time_given() -> None:
    runs = schedule.next_runs("0 */6 * * *", NOON, 3)
    assert [run.isoformat(" ", "minutes") for run in runs] == [
        "2026-11-03 18:00+00:00",
        "2026-11-04 00:00+00:00",
        "2026-11-04 06:00+00:00",
    ]


def test_runs_are_in_utc_wherever_the_time_given_is() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    bare = NOON.replace(tzinfo=None)
    for after in (elsewhere, bare):
        assert schedule.next_runs("0 13 * * *", after, 1) == [NOON + timedelta(hours=1)]


@pytest.mark.parametrize(
    "after",
    [
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_where_time_ends_so_do_the_runs(after: datetime) -> None:
    assert schedule.next_runs("0 7 * * *", after, 3) == []


def test_what_never_runs_has_no_runs() -> None:
    assert schedule.next_runs("0 0 LW * */7", NOON, 3) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 7 * * *", "At 07:00 every day"),
        ("0 */6 * * *", "At minute 0 past every sixth hour"),
        ("30 6 * * MON", "At 06:30 on Monday"),
    ],
)
def test_words(text: str, said: str) -> None:
    assert schedule.in_words(text) == said


_ITEM = st.from_regex(r"(\*|[0-9]{1,2}|[0-9]-[0-9]{1,2})(/[0-9]{1,2})?", fullmatch=True)
_ODD = st.sampled_from(["L", "LW", "L/2", "MON", "FEB", "5L", "MON#5", "0#1", "?", "W", "#", "-"])
_FIELD = st.lists(_ITEM | _ODD, min_size=1, max_size=3).map(",".join)


@given(st.lists(_FIELD, min_size=4, max_size=7).map(" ".join) | st.text())
def test_whatever_is_a_schedule_has_words_and_runs(text: str) -> None:
    if schedule.problem(text) is None:
        assert schedule.in_words(text)
        runs = schedule.next_runs(text, NOON, 3)
        assert len(runs) == 3
        assert NOON < runs[0] < runs[1] < runs[2]
