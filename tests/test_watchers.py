"""Watchers arrive runnable, and go on running as the tenant left them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import ConflictsError
from tests.fixtures.publisher import Publisher, reasons


def soon(text: str, **at: int) -> None:
    """The time is within the next day, and has these parts."""
    found = datetime.fromisoformat(text).astimezone(UTC)
    now = datetime.now(UTC)
    assert now - timedelta(minutes=5) < found <= now + timedelta(days=1)
    assert {name: getattr(found, name) for name in at} == at


def test_a_watcher_arrives_runnable(publisher: Publisher) -> None:
    script, compiled = "// ä\nexport const react = 1;\n", "react=()=>'\\n';"
    tags, model, sources = ["a,b", 'c"d', ""], {"t": 0.10, "n": 1}, [{"name": "s", "query": "x"}]
    other = f"{publisher.agent}_2"
    publisher.world.insert("agents", id=other, organization_id=publisher.public, name="Other")
    publisher.watcher(
        "full", schedule="30 7 * * *", tags=tags, model_config=model, sources=sources,
        reaction_script=script, reaction_script_compiled=compiled, description="What it does",
        next_run_at="2020-01-01", connection_id="conn", scheduler_client_id="client",
        entity_ids=[1, 2], version=4,
    )  # fmt: skip
    publisher.watcher("nobody", agent_id=None, schedule=None)
    publisher.watcher("other", agent_id=other, schedule="*/5 * * * *")
    publisher.install()
    full = publisher.found("full")
    soon(full["next_run_at"], hour=7, minute=30, second=0)
    wanted = {"tags": tags, "model_config": model, "sources": sources, "schedule": "30 7 * * *",
              "reaction_script": script, "reaction_script_compiled": compiled, "version": 4,
              "description": "What it does", "connection_id": None, "created_by": "user_ana",
              "scheduler_client_id": None, "entity_ids": None, "status": "active",
              "managed_by_template_agent_id": publisher.agent}  # fmt: skip
    assert {name: full[name] for name in wanted} == wanted
    for slug in ("full", "nobody", "other"):
        row = publisher.found(slug)
        assert row["agent_id"] == publisher.installed()
        own = "SELECT watcher_id FROM watcher_versions WHERE id = %s"
        assert publisher.world.sql(own, row["current_version_id"]) == [(row["id"],)]
        assert row["watcher_group_id"] == row["id"]
    assert publisher.found("nobody")["next_run_at"] is None
    soon(publisher.found("other")["next_run_at"], second=0)
    publisher.settled()


def test_groups_are_mapped_within_the_target_and_follow_the_template(publisher: Publisher) -> None:
    leader = publisher.watcher("leader")
    publisher.watcher("member", watcher_group_id=leader)
    loner = publisher.watcher("loner")
    gone = publisher.watcher("gone", status="archived")
    publisher.watcher("left", watcher_group_id=gone)

    def groups(organization: str = "") -> dict[str, str]:
        """The group's slug of each watcher, all within one organisation."""
        return dict(publisher.world.sql(
            "SELECT w.slug, g.slug FROM watchers w JOIN watchers g ON g.id = w.watcher_group_id "
            "AND g.organization_id = w.organization_id WHERE w.organization_id = %s",
            organization or publisher.tenant,
        ))  # fmt: skip

    publisher.install()
    assert groups() == {"leader": "leader", "member": "leader", "loner": "loner", "left": "left"}
    # Regrouped: one joins, one leaves for another's, and nothing else moves.
    publisher.update(publisher.public, "loner", watcher_group_id=leader)
    publisher.update(publisher.public, "member", watcher_group_id=loner)
    assert publisher.install().counts == {"watcher": {"update": 2}}
    assert groups() == {"leader": "leader", "member": "loner", "loner": "leader", "left": "left"}
    publisher.settled()
    # The tenant archived the leader: what belonged to its group goes on belonging to it.
    publisher.update(publisher.tenant, "leader", status="archived")
    publisher.settled()
    publisher.update(publisher.public, "loner", name="Renamed")
    publisher.install()
    assert groups()["loner"] == "leader"
    # In the next tenant the leader is the tenant's own, and left as it is.
    other = publisher.world.organization()
    own = publisher.watcher("leader", organization_id=other, agent_id=None, name="Mine")
    assert reasons(publisher.plan(other)) == [("user_authored", "watcher.leader")]
    publisher.install(other, skip=["watcher.leader"])
    assert groups(other) == groups() | {"leader": "leader"}
    mine = publisher.found("leader", other)
    assert (mine["id"], mine["name"], mine["agent_id"]) == (own, "Mine", None)
    publisher.settled(other, skip=["watcher.leader"])


