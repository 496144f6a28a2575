"""The terminal's view of a plan, held by golden files."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from reconciler.model.address import Address
from reconciler.model.conflict import MissingReference
from reconciler.model.note import DeletedByTenant
from reconciler.model.plan import Plan
from reconciler.render import render
from reconciler.render.escape import visible
from tests.fixtures import lifecycle, plans
from tests.fixtures.everything import everything, one_of_each_conflict
from tests.fixtures.golden import Golden
from tests.fixtures.hostile import hostile


@pytest.mark.parametrize(
    "make",
    [
        plans.worked,
        plans.watched,
        everything,
        plans.fleet,
        lifecycle.destroyed,
        lifecycle.undone,
        lifecycle.refreshed,
    ],
)
def test_golden(make: Callable[[], Plan], golden: Golden) -> None:
    golden(f"{make.__name__}.txt", render(make(), "text"))


def test_golden_verbose(golden: Golden) -> None:
    golden("everything_verbose.txt", render(everything(), "text", verbose=True))


@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_hostile_reaches_the_terminal(verbose: bool) -> None:
    text = render(hostile(), "text", verbose=verbose)
    assert all(visible(line) == line for line in text.split("\n"))
    assert not re.search(r"^\s*Error:", text, re.MULTILINE)


def test_colour_adds_colour_and_changes_nothing_else() -> None:
    plain = render(everything(), "text")
    colored = render(everything(), "text", color=True)
    assert "\x1b" not in plain
    assert "\x1b[32m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain


def _last(made: Plan) -> list[str]:
    return render(made, "text").splitlines()


def test_the_last_line_counts() -> None:
    assert _last(plans.plan([plans.create()]))[-1] == (
        "Plan: 1 to create, 0 to update, 0 to retire."
    )
    assert "Plan: 0 to create, 0 to update, 1 to adopt, 0 to retire." in _last(
        plans.plan([plans.adopt()])
    )


def test_conflicts_alone_are_no_reason_to_say_no_changes() -> None:
    lines = _last(plans.plan(conflicts=[plans.user_authored(), plans.user_authored("goal")]))
    assert "Plan: 0 to create, 0 to update, 0 to retire; 2 conflicts." in lines
    assert "This plan cannot be applied until the 2 conflicts are resolved." in lines


def test_no_changes() -> None:
    assert _last(plans.plan())[-1] == "No changes. acme matches personal-finance."
    two = [plans.target("acme"), plans.target("bolt", installed=False)]
    made = plans.plan(targets=two)
    assert _last(made)[-1] == "No changes. All 2 targets match personal-finance."
    assert "          bolt (org_bolt): not installed yet" in _last(made)


def test_no_changes_does_not_hide_what_differs() -> None:
    note = DeletedByTenant(address=Address("entity_type.budget"), targets=(plans.ACME,))
    assert _last(plans.plan(notes=[note]))[-1] == (
        "No changes. acme matches personal-finance, but for what is left alone."
    )


def test_the_flags_survive_a_shell() -> None:
    text = render(plans.plan(conflicts=[plans.user_authored("$HOME it's")]), "text")
    assert "--adopt 'entity_type.$HOME%20it%27s'" in text


def test_every_conflict_has_its_flags() -> None:
    text = render(everything(), "text")
    for conflict in one_of_each_conflict():
        assert f"--skip {conflict.address}" in text


def test_fifty_conflicts_are_shown_and_the_others_counted() -> None:
    rows = [plans.user_authored(f"t{number}") for number in range(55)]
    text = render(plans.plan(conflicts=rows), "text")
    assert len(re.findall(r"^  ! ", text, re.MULTILINE)) == 50
    assert "… 5 more like these" in text
    many = [
        MissingReference(
            address=Address(f"entity_type.t{number}"),
            target=plans.ACME,
            column="c",
            refers_to=Address(f"entity_type.r{number}"),
        )
        for number in range(60)
    ]
    text = render(plans.plan(conflicts=many), "text")
    assert len(re.findall(r"^  ! ", text, re.MULTILINE)) == 50
    assert "… 10 more conflicts; --format json shows them all" in text


def test_all_that_is_left_alone_is_named_when_asked_for() -> None:
    notes = [
        DeletedByTenant(address=Address(f"entity_type.gone{number}"), targets=(plans.ACME,))
        for number in range(9)
    ]
    made = plans.plan(notes=notes)
    assert "9 rows deleted by the tenant" in render(made, "text")
    assert "and 4 more (--verbose shows all)" in render(made, "text")
    assert "gone8" not in render(made, "text")
    assert "gone8" in render(made, "text", verbose=True)


def test_the_tool_says_how_to_plan_again_with_what_was_decided() -> None:
    assert (
        "reconcile plan personal-finance --target acme --as user_ana --adopt entity_type.holding "
        "--take entity_type.stock --skip entity_type.pot --take entity_type.saving "
        "--release entity_type.visit --restore entity_type.loan\n"
    ) in render(everything(), "text")


def test_one_conflict_has_a_whole_command() -> None:
    command = "reconcile plan personal-finance --target acme --as user_ana"
    assert _last(plans.worked())[-2:] == [
        f"Plan again with a flag for it added:  {command}",
        f"For example, to take it over:  {command} --adopt entity_type.transaction",
    ]
    two = plans.plan(conflicts=[plans.user_authored(), plans.user_authored("goal")])
    assert _last(two)[-1] == f"Plan again with a flag for each added:  {command}"
    assert _last(plans.fleet())[-2] == (
        'Plan again with a flag for it added, and each of the 60 targets for "...":  '
        "reconcile plan personal-finance --target ... --as user_ana"
    )
