"""What is said once an apply is over."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.outcome import Outcome
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
