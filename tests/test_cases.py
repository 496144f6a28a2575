"""Dead rows: one folder a case, with what stands there (given.toml) and the plan (plan.txt).

Every case is the same story. A template is installed in a target, then rows come and die as
given.toml says, and the rest of the template changes. The plan must say the case's verdict; what
it applies must be the rest and, where the verdict is `create`, the new row, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from reconciler import library
from reconciler.model.address import Address
from reconciler.model.plan import Plan
from reconciler.render import render
from tests.cases import timeless
from tests.cases.dead_rows import AGENT, CASES, DEAD, SHAPES, Case, Library
from tests.fixtures.golden import Golden
from tests.fixtures.world import World

ARCHITECTURE = Path(__file__).resolve().parents[1] / "ARCHITECTURE.md"


def said(plan: Plan, address: Address) -> list[str]:
    """What the plan says of a row, one word each."""
    return [
        *(one.action for one in plan.changes if one.address == address),
        *(one.reason for one in plan.conflicts if one.address == address),
        *(one.about for one in plan.notes if one.address == address),
    ]


@pytest.fixture(scope="module")
def shelves(shared_world: World) -> Library:
    """The template, installed in a target for every case."""
    opened = Library(shared_world)
    opened.open()
    return opened


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each folder."""
    found: Case = request.param
    return found


@pytest.fixture
def played(shelves: Library, case: Case) -> Iterator[Library]:
    """The library as it is before the case's plan."""
    try:
        shelves.play(case)
        yield shelves
    finally:
        shelves.close()


def test_a_dead_row_is_left_alone_and_the_rest_arrives(
    case: Case, played: Library, golden: Golden
) -> None:
    plan = played.plan(case.name)
    assert said(plan, case.address) == ([] if case.verdict == "nothing" else [case.verdict])
    text = render(timeless(plan), "text").replace(case.name, "reader")
    golden(DEAD / case.name / "plan.txt", text)

    skip = tuple(sorted({str(conflict.address) for conflict in plan.conflicts}))
    planned = partial(played.plan, case.name, skip=skip)
    decided = planned() if skip else plan
    assert decided.conflicts == ()
    before = played.rows(case)
    assert library.apply(played.world.connection, decided).status == "applied"

    assert played.rest(case) == SHAPES["rest"]["changed"]
    after = played.rows(case)
    new = after - before
    assert before <= after
    if case.verdict == "create":
        assert len(new) == decided.counts().create
        assert played.row_id(case.organization, case.kind, AGENT)
    else:
        assert new == set()
    again = planned()
    assert (again.changes, again.conflicts) == ((), ())


def test_the_docs_have_a_line_for_every_case_and_no_other() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    (_, _, rest) = text.partition("\n## Dead rows\n")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    told = [line for line in section.splitlines() if line.startswith("|")]
    assert told[2:] == [case.line() for case in CASES]
