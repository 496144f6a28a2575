"""Watchers and their versions: schedules in words, and what only they have in the way."""

from __future__ import annotations

import re

import pytest

from reconciler.model.address import Address
from reconciler.model.change import Create, FieldChange, Update
from reconciler.model.conflict import RewrittenVersion
from reconciler.model.plan import Plan
from reconciler.model.value import Ref
from reconciler.render import Format, render
from reconciler.render.escape import visible
from tests.fixtures.plans import ACME, plan, update
from tests.render.hostile_versions import STORED, hostile_versions

BUDGET = Address("watcher.budget")


def scheduled(text: str) -> Plan:
    return plan(
        [
            Create(address=BUDGET, targets=(ACME,), values={"schedule": text, "name": text}),
            Update(
                address=Address("watcher.rent"),
                targets=(ACME,),
                before={"schedule": "0 7 * * *"},
                fields=(FieldChange(column="schedule", before="0 7 * * *", after=text),),
            ),
        ]
    )


def test_a_new_schedule_is_said_in_words_and_with_its_runs() -> None:
    text = render(scheduled("0 */6 * * *"), "text")
    assert "at minute 0 past every sixth hour" in text
    assert 'schedule   "0 */6 * * *"; next 2026-10-06 18:00, 2026-10-07 00:00, 06:00 UTC\n' in text
    assert "At minute 0 past every sixth hour; next 2026-10-06 18:00, 2026-10-07 00:00," in text
    verbose = render(scheduled("0 */6 * * *"), "text", verbose=True)
    assert verbose.count("At minute 0 past every sixth hour; next 2026-10-06 18:00") == 2


def test_a_column_that_is_not_declared_to_be_a_schedule_is_text() -> None:
    made = plan([update(FieldChange(column="schedule", before="", after="0 7 * * *"))])
    assert "next" not in render(made, "text")


def test_seconds_are_said_where_there_are_any() -> None:
    assert "next 2026-10-06 12:00:15, 12:01:15, 12:02:15 UTC" in render(
        scheduled("15 * * * * *"), "text"
    )


@pytest.mark.parametrize("text", [*STORED, "", "0 0 31 2 *", "0 0 LW * */7", "9" * 9999])
@pytest.mark.parametrize("format_", ["text", "markdown"])
@pytest.mark.parametrize("verbose", [False, True])
def test_what_is_no_schedule_is_text(text: str, format_: Format, verbose: bool) -> None:
    shown = render(scheduled(text), format_, verbose=verbose)
    assert "next" not in shown
    assert visible(shown.replace("\n", "")) == shown.replace("\n", "")


@pytest.mark.parametrize("made", ["", "yesterday", "9999-12-31T23:59:59+00:00"])
def test_a_plan_that_knows_no_time_knows_no_runs(made: str) -> None:
    shown = render(scheduled("0 7 * * *").model_copy(update={"created_at": made}), "text")
    assert "at 07:00 every day" in shown
    assert "next" not in shown


def test_a_row_that_points_at_itself_does_not_say_so() -> None:
    itself = Create(address=BUDGET, targets=(ACME,), values={"watcher_group_id": Ref(ref=BUDGET)})
    assert "watcher_group_id" not in render(plan([itself]), "text")


def test_targets_with_the_same_rewritten_version_are_one_conflict() -> None:
    rewritten = [
        RewrittenVersion(
            address=Address("watcher_version.budget/1"),
            target=target,
            fields=(FieldChange(column="prompt", before="a\nb", after="a\nc"),),
        )
        for target in (ACME, "org_bolt")
    ]
    text = render(plan(conflicts=rewritten), "text")
    assert text.count("- │ b") == 1
    assert text.count("Keep as it is:  --skip watcher_version.budget/1 ") == 1


def test_a_kind_that_is_left_out_is_no_silent_match() -> None:
    text = render(plan(left_out={"view_template": "it has no such table"}), "text")
    assert text.endswith(
        "  Left alone:\n"
        "      the kind view_template, which this database cannot hold (it has no such table)\n\n"
        "No changes. acme matches personal-finance, but for what is left alone.\n"
    )


@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_hostile_reaches_the_terminal(verbose: bool) -> None:
    text = render(hostile_versions(), "text", verbose=verbose)
    assert all(visible(line) == line for line in text.split("\n"))
    assert not re.search(r"^\s*Error:", text, re.MULTILINE)
