"""A plan that is gone on with, after a part of it came otherwise, or was taken back."""

from __future__ import annotations

import pytest

import reconciler
from reconciler import library
from reconciler.errors import StalePlanError, StoppedError
from reconciler.model.outcome import Undone
from reconciler.render.outcome import render
from tests.fixtures.world import World
from tests.test_waves import Fleet


@pytest.fixture
def fleet(shared_world: World, small_template: str) -> Fleet:
    shared_world.sql("DELETE FROM entity_types WHERE slug = 'own'")
    return Fleet(shared_world, small_template, 3)


def undo(fleet: Fleet, revision: int) -> None:
    fleet.world.apply(library.plan_undo(fleet.world.dsn, revision, actor="user_ana"))


def test_a_part_applied_by_a_plan_of_its_own_is_stale_in_waves_of_any_size(fleet: Fleet) -> None:
    revision = fleet.world.apply(fleet.plan(fleet.ids[0])).revision
    with pytest.raises(StoppedError, match=f"by a plan of its own, revision {revision}"):
        fleet.apply(wave="1")
    with pytest.raises(StoppedError, match="exists by now"):
        fleet.apply(wave="2")
    with pytest.raises(StalePlanError, match="exists by now") as caught:
        fleet.apply()
    assert "was placed by" not in caught.value.message
    assert reconciler.outcome(fleet.world.dsn, fleet.made).status == "not_applied"
    done = fleet.apply(wave="1", max_failures=1)
    assert list(done.targets.values()) == ["refused", "applied", "applied"]
    assert reconciler.outcome(fleet.world.dsn, fleet.made).status == "partly_applied"


def test_a_part_applied_by_a_plan_of_its_own_and_undone_is_said_to_be(fleet: Fleet) -> None:
    revision = fleet.world.apply(fleet.plan(fleet.ids[0])).revision or 0
    undo(fleet, revision)
    said = f"by a plan of its own, revision {revision}, and undone since"
    with pytest.raises(StoppedError, match=said) as caught:
        fleet.apply(wave="1")
    assert "new plan" in (caught.value.hint or "")


def test_a_wave_is_applied_already_as_a_plan_of_its_own(fleet: Fleet) -> None:
    fleet.apply(wave="1")
    part = fleet.made.for_targets(fleet.ids[:1])
    assert fleet.world.apply(part).status == "already_applied"


def test_a_canary_that_was_taken_back_is_said_to_be(fleet: Fleet) -> None:
    fleet.take_a_key(fleet.ids[1])
    with pytest.raises(StoppedError) as caught:
        fleet.apply(canary="1", wave="1")
    assert caught.value.outcome is not None
    (canary,) = caught.value.outcome.waves
    undo(fleet, canary.revision)
    fleet.world.sql("DELETE FROM entity_types WHERE name = 'Mine'")
    done = fleet.apply(wave="1")
    ((_, _, last),) = [library.history(fleet.world.dsn, limit=3)]
    assert (done.status, done.exit_code) == ("applied", 0)
    assert done.undone == (Undone(revision=last.number, targets=1),)
    assert f"Undone since by revision {last.number}: 1 target.\nMake a new plan" in render(done)
    assert fleet.plan(fleet.ids[0]).changes


@pytest.mark.parametrize("pace", [{}, {"wave": "2"}], ids=["at once", "in waves"])
def test_all_that_was_taken_back_is_said_to_be(fleet: Fleet, pace: dict[str, str]) -> None:
    dsn = fleet.world.dsn
    first = fleet.apply(**pace)
    assert first.undone == ()
    for wave in first.waves:
        undo(fleet, wave.revision)
    again = fleet.apply(**pace)
    assert (again.status, again.exit_code) == ("already_applied", 0)
    assert sum(one.targets for one in again.undone) == 3
    assert reconciler.outcome(dsn, fleet.made).undone == again.undone
    assert "Undone since by revision" in render(again)
    undo(fleet, again.undone[0].revision)
    assert fleet.apply(**pace).undone == again.undone[1:]
