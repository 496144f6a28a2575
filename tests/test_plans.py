"""The worked plans under plans/ are what the demo's story really gives.

It is played with the least rights there are (a role that may only read for all but `apply`, and one
that may apply), and behind the fence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.database.embedded import Server
from reconciler.demo import play, prepare
from reconciler.model.plan import Plan
from reconciler.model.snapshot import DatabaseIdentity, Target
from reconciler.render import render
from tests.fixtures.roles import Roles

PLANS = Path(__file__).parent.parent / "plans"
STORIES = {
    "birch.plan.json": "first-install",
    "acme.plan.json": "own-row-in-the-way",
    "skip.plan.json": "own-row-skipped",
    "resync.plan.json": "new-template-version",
    "again.plan.json": "after-a-stale-plan",
    "version.plan.json": "new-watcher-version",
    "archived.plan.json": "archived-watcher",
    "own.plan.json": "tenants-own-version",
    "missing.plan.json": "classifier-of-a-missing-entity",
    "arrives.plan.json": "classifier-arrives-with-its-entity",
    "left.plan.json": "rows-that-left",
    "prune.plan.json": "renamed-and-pruned",
    "undo.plan.json": "undone",
    "destroy.plan.json": "uninstalled",
    "fleet.plan.json": "fleet",
    "others.plan.json": "fleet-goes-on",
    "reference.plan.json": "install-by-reference",
    "shadow.plan.json": "shadowed-slug",
    "convert.plan.json": "converted-with-two-customised",
}


@pytest.fixture(scope="module")
def told(server: Server, roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The plans of the story, played in a database of its own."""
    directory = tmp_path_factory.mktemp("story")
    dsn = server.create_database("story")
    prepare(dsn)
    roles.fence_in(dsn)

    with pytest.MonkeyPatch.context() as patch:

        def run(words: Sequence[str]) -> int:
            may = roles.applying if words[0] == "apply" else roles.planning
            patch.setenv("RECONCILE_DATABASE_URL", may(dsn))
            return main(list(words))

        patch.chdir(directory)
        play(dsn, run, lambda _: None)
    server.drop_database("story")
    return {story: _timeless(planfile.load(directory / file)) for file, story in STORIES.items()}


def _timeless(plan: Plan) -> Plan:
    """The plan without what differs from run to run: the cluster's identity, and times."""

    def known(target: Target) -> Target:
        return target.model_copy(
            update={"revised_at": target.revised_at and "2026-11-02T09:30:00Z"}
        )

    resolutions = tuple(
        one.model_copy(update={"chosen_at": "2026-11-03T09:00:00Z"})
        for one in plan.request.resolutions
    )
    return plan.model_copy(
        update={
            "request": plan.request.model_copy(update={"resolutions": resolutions}),
            "created_at": "2026-11-03T09:00:00Z",
            "database": DatabaseIdentity(system_identifier="7000000000000000000", name="demo"),
            "targets": tuple(map(known, plan.targets)),
            "left_behind": tuple(
                one.model_copy(update={"target": known(one.target)}) for one in plan.left_behind
            ),
        }
    ).identified()


@pytest.mark.parametrize("story", STORIES.values())
@pytest.mark.parametrize(("file", "form"), [("plan.txt", "text"), ("plan.md", "markdown")])
def test_a_worked_plan_reads_as_the_demo_shows_it(told, story, file, form, golden):
    golden(PLANS / story / file, render(told[story], form))


@pytest.mark.parametrize("story", STORIES.values())
def test_a_worked_plan_file_is_what_the_demo_saves(told, story, golden):
    golden(PLANS / story / "plan.json", planfile.dumps(told[story]))
    assert planfile.load(PLANS / story / "plan.json") == told[story]
