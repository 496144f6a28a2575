"""Three values: one folder a case, with the values (given.toml) and the plan (plan.txt).

Every case is the same story. A book of the template's is placed in a target, one of its columns is
then changed in the target, and in the template, as given.toml says. The plan must say the case's
verdict; once it is applied, the column must hold what the case says, and the next plan must say
what comes of it without a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path

import pytest

from reconciler import kinds
from reconciler.model.change import Change, FieldChange
from reconciler.model.plan import Plan
from reconciler.render import render
from tests.cases import timeless
from tests.cases.three_values import (
    ADDRESS,
    CASES,
    FIRST,
    FLAGS,
    HOME,
    IMPOSSIBLE,
    OWNERS,
    RELATIONS,
    THE_SAME,
    THREE,
    Case,
    Combination,
    Shelves,
    table,
)
from tests.fixtures.golden import Golden
from tests.fixtures.world import World

ARCHITECTURE = Path(__file__).resolve().parents[1] / "ARCHITECTURE.md"
# The value stays as it is in a row that stays ours: what else changed in the row arrives.
STAYING = [case for case in CASES if case.verdict in (("kept_edit",), ("skipped",))]


def said(plan: Plan) -> tuple[str, ...]:
    """What the plan says of the book, one word each."""
    changes = [one for one in plan.changes if str(one.address) == ADDRESS]
    return (
        *(one.action for one in changes),
        *("drift" for one in changes if any(field.drift for field in fields(one))),
        *(one.reason for one in plan.conflicts if str(one.address) == ADDRESS),
        *(one.about for one in plan.notes if str(one.address) == ADDRESS),
    )


def fields(change: Change) -> tuple[FieldChange, ...]:
    """The columns that a change writes in a row that is there."""
    return () if change.action == "create" else change.fields


def alike(one: Combination) -> str:
    """The target for a combination without a case; it serves all flags."""
    return f"{one.relation}-{one.owner}-alike"


@pytest.fixture(scope="module")
def shelves(shared_world: World) -> Iterator[Shelves]:
    """The template, and the book in a target for every case, and in one for every other flag."""
    opened = Shelves(shared_world)
    standing = {case.name: case.combination for case in CASES}
    standing |= {alike(one): one for left_out in THE_SAME for one in left_out}
    standing |= {f"{case.name}-rest": case.combination for case in STAYING}
    with pytest.MonkeyPatch.context() as patch:
        # The kinds' files are the same for two hundred plans.
        patch.setattr(kinds, "load", lru_cache(kinds.load))
        opened.open(standing)
        yield opened


@pytest.fixture
def publish(shelves: Shelves) -> Iterator[Shelves]:
    """The same; whatever the template's book is made, it is afterwards what it was."""
    yield shelves
    for owner in OWNERS:
        shelves.put(HOME, owner, FIRST)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_three_values_become_what_the_case_says(
    case: Case, publish: Shelves, golden: Golden
) -> None:
    publish.put(HOME, case.owner, case.template)
    before = publish.holds(case.name, case.owner)
    assert before == case.target

    plan = publish.plan(case.name, flag=case.flag)
    request = plan.request.model_copy(update={"kinds": "kinds"})
    shown = timeless(plan).model_copy(update={"request": request})
    text = render(shown, "text").replace(case.name, "reader")
    golden(THREE / case.name / "plan.txt", text)
    assert said(plan) == case.verdict
    if plan.changes and not plan.conflicts:
        assert publish.apply(plan).status == "applied"
    assert publish.holds(case.name, case.owner) == case.after
    assert said(publish.plan(case.name)) == case.again


@pytest.mark.parametrize("case", STAYING, ids=lambda case: case.name)
def test_beside_a_value_that_stays_the_rest_of_the_row_arrives(
    case: Case, publish: Shelves
) -> None:
    target, other = f"{case.name}-rest", "template" if case.owner == "shared" else "shared"
    publish.put(HOME, case.owner, case.template)
    publish.put(HOME, other, "rest")
    plan = publish.plan(target, flag=case.flag)
    assert said(plan) == ("update", *case.verdict)
    publish.apply(plan)
    assert (publish.holds(target, case.owner), publish.holds(target, other)) == ("mine", "rest")
    # What was written leaves the base of what stays as it was.
    again = publish.plan(target)
    assert said(again) == case.again
    assert all(one.base == case.base for one in again.conflicts if one.reason == "edited_both")


@pytest.mark.parametrize("template", sorted({values[1] for values in RELATIONS.values()}))
@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag != "none"])
def test_a_flag_without_a_case_of_its_own_is_like_the_one_that_has(
    flag: str, template: str, publish: Shelves
) -> None:
    for owner in OWNERS:
        publish.put(HOME, owner, template)
    targets = [
        alike(one)
        for left_out in THE_SAME
        for one in left_out
        if one.flag == flag and RELATIONS[one.relation][1] == template
    ]
    plain, flagged = publish.plan(*targets), publish.plan(*targets, flag=flag)
    if flag == "release":
        assert said(flagged) == ("release",) * len(flagged.changes)
        assert not any(fields(one) for one in flagged.changes)
        given = [target for one in flagged.changes for target in one.targets]
        assert sorted(given) == sorted(f"org_{target}" for target in targets)
        return
    assert (flagged.changes, flagged.conflicts) == (plain.changes, plain.conflicts)
    assert [one for one in flagged.notes if one not in plain.notes] == [
        one for one in flagged.notes if one.about == "needless_flag" and str(one.address) == ADDRESS
    ]
    assert len(flagged.notes) == len(plain.notes) + 1


def test_every_combination_is_a_case_or_is_left_out_with_a_reason() -> None:
    named = {case.name: "-".join(case.combination).removesuffix("-none") for case in CASES}
    assert {name: name for name in named} == named
    declared = [case.combination for case in CASES]
    left_out = [one for rule in (*IMPOSSIBLE, *THE_SAME) for one in rule]
    everything = [Combination(*one) for one in product(RELATIONS, OWNERS, FLAGS)]
    # Each once: no rule speaks of what has a case, or of what another one speaks of.
    assert sorted(declared + left_out) == sorted(everything)


def test_the_docs_have_a_line_for_every_case_and_no_other() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    (_, _, rest) = text.partition("\n## Three values\n")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == table()
