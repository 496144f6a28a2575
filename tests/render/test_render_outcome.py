"""What is said once an apply is over."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.outcome import Outcome, Refusal, Wave
from reconciler.render.outcome import render


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {
                "status": "applied",
                "revision": 13,
                "counts": {"agent": {"create": 1}, "entity_type": {"create": 2, "update": 1}},
            },
            "Apply complete! 3 created, 1 updated, 0 retired. (revision 13)\n",
        ),
        (
            {"status": "applied", "counts": {"entity_type": {"adopt": 2}}},
            "Apply complete! 0 created, 0 updated, 2 adopted, 0 retired.\n",
        ),
        (
            {
                "status": "applied",
                "counts": {
                    "agent": {"retire": 1},
                    "entity_type": {"restore": 1, "release": 2, "move": 1, "retire": 1},
                },
            },
            "Apply complete! 0 created, 0 updated, 1 restored, 2 released, 1 renamed, 2 retired.\n",
        ),
        (
            {"status": "already_applied", "revision": 13},
            "Already applied: nothing was written (revision 13).\n",
        ),
        (
            {"status": "nothing_to_do"},
            "Nothing to do: the plan has no changes. Nothing was written.\n",
        ),
    ],
)
def test_outcomes(facts: dict[str, Any], said: str) -> None:
    assert render(Outcome(plan_id="0" * 64, **facts)) == said


def test_a_template_that_moved_on_is_mentioned() -> None:
    moved = render(Outcome(status="applied", plan_id="0" * 64, template_moved=True))
    assert "The template has changed since the plan was made" in moved


def test_of_several_waves_it_says_how_many_targets_came_to_what() -> None:
    waves = [Wave(revision=number, targets=1, counts={}) for number in (4, 5, 7)]
    outcome = Outcome(
        status="incomplete",
        plan_id="0" * 64,
        counts={"entity_type": {"create": 3}},
        waves=tuple(waves),
        targets={
            "org_a": "applied",
            "org_b": "applied",
            "org_c": "applied",
            "org_d": "already_applied",
            "org_e": "nothing_to_do",
            "org_f": "refused",
            "org_g": "not_reached",
        },
        refused=(
            Refusal(target="org_f", slug="f\x1b[2J", reason="stale", why="entity_type.x\nis gone"),
        ),
    )
    assert render(outcome) == (
        "Targets  3 applied, 1 applied before, 1 with nothing to do, 1 refused, 1 not reached\n"
        "Waves    3\n"
        '  ! "f\\x1b[2J"  stale           entity_type.x\\nis gone\n'
        "\n"
        "Apply incomplete: 3 created, 0 updated, 0 retired. (revisions 4 to 5, 7)\n"
    )


def test_what_was_gone_on_with_says_so() -> None:
    wave = Wave(revision=5, targets=1, counts={"entity_type": {"create": 1}})
    outcome = Outcome(
        status="applied",
        plan_id="0" * 64,
        revision=5,
        counts=wave.counts,
        waves=(wave,),
        targets={"org_a": "already_applied", "org_b": "applied"},
    )
    assert render(outcome).startswith("Targets  1 applied, 1 applied before\nWaves    1\n\nApply")
