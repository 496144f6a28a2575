"""Versions are history: a new one is a new row, and an old one is never written over."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import ConflictsError
from tests.fixtures.publisher import Publisher, noted, reasons

TABLES = ("watchers", "watcher_versions")


def versions(publisher: Publisher, *, slug: str = "w", target: str = "") -> dict[int, str]:
    """The prompts of the target's versions, by number."""
    return dict(publisher.world.sql(
        "SELECT v.version, v.prompt FROM watcher_versions v JOIN watchers w ON w.id = v.watcher_id "
        "WHERE w.organization_id = %s AND w.slug = %s ORDER BY 1",
        target or publisher.tenant, slug,
    ))  # fmt: skip


def current(publisher: Publisher, slug: str = "w", target: str = "") -> tuple[Any, ...]:
    """What the watcher's number says, and what its pointer points at."""
    (found,) = publisher.world.sql(
        "SELECT w.version, v.version, v.prompt FROM watchers w "
        "LEFT JOIN watcher_versions v ON v.id = w.current_version_id "
        "WHERE w.organization_id = %s AND w.slug = %s AND w.status = 'active'",
        target or publisher.tenant, slug,
    )  # fmt: skip
    return found


def rewrite(publisher: Publisher, organization: str, number: int, prompt: str) -> None:
    """Change a version in place, which nobody should do."""
    publisher.world.sql(
        "UPDATE watcher_versions SET prompt = %s WHERE version = %s AND watcher_id IN "
        "(SELECT id FROM watchers WHERE organization_id = %s AND slug = 'w')",
        prompt, number, organization,
    )  # fmt: skip


def rows(publisher: Publisher) -> list[tuple[Any, ...]]:
    """The tenant's version rows, each with the transaction that wrote it."""
    return publisher.world.sql(
        "SELECT v.id, v.xmin::text, v::text FROM watcher_versions v "
        "JOIN watchers w ON w.id = v.watcher_id WHERE w.organization_id = %s ORDER BY v.id",
        publisher.tenant,
    )