def test_what_belongs_to_the_running_instance_survives_every_resync(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    instance = {"connection_id": "conn_7", "scheduler_client_id": "client_7",
                "entity_ids": [11, 12], "next_run_at": "2031-05-06T07:08:09+00:00"}  # fmt: skip
    publisher.update(publisher.tenant, **instance)
    publisher.update(publisher.public, name="New", next_run_at="2020-01-01", connection_id="no",
                     scheduler_client_id="no", entity_ids=[9])  # fmt: skip
    for change in range(2, 4):
        publisher.version(watcher, change)
        publisher.install()
        found = publisher.found()
        assert {name: found[name] for name in instance} == instance
        assert found["version"] == change
    # A new schedule is a new time, and nothing else of the instance's.
    publisher.update(publisher.public, schedule="15 6 * * *")
    publisher.install()
    found = publisher.found()
    soon(found["next_run_at"], hour=6, minute=15)
    assert (found["connection_id"], found["entity_ids"]) == ("conn_7", [11, 12])
    # The tenant's own schedule is an edit that a reviewed plan overwrites.
    publisher.update(publisher.tenant, schedule="0 0 1 1 *", next_run_at="2031-01-01T00:00:00Z")
    (change,) = publisher.plan().changes
    assert [(one.column, one.drift) for one in change.fields] == [("schedule", True)]
    publisher.install()
    soon(publisher.found()["next_run_at"], hour=6, minute=15)
    publisher.settled()


def test_a_paused_watcher_stays_paused_and_a_lost_schedule_stops_one(publisher: Publisher) -> None:
    for slug in ("paused", "w"):
        publisher.watcher(slug)
    publisher.install()
    publisher.update(publisher.tenant, "paused", next_run_at=None)
    publisher.update(publisher.public, "paused", schedule="5 5 * * *", name="New")
    publisher.update(publisher.public, "w", schedule=None)
    publisher.install()
    paused, stopped = publisher.found("paused"), publisher.found("w")
    shown = (paused["schedule"], paused["name"], paused["next_run_at"])
    assert shown == ("5 5 * * *", "New", None)
    assert (stopped["schedule"], stopped["next_run_at"]) == (None, None)
    publisher.update(publisher.public, "w", schedule="10 4 * * *")
    publisher.install()
    soon(publisher.found("w")["next_run_at"], hour=4, minute=10)
    assert publisher.found("paused")["next_run_at"] is None
    publisher.settled()


def test_what_could_not_run_is_a_conflict_and_not_half_a_watcher(publisher: Publisher) -> None:
    half = publisher.watcher("half")
    publisher.point(half, None, 1)
    publisher.watcher("never", schedule="every morning")
    publisher.watcher()
    plan = publisher.plan()
    assert reasons(plan) == [("incomplete", "watcher.half"), ("incomplete", "watcher.never")]
    assert [(one.column, one.wrong) for one in plan.conflicts] == [
        ("current_version_id", "empty"), ("schedule", "bad_schedule"),
    ]  # fmt: skip
    with pytest.raises(ConflictsError):
        publisher.world.apply(plan)
    skip = ["watcher.half", "watcher.never"]
    publisher.install(skip=skip)
    assert publisher.world.sql(
        "SELECT slug FROM watchers WHERE organization_id = %s", publisher.tenant
    ) == [("w",)]
    publisher.settled(skip=skip)
    # A watcher that runs already loses neither its version nor its schedule.
    before = publisher.found()
    publisher.update(publisher.public, schedule="61 * * * *", current_version_id=None)
    columns = [one.column for one in publisher.plan(skip=skip).conflicts]
    assert sorted(columns) == ["current_version_id", "schedule"]
    publisher.settled(skip=[*skip, "watcher.w"])
    assert publisher.found() == before


def test_two_templates_of_one_organisation_do_not_take_turns(publisher: Publisher) -> None:
    second = f"{publisher.agent}_2"
    publisher.world.insert("agents", id=second, organization_id=publisher.public, name="Second")
    publisher.watcher("mine", agent_id=second)
    publisher.watcher("null", agent_id=None)
    publisher.install()
    publisher.install(template=second)
    publisher.watcher("late")
    publisher.update(publisher.public, "mine", name="New")
    publisher.install(template=second)
    first_agent, second_agent = publisher.installed(), publisher.installed(template=second)
    assert first_agent != second_agent
    for _ in range(2):
        publisher.settled()
        publisher.settled(template=second)
    found = {slug: publisher.found(slug) for slug in ("mine", "null", "late")}
    agents = [row["agent_id"] for row in found.values()]
    assert agents == [first_agent, first_agent, second_agent]
    assert found["mine"]["name"] == "New"


def test_a_paused_watcher_that_is_taken_over_stays_paused(publisher: Publisher) -> None:
    own = {"organization_id": publisher.tenant, "agent_id": None, "version": 5}
    for slug, schedule in (("w", "1 1 * * *"), ("never", None)):
        publisher.watcher(slug)
        publisher.watcher(slug, schedule=schedule, **own)
    publisher.install(adopt=["watcher.w", "watcher.never"])
    assert publisher.found()["next_run_at"] is None
    soon(publisher.found("never")["next_run_at"], hour=7)


def test_an_archived_watcher_of_the_tenants_own_blocks_its_slug(publisher: Publisher) -> None:
    publisher.watcher()
    publisher.watcher(organization_id=publisher.tenant, status="archived", agent_id=None)
    assert reasons(publisher.plan()) == [("dead_row_blocks", "watcher.w")]
    assert publisher.install(skip=["watcher.w"]).counts == {"agent": {"create": 1}}
