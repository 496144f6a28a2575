"""Whose a version is, and a row, when things moved after the plan was made or before the ledger."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from reconciler.applier import ids
from reconciler.errors import InvalidPlanError, StalePlanError
from reconciler.model.value import Ref
from tests.fixtures.publisher import Publisher, noted, reasons
from tests.fixtures.world import World
from tests.test_classifiers import Sorter

OWN_VERSION = """
UPDATE event_classifier_versions SET is_current = false WHERE is_current AND classifier_id = {0};
INSERT INTO event_classifier_versions (classifier_id, version, is_current, attribute_values,
    created_by) VALUES ({0}, 7, true, '[]', 'user_ana')
"""


@pytest.fixture
def sorter(shared_world: World) -> Sorter:
    return Sorter.open(shared_world)


def test_a_flag_that_will_move_is_held_while_an_apply_lasts(
    sorter: Sorter, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = sorter.classifier()
    sorter.install()
    sorter.sort(published, 2)
    plan, draw, stopped = sorter.plan(), ids._drawing, []
    ((own, *_),) = sorter.classifiers()

    def meanwhile(*given: Any) -> ids.Drawing:
        with psycopg.connect(sorter.world.dsn) as tenant:
            tenant.execute("SET lock_timeout = '200ms'")
            try:
                tenant.execute(OWN_VERSION.format(own).encode())
            except psycopg.errors.LockNotAvailable:
                stopped.append(own)
        return draw(*given)

    monkeypatch.setattr(ids, "_drawing", meanwhile)
    assert sorter.world.apply(plan).status == "applied"
    assert stopped == [own]
    assert [row[5:] for row in sorter.classifiers()] == [([2], [1, 2])]


def test_a_flag_that_moved_after_planning_is_stale(sorter: Sorter) -> None:
    published = sorter.classifier()
    sorter.install()
    sorter.sort(published, 2)
    plan = sorter.plan()
    ((own, *_),) = sorter.classifiers()
    sorter.world.sql(OWN_VERSION.format(own))
    with pytest.raises(StalePlanError, match="current"):
        sorter.world.apply(plan)
    assert [row[5:] for row in sorter.classifiers()] == [([7], [1, 7])]


def test_a_version_that_was_replaced_after_planning_is_stale(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2)
    publisher.install()
    ((first,),) = publisher.world.sql(
        "SELECT id FROM watcher_versions WHERE watcher_id = %s AND version = 1", watcher
    )
    publisher.point(watcher, first, 1)
    plan = publisher.plan()
    mine = publisher.found()["id"]
    publisher.world.sql("DELETE FROM watcher_versions WHERE watcher_id = %s AND version = 1", mine)
    publisher.version(mine, 1, current=False, prompt="mine")
    with pytest.raises(StalePlanError, match="current_version_id"):
        publisher.world.apply(plan)
    assert publisher.found()["version"] == 2


def test_without_a_base_the_tenants_own_version_stays_in_force(publisher: Publisher) -> None:
    publisher.watcher()
    publisher.install()
    mine = publisher.found()["id"]
    publisher.version(mine, 2, prompt="mine")
    # As it is where a tool without a ledger placed the rows.
    publisher.world.sql(
        "DELETE FROM reconcile.placement WHERE organization_id = %s", publisher.tenant
    )
    assert reasons(publisher.plan()) == [("edited_both", "watcher.w")]
    publisher.settled(skip=["watcher.w"])


def test_a_classifier_of_another_organisations_watcher_is_not_touched(sorter: Sorter) -> None:
    watcher = sorter.watcher()
    sorter.classifier(watcher_id=watcher)
    other = sorter.world.organization()
    sorter.install(sorter.tenant, other)
    elsewhere = sorter.found(organization=other)["id"]
    sorter.world.sql(
        "UPDATE event_classifiers SET watcher_id = %s, name = 'astray' WHERE organization_id = %s",
        elsewhere, sorter.tenant,
    )  # fmt: skip
    plan = sorter.plan()
    assert ("deleted_by_tenant", "watcher_classifier.w/c") in noted(plan)
    assert (plan.changes, plan.conflicts) == ((), ())


def test_what_is_taken_over_runs_under_the_new_installation(publisher: Publisher) -> None:
    rival = Publisher.open(publisher.world)
    rival.watcher()
    publisher.watcher()
    rival.install(publisher.tenant)
    publisher.install(take=["watcher.w"], skip=["watcher_version.w/1"])
    assert publisher.found()["agent_id"] == publisher.installed()
    publisher.settled(skip=["watcher_version.w/1"])


def test_nothing_refers_to_a_row_that_is_there_twice(publisher: Publisher) -> None:
    publisher.watcher()
    for number in (1, 2):
        publisher.world.insert(
            "agents", id=f"{publisher.tenant}_{number}", organization_id=publisher.tenant,
            template_agent_id=publisher.agent,
        )  # fmt: skip
    agent = f"agent.{publisher.agent}"
    assert reasons(publisher.plan()) == [("ambiguous", agent)]
    assert reasons(publisher.plan(skip=[agent])) == [("missing_reference", "watcher.w")]
    publisher.settled(skip=[agent, "watcher.w"])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("current_version_id", None, "half a row"),
        ("agent_id", Ref.model_validate({"ref": "agent.other"}), "not the installation"),
        ("watcher_group_id", None, "has to point at something"),
        ("watcher_group_id", Ref.model_validate({"ref": "watcher.a/b"}), "parts of its kind's"),
        ("schedule", "whenever", "not a cron schedule"),
        (
            "current_version_id",
            Ref.model_validate({"ref": "watcher_version.other/1"}),
            "child of another row",
        ),
    ],
)
def test_a_plan_file_cannot_make_half_a_watcher(
    publisher: Publisher, column: str, value: object, said: str
) -> None:
    publisher.watcher()
    plan = publisher.plan()
    changes = tuple(
        one.model_copy(update={"values": {**one.values, column: value}})
        if one.address == "watcher.w"
        else one
        for one in plan.changes
    )
    with pytest.raises(InvalidPlanError, match=said):
        publisher.world.apply(plan.model_copy(update={"changes": changes}).identified())
