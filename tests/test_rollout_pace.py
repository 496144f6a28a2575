"""How fast a plan is rolled out, at the edges."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import library
from reconciler.errors import ReconcilerError, RefusedError
from reconciler.render.history import what
from reconciler.rollout.pace import Pace
from tests.fixtures.world import World
from tests.test_waves import Fleet


@pytest.fixture
def fleet(shared_world: World, small_template: str) -> Fleet:
    shared_world.sql("DELETE FROM entity_types WHERE slug = 'own'")
    return Fleet(shared_world, small_template, 3)


@pytest.mark.parametrize("pace", [{}, {"canary": "1"}, {"max_failures": 1}])
def test_many_rows_in_one_transaction_are_asked_for(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, pace: dict[str, Any]
) -> None:
    """Also where a canary goes before: the rest would be one transaction, however large."""
    monkeypatch.setattr("reconciler.rollout.MOST_ROWS", 10)
    with pytest.raises(RefusedError, match="not changed in one transaction unasked") as caught:
        fleet.apply(**pace)
    assert "--wave 500" in caught.value.hint
    assert "--wave 100%" in caught.value.hint
    assert fleet.done() == {}
    assert fleet.apply(**pace, wave="100%").status == "applied"


@pytest.mark.parametrize(
    ("pace", "left", "sizes"),
    [
        ({"wave": "2"}, 5, [2, 2, 1]),
        ({"wave": "100%"}, 5, [5]),
        ({"wave": "40%", "canary": "1"}, 10, [1, 4, 4, 1]),
        ({"wave": "1%"}, 3, [1, 1, 1]),
        ({"canary": "2"}, 5, [2, 3]),
        ({"canary": "9"}, 5, [5]),
        ({"wave": "2"}, 0, []),
    ],
)
def test_sizes(pace: dict[str, str], left: int, sizes: list[int]) -> None:
    made = Pace.of(**{"wave": None, "canary": None, "max_failures": 0, "pause": "0s", **pace})
    assert [len(one) for one in made.slices([str(n) for n in range(left)], left)] == sizes


@pytest.mark.parametrize(
    "wrong",
    [
        {"wave": "0"},
        {"wave": "101%"},
        {"wave": "-1"},
        {"wave": "many"},
        {"canary": "0%"},
        {"max_failures": -1},
        {"pause": "soon"},
    ],
)
def test_a_pace_that_makes_no_sense(fleet: Fleet, wrong: dict[str, Any]) -> None:
    with pytest.raises(ReconcilerError) as caught:
        fleet.apply(**wrong)
    assert caught.value.hint.startswith("Write ")


@pytest.mark.parametrize("pause", ["8d", "99999999999999d"])
def test_a_pause_that_nobody_waits_for_is_refused_before_anything_is_written(
    fleet: Fleet, pause: str
) -> None:
    with pytest.raises(ReconcilerError, match="longer than a week"):
        fleet.apply(wave="2", pause=pause)
    assert fleet.done() == {}


def test_what_was_undone_in_waves_is_undone_whole(fleet: Fleet) -> None:
    revision = fleet.apply().revision
    assert revision is not None
    dsn, ids = fleet.world.dsn, fleet.ids
    done = fleet.world.apply(library.plan_undo(dsn, revision, [ids[0]], actor="user_ana"))
    assert (
        what(library.revision(dsn, revision)[0]) == f"install, undone by {done.revision} (in part)"
    )
    rest = library.plan_undo(dsn, revision, ids[1:], actor="user_ana")
    assert fleet.world.apply(rest, wave="1").status == "applied"
    told = library.revision(dsn, revision)[0]
    assert len(told.undone_by) == 3
    assert "in part" not in what(told)
