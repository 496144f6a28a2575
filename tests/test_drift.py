"""What the targets changed since it was last applied: said only where it matters, or on request."""

from __future__ import annotations

import pytest

from reconciler.cli import main
from reconciler.model.plan import Drift, Plan
from reconciler.model.value import Json
from reconciler.render import render
from tests.fixtures.world import World

HERE = "organization_id = 'org_birch'"


@pytest.fixture
def drifted(birch: World) -> World:
    """An installation in which people edited, retired and renamed what they were given."""
    birch.sql(f"UPDATE entity_types SET description = 'Ours' WHERE {HERE} AND slug = 'bill'")
    birch.sql(
        "UPDATE entity_types SET metadata_schema = metadata_schema || '{\"ours\": 1.10}' "
        f"WHERE {HERE} AND slug = 'loan'"
    )
    birch.sql(f"UPDATE agents SET name = 'Penny' WHERE {HERE}")
    birch.sql(f"UPDATE watchers SET version = 9 WHERE {HERE} AND slug = 'bills_due'")
    birch.sql(f"UPDATE entity_types SET deleted_at = now() WHERE {HERE} AND slug = 'goal'")
    return birch


def told(plan: Plan) -> list[tuple[str, str, str]]:
    return [(one.address, one.column, one.then) for one in plan.drift]


EXPECTED = [
    ("agent.agent_pf", "name", "tenant"),
    ("entity_type.bill", "description", "overwritten"),
    ("entity_type.loan", "metadata_schema", "overwritten"),
    ("watcher.bills_due", "version", "kept"),
]


def test_drift_is_shown_as_base_ours_and_theirs(drifted: World) -> None:
    plan = drifted.plan("birch", show_drift=True)
    assert told(plan) == EXPECTED
    name, bill, loan, _ = plan.drift
    assert (name.base, name.ours, name.theirs) == ("Personal Finance", "Penny", "Personal Finance")
    assert (bill.ours, bill.base == bill.theirs) == ("Ours", True)
    assert isinstance(loan.ours, Json)
    assert loan.ours.parsed()["ours"] == "1.10"
    assert loan.base == loan.theirs
    assert {change.address for change in plan.changes} == {"entity_type.bill", "entity_type.loan"}


def test_a_plan_that_is_not_asked_says_only_what_it_overwrites(drifted: World) -> None:
    plan = drifted.plan("birch")
    assert plan.drift == ()
    assert {field.drift for change in plan.changes for field in change.fields} == {True}


def test_refresh_only_does_nothing_and_says_what_is_gone(
    drifted: World, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = drifted.plan("birch", refresh_only=True)
    assert told(plan) == EXPECTED
    assert plan.empty
    assert [(one.about, one.address) for one in plan.notes] == [
        ("deleted_by_tenant", "entity_type.goal")
    ]
    assert drifted.apply(plan).status == "nothing_to_do"
    words = ["plan", "personal-finance", "-target", "birch", "-as", "user_ana", "-refresh-only"]
    words += ["--database-url", drifted.dsn]
    assert main(words) == 0
    assert main([*words, "-detailed-exitcode"]) == 2
    assert "Penny" in capsys.readouterr().out


def test_what_is_the_same_in_many_targets_is_said_once(world: World) -> None:
    targets = [world.organization() for _ in range(3)]
    world.install(*targets, skip=[])
    world.sql(
        "UPDATE entity_types SET icon = 'x' WHERE slug = 'bill' AND organization_id = ANY(%s)",
        targets,
    )
    (one,) = world.plan(*targets, show_drift=True).drift
    assert one == Drift(
        address="entity_type.bill",
        targets=tuple(sorted(targets)),
        column="icon",
        base=one.base,
        ours="x",
        theirs=one.base,
        then="overwritten",
    )


def test_nothing_drifted_by_being_applied(birch: World) -> None:
    birch.sql("UPDATE agents SET description = 'New' WHERE id = 'agent_pf'")
    birch.apply(birch.plan("birch"))
    plan = birch.plan("birch", refresh_only=True)
    assert (plan.drift, plan.notes) == ((), ())
    birch.sql(f"UPDATE agents SET name = 'Penny' WHERE {HERE}")
    assert told(birch.plan("birch", show_drift=True)) == [EXPECTED[0]]


def test_hostile_text_in_what_drifted_is_escaped(drifted: World) -> None:
    drifted.sql("UPDATE agents SET name = %s WHERE " + HERE, "\x1b[31m[red]‮")
    text = render(drifted.plan("birch", show_drift=True), "text")
    assert "\x1b" not in text
    assert "‮" not in text
