"""A fleet's plan in a few lines: every target in exactly one group, and the numbers add up."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import DeletedByTenant, Note
from reconciler.model.plan import Plan
from reconciler.render import Format, render
from reconciler.render.fleet import Fleet
from reconciler.render.groups import groups
from reconciler.render.outline import Names
from tests.fixtures import fleets, plans
from tests.fixtures.golden import Golden

KEYS = ("account", "card", "pot")
# For each target and row: nothing, the usual change, an edit overwritten, a conflict, deleted.
WAYS = ("", "usual", "edited", "conflict", "gone")


@st.composite
def some_fleet(draw: st.DrawFn) -> Plan:
    """A plan for up to nine targets, each with anything at any of three rows."""
    number = draw(st.integers(3, 9))
    slugs = [f"t{place}" for place in range(number)]
    ways = {(slug, key): draw(st.sampled_from(WAYS)) for slug in slugs for key in KEYS}
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    notes: list[Note] = []
    for key in KEYS:
        for way in WAYS:
            there = tuple(f"org_{slug}" for slug in slugs if ways[slug, key] == way)
            if way in ("usual", "edited") and there:
                field = plans.description(drift=way == "edited")
                changes.append(plans.update(field, key=key, targets=there))
            elif way == "gone" and there:
                address = Address.of("entity_type", (key,))
                notes.append(DeletedByTenant(address=address, targets=there))
    for slug in slugs:
        for key in KEYS:
            if ways[slug, key] == "conflict":
                conflicts.append(plans.user_authored(key, slug=slug))
    installed = [draw(st.booleans()) for _ in slugs]
    targets = [
        plans.target(slug, installed=there) for slug, there in zip(slugs, installed, strict=True)
    ]
    return plans.plan(changes, conflicts, notes, targets=targets)


@given(some_fleet(), st.booleans())
def test_every_target_is_in_exactly_one_group(plan: Plan, leave_out: bool) -> None:
    if leave_out:
        plan = fleets.left_out(plan)
    expected = [one.organization.id for one in plan.targets]
    found = groups(plan)
    assert sorted(target for group in found for target in group.targets) == expected
    for group in found:
        for target in group.targets:
            assert group.changes == tuple(one for one in plan.changes if target in one.targets)
            assert group.notes == tuple(one for one in plan.notes if target in one.targets)
            assert {(one.address, one.reason) for one in group.conflicts} == {
                (one.address, one.reason) for one in plan.conflicts if one.target == target
            }
    fleet = Fleet(plan, Names(plan))
    deviating = [target for one in fleet.deviations() for target in one.targets]
    main = list(found[0].targets) if found else []
    assert sorted(deviating + main) == expected
    assert all(one.traits for one in fleet.deviations())


@given(some_fleet(), st.booleans())
def test_the_numbers_add_up(plan: Plan, leave_out: bool) -> None:
    asked_for = len(plan.targets)
    if leave_out:
        plan = fleets.left_out(plan)
    who, _, what = Fleet(plan, Names(plan)).headline().partition(": ")
    for part in (who, what):
        told = [int(one) for one in re.findall(r"(?:^|; |, )(\d+) ", part)]
        assert sum(told) == asked_for
    (same, all_of_them, differ) = _summary(plan)
    assert same + differ == all_of_them == len(plan.targets)


def _summary(plan: Plan) -> tuple[int, int, int]:
    told = Fleet(plan, Names(plan)).summary()
    number = len(plan.targets)
    if found := re.match(r"(\d+) of (\d+) targets: .*; (\d+) differ$", told):
        return int(found[1]), int(found[2]), int(found[3])
    return (number, number, 0) if told.startswith("All") else (0, number, number)


@given(some_fleet(), st.sampled_from(["text", "markdown"]), st.booleans())
def test_every_change_is_shown(plan: Plan, form: Format, verbose: bool) -> None:
    shown = render(plan, form, verbose=verbose)
    rows = Counter(change.address.key[0] for change in plan.changes)
    for key, number in rows.items():
        line = f'^  ~ entity_type "{key}" ' if form == "text" else f"^`~ entity_type.{key}`"
        assert len(re.findall(line, shown, re.MULTILINE)) == number


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("deviants", [20, 2000])
@pytest.mark.parametrize("leave_out", [False, True])
def test_ten_thousand_targets_are_read_in_a_minute(
    form: Format, deviants: int, leave_out: bool
) -> None:
    plan = fleets.fleet(10_000, deviants)
    plan = fleets.left_out(plan) if leave_out else plan
    text = render(plan, form)
    assert text.count("\n") < 150
    same, left = 10_000 - deviants, f"; {deviants // 2} left out because of conflicts"
    assert f"10000 installed: {same} the same 3 changes; " in text
    assert (left in text) == leave_out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_golden(form: Format, golden: Golden) -> None:
    suffix = "txt" if form == "text" else "md"
    golden(f"deviants.{suffix}", render(fleets.fleet(400, 40), form))
    golden(f"left_out.{suffix}", render(fleets.left_out(fleets.fleet(400, 40)), form))


def test_all_are_named_when_asked_for() -> None:
    plan = fleets.left_out(fleets.fleet(400, 200))
    short, whole = (render(plan, "text", verbose=verbose) for verbose in (False, True))
    assert "more (--verbose shows all)" in short
    named = set(re.findall(r"tenant-\d+", whole))
    assert named == {f"tenant-{number:05}" for number in range(400)}


def test_a_plan_for_two_targets_counts_nobody() -> None:
    slugs = ("acme", "bolt")
    plan = plans.plan(
        [plans.update(key="card", targets=["org_acme"])],
        [plans.user_authored("loan", slug=slug) for slug in slugs],
        targets=[plans.target(slug) for slug in slugs],
    )
    text = render(plan, "text")
    assert "differ" not in text
    assert len(re.findall(r"^  ! .* in (?:acme|bolt),", text, re.MULTILINE)) == 2
    assert "--skip-conflicted" not in text
    one = fleets.left_out(plan)
    text = render(one, "text")
    assert "Targets   acme (org_acme): left out, 1 conflict" in text
    assert text.endswith(
        "Nothing is left to do: all 2 targets have conflicts; 2 targets left out.\n"
    )


def test_rows_in_the_way_of_a_unique_index_are_named_together() -> None:
    text = " ".join(render(fleets.collided(), "text").split())
    assert "in tenant-0, tenant-1, tenant-2 and tenant-3" in text
    assert "ids 0 of tenant-0, 1 of tenant-1 and 2 of tenant-2, and so on in 1 more" in text
    assert text.count("--skip entity_type.pot") == 1


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("leave_out", [False, True])
def test_hostile_names_stay_harmless(form: Format, verbose: bool, leave_out: bool) -> None:
    plan = fleets.fleet(9, 8)
    bad = "a\x1b[31m\n## feigned `x` | @everyone \u202e"
    targets = tuple(
        one.model_copy(update={"organization": one.organization.model_copy(update={"slug": bad})})
        for one in plan.targets
    )
    plan = plan.model_copy(update={"targets": targets}).identified()
    text = render(fleets.left_out(plan) if leave_out else plan, form, verbose=verbose)
    assert not re.search("[\x1b\u202e]|^## feigned", text, re.MULTILINE)
    if form == "markdown":
        outside = re.sub(r"<code>.*?</code>|```.*?```", "", text, flags=re.DOTALL)
        assert "@everyone" not in outside