def test_a_new_version_is_a_new_row_and_the_pointer_moves(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.version(watcher, 2, change_notes="why", classifiers=["c"], sources_schema={"a": 1.10},
                      required_source_types=["bill"], condensation_window_count=9)  # fmt: skip
    publisher.install()
    assert current(publisher) == (2, 2, "prompt 2")
    # Of the history, a tenant gets what is in force.
    assert versions(publisher) == {2: "prompt 2"}
    shown = ("change_notes, classifiers::text, sources_schema::text, required_source_types, "
             "condensation_window_count")  # fmt: skip
    assert publisher.world.sql(
        f"SELECT {shown} FROM watcher_versions WHERE id = %s",
        publisher.found()["current_version_id"],
    ) == [("why", '["c"]', '{"a": 1.1}', ["bill"], 9)]
    old = rows(publisher)
    for number in (3, 7):
        publisher.version(watcher, number)
        counts = publisher.install().counts
        assert counts == {"watcher": {"update": 1}, "watcher_version": {"create": 1}}
        assert current(publisher) == (number, number, f"prompt {number}")
        assert rows(publisher)[: len(old)] == old
        old = rows(publisher)
    assert list(versions(publisher)) == [2, 3, 7]
    # A no-op writes nothing, and neither does an apply of something else to the versions.
    before = publisher.world.dump(*TABLES, with_versions=True)
    assert publisher.install().status == "nothing_to_do"
    assert publisher.world.dump(*TABLES, with_versions=True) == before
    publisher.update(publisher.public, name="New")
    publisher.install()
    assert rows(publisher) == old
    publisher.settled()


def test_a_version_that_nothing_points_at_is_not_shipped(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2, current=False)
    publisher.settled()
    assert publisher.plan().notes == ()


def test_the_pointer_can_move_back(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    ((first,),) = publisher.world.sql(
        "SELECT id FROM watcher_versions WHERE watcher_id = %s", watcher
    )
    zeroth = publisher.version(watcher, 0, current=False)
    publisher.install()
    publisher.version(watcher, 2)
    publisher.install()
    old = rows(publisher)
    publisher.point(watcher, first, 1)
    assert publisher.install().counts == {"watcher": {"update": 1}}
    assert current(publisher) == (1, 1, "prompt 1")
    assert rows(publisher) == old
    publisher.settled()
    # To one that was never placed here: then it is.
    publisher.point(watcher, zeroth, 0)
    publisher.install()
    assert current(publisher) == (0, 0, "prompt 0")
    assert rows(publisher)[:2] == old
    publisher.settled()
    other = publisher.world.organization()
    publisher.install(other)
    assert versions(publisher, target=other) == {0: "prompt 0"}


def test_content_that_changed_under_its_number_is_a_conflict(publisher: Publisher) -> None:
    number = 2
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2)
    publisher.install()
    old = rows(publisher)
    rewrite(publisher, publisher.public, number, "other")
    publisher.update(publisher.public, name="New")
    (conflict,) = publisher.plan().conflicts
    assert (conflict.reason, conflict.target) == ("rewritten_version", publisher.tenant)
    address = f"watcher_version.w/{number}"
    assert conflict.address == address
    assert [(one.column, one.before, one.after) for one in conflict.fields] == [
        ("prompt", f"prompt {number}", "other")
    ]
    with pytest.raises(ConflictsError):
        publisher.install()
    # Left as it is, all else goes on, and it stays said.
    plan = publisher.plan(skip=[address])
    assert ("skipped", address) in noted(plan)
    assert publisher.world.apply(plan).counts == {"watcher": {"update": 1}}
    assert (publisher.found()["name"], rows(publisher)) == ("New", old)
    publisher.settled(skip=[address])
    # Nobody can adopt history.
    assert reasons(publisher.plan(adopt=[address])) == [("rewritten_version", address)]
    # A new number is the way out.
    publisher.version(watcher, 3, prompt="other")
    publisher.install(skip=[address])
    assert current(publisher) == (3, 3, "other")
    assert rows(publisher)[: len(old)] == old


def test_the_tenants_edit_of_a_version_is_kept(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    rewrite(publisher, publisher.tenant, 1, "mine")
    plan = publisher.plan()
    assert (plan.changes, plan.conflicts) == ((), ())
    assert [(one.about, str(one.address), one.column) for one in plan.notes] == [
        ("kept_edit", "watcher_version.w/1", "prompt")
    ]
    publisher.version(watcher, 2)
    publisher.install()
    assert versions(publisher) == {1: "mine", 2: "prompt 2"}
    publisher.settled()


def test_the_tenants_own_version_takes_the_number_that_the_template_wants(
    publisher: Publisher,
) -> None:
    watcher = publisher.watcher()
    publisher.install()
    own = publisher.found()["id"]
    publisher.version(own, 2, current=False, prompt="mine")
    publisher.settled()
    old = rows(publisher)
    publisher.version(watcher, 2)
    (conflict,) = publisher.plan().conflicts
    assert (conflict.reason, str(conflict.address)) == ("user_authored", "watcher_version.w/2")
    assert conflict.adoptable is False
    assert reasons(publisher.plan(adopt=["watcher_version.w/2"])) == [
        ("user_authored", "watcher_version.w/2")
    ]
    # Left as it is, number and pointer stay too, and that is said.
    plan = publisher.plan(skip=["watcher_version.w/2"])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert noted(plan) == [("held", "watcher.w"), ("skipped", "watcher_version.w/2")]
    held = plan.notes[0]
    assert (held.column, str(held.refers_to)) == ("current_version_id", "watcher_version.w/2")
    assert current(publisher) == (1, 1, "prompt 1")
    # Another change of the watcher's is applied meanwhile, and the pointer still stays.
    publisher.update(publisher.public, name="New")
    publisher.install(skip=["watcher_version.w/2"])
    assert current(publisher) == (1, 1, "prompt 1")
    # The next version arrives by itself.
    publisher.version(watcher, 3)
    assert reasons(publisher.plan()) == []
    publisher.install()
    assert current(publisher) == (3, 3, "prompt 3")
    assert versions(publisher) == {1: "prompt 1", 2: "mine", 3: "prompt 3"}
    assert rows(publisher)[:2] == old
    publisher.settled()


@pytest.mark.parametrize("resolution", ["skip", "adopt"])
def test_the_tenants_own_version_is_the_current_one(publisher: Publisher, resolution: str) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(publisher.found()["id"], 2, prompt="mine")
    plan = publisher.plan()
    assert (plan.changes, plan.conflicts) == ((), ())
    assert [(one.about, str(one.address)) for one in plan.notes] == [("kept_edit", "watcher.w")] * 2
    assert {one.column for one in plan.notes} == {"current_version_id", "version"}
    publisher.version(watcher, 2)
    assert reasons(publisher.plan()) == [("user_authored", "watcher_version.w/2")]
    publisher.settled(skip=["watcher_version.w/2"])
    assert current(publisher) == (2, 2, "mine")
    publisher.version(watcher, 3)
    (conflict,) = publisher.plan().conflicts
    assert (conflict.reason, str(conflict.address)) == ("edited_both", "watcher.w")
    assert conflict.column == "current_version_id"
    assert [str(value.ref) for value in (conflict.base, conflict.ours, conflict.theirs)] == [
        "watcher_version.w/1", "watcher_version.w/2", "watcher_version.w/3",
    ]  # fmt: skip
    publisher.install(**{resolution: ["watcher.w"]})
    kept, taken = (2, 2, "mine"), (3, 3, "prompt 3")
    assert current(publisher) == (taken if resolution == "adopt" else kept)
    assert versions(publisher) == {1: "prompt 1", 2: "mine", 3: "prompt 3"}
    publisher.settled(skip=["watcher.w"])
    # Once the template's has won, the next one needs nobody.
    if resolution == "adopt":
        publisher.version(watcher, 4)
        publisher.install()
        assert current(publisher) == (4, 4, "prompt 4")


def test_the_tenant_deleted_the_current_version(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.world.sql(
        "DELETE FROM watcher_versions WHERE watcher_id = %s", publisher.found()["id"]
    )
    plan = publisher.plan()
    assert (plan.changes, plan.conflicts) == ((), ())
    assert noted(plan) == [
        ("deleted_by_tenant", "watcher_version.w/1"), ("held", "watcher.w"),
    ]  # fmt: skip
    publisher.version(watcher, 2)
    assert reasons(publisher.plan()) == [("edited_both", "watcher.w")]
    publisher.install(adopt=["watcher.w"])
    assert current(publisher) == (2, 2, "prompt 2")
    publisher.settled()


def test_a_watcher_of_the_tenants_own_is_taken_over_with_its_history(publisher: Publisher) -> None:
    """Its versions stay the tenant's; the template's comes beside them."""
    publisher.watcher(version=3)
    publisher.watcher(organization_id=publisher.tenant, name="Mine", agent_id=None, schedule=None)
    old = rows(publisher)
    assert reasons(publisher.plan()) == [("user_authored", "watcher.w")]
    publisher.install(adopt=["watcher.w"])
    assert current(publisher) == (3, 3, "prompt 3")
    assert rows(publisher)[:1] == old
    found = publisher.found()
    assert (found["name"], found["agent_id"]) == ("w", publisher.installed())
    publisher.settled()
