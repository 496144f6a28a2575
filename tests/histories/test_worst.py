"""The shortest histories that once broke a promise."""

from __future__ import annotations

import pytest

from tests.fixtures.world import World
from tests.histories.sync import sync
from tests.histories.town import Step, Town

SYNC = ("sync", ("acme",), False)
ADOPT = ("sync", ("acme",), True)
PUBLISHED = ("publish", "template", "classifier", "c1", "next", "three", True, True)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            [SYNC, ("kill", "acme", "watcher", "w1", "delete"), SYNC],
            id="the-head-of-a-group-is-deleted",
        ),
        pytest.param(
            [SYNC, ("usurp", "acme", "classifier", "c1", "two", True, True), PUBLISHED, SYNC],
            id="the-tenants-version-stands-in-place-of-ours",
        ),
        pytest.param(
            [("add", "acme", "classifier", "c1", "two"), ADOPT, PUBLISHED, SYNC],
            id="adopted-with-a-version-of-the-tenants-in-force",
        ),
        pytest.param(
            [
                SYNC,
                ("publish", "acme", "classifier", "c1", "next", "three", False, True),
                PUBLISHED,
                SYNC,
            ],
            id="the-tenants-version-is-equal",
        ),
        pytest.param(
            [
                SYNC,
                ("usurp", "acme", "watcher", "w1", "two", True, True),
                ("publish", "template", "watcher", "w1", "next", "three", True, True),
                SYNC,
            ],
            id="the-tenants-watcher-version-stands-in-place-of-ours",
        ),
    ],
)
def test_a_promise_that_was_broken_once_holds(shared_world: World, history: list[Step]) -> None:
    town = Town.found(shared_world)
    for act, *rest in history:
        if act == "sync":
            who, adopting = rest
            sync(town, who, adopting=adopting)
        else:
            town.live((act, *rest))
