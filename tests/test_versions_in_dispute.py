"""Versions that both sides have a say in: what is asked, what is said, and what goes on."""

from __future__ import annotations

from tests.fixtures.publisher import Publisher, noted, reasons
from tests.test_versions import rewrite, rows, versions


def test_an_old_version_that_changed_under_its_number_is_noted(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2)
    publisher.install()
    old = rows(publisher)
    rewrite(publisher, publisher.public, 1, "other")
    publisher.update(publisher.public, name="New")
    plan = publisher.plan()
    assert [(one.about, str(one.address), one.columns) for one in plan.notes] == [
        ("rewritten_past", "watcher_version.w/1", ("prompt",))
    ]
    assert publisher.world.apply(plan).counts == {"watcher": {"update": 1}}
    assert (publisher.found()["name"], rows(publisher)) == ("New", old)
    publisher.settled()


def test_an_edited_version_that_goes_out_of_force_is_said(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    rewrite(publisher, publisher.tenant, 1, "mine")
    publisher.version(watcher, 2)
    update, create = publisher.plan().changes
    drift = {field.column: field.drift for field in update.fields}
    assert drift == {"current_version_id": True, "version": False}
    # What is put in force is shown against what the tenant runs.
    assert create.predecessor.address == "watcher_version.w/1"
    shown = {field.column: field.before for field in create.predecessor.fields}
    assert shown["prompt"] == "mine"


def test_a_dispute_about_the_version_keeps_nothing_else_back(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    own = publisher.found()["id"]
    publisher.version(own, 7, prompt="mine")
    publisher.version(watcher, 2)
    publisher.update(publisher.public, schedule="0 1 * * *")
    assert reasons(publisher.plan()) == [("edited_both", "watcher.w")]
    publisher.install(skip=["watcher.w"])
    found = publisher.found()
    assert (found["schedule"], found["version"]) == ("0 1 * * *", 7)
    # The template's version is there, and the question is asked again.
    assert versions(publisher) == {1: "prompt 1", 2: "prompt 2", 7: "mine"}
    assert reasons(publisher.plan()) == [("edited_both", "watcher.w")]
    publisher.settled(skip=["watcher.w"])


def test_a_version_of_another_row_cannot_be_in_force(publisher: Publisher) -> None:
    publisher.watcher()
    other = publisher.watcher("other")
    publisher.world.sql(
        "UPDATE watchers w SET current_version_id = o.current_version_id FROM watchers o "
        "WHERE o.id = %s AND w.slug = 'w' AND w.organization_id = %s", other, publisher.public,
    )  # fmt: skip
    (conflict,) = publisher.plan().conflicts
    assert (conflict.reason, conflict.wrong) == ("incomplete", "not_its_own")
    publisher.install(skip=["watcher.w"])
    assert publisher.found("other")["version"] == 1


def test_a_version_that_both_changed_is_not_written_over(publisher: Publisher) -> None:
    publisher.watcher()
    publisher.install()
    rewrite(publisher, publisher.tenant, 1, "mine")
    rewrite(publisher, publisher.public, 1, "theirs")
    plan = publisher.plan()
    assert reasons(plan) == [("rewritten_version", "watcher_version.w/1")]
    # What the template did is shown, and that the tenant did something, too.
    (field,) = plan.conflicts[0].fields
    assert (field.before, field.after) == ("prompt 1", "theirs")
    assert ("kept_edit", "watcher_version.w/1") in noted(plan)
    rewrite(publisher, publisher.tenant, 1, "theirs")
    publisher.settled()


def test_a_version_in_the_way_says_who_wrote_it(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(publisher.found()["id"], 2, prompt="mine")
    publisher.version(watcher, 2)
    (conflict,) = publisher.plan().conflicts
    assert (conflict.reason, conflict.address) == ("user_authored", "watcher_version.w/2")
    assert conflict.author.user_id == "user_ana"
    assert conflict.author.at


def test_a_version_that_the_template_dropped_is_no_edit_of_the_tenants(
    publisher: Publisher,
) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(watcher, 2)
    publisher.world.sql(
        "DELETE FROM watcher_versions WHERE watcher_id = %s AND version = 1", watcher
    )
    plan = publisher.plan()
    assert plan.conflicts == ()
    assert ("orphaned", "watcher_version.w/1") in noted(plan)
    publisher.world.apply(plan)
    assert publisher.found()["version"] == 2


def test_the_number_follows_the_version_that_is_in_force(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.update(publisher.tenant, version=5)
    assert noted(publisher.plan()) == [("kept_edit", "watcher.w")]
    publisher.version(watcher, 2)
    publisher.install()
    assert publisher.found()["version"] == 2
    publisher.settled()


def test_what_was_never_applied_is_not_shown_as_what_is_replaced(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.version(watcher, 2)
    mine = publisher.watcher(organization_id=publisher.tenant)
    publisher.world.sql("UPDATE watcher_versions SET prompt = 'mine' WHERE watcher_id = %s", mine)
    (created,) = [
        one for one in publisher.plan(adopt=["watcher.w"]).changes
        if one.address == "watcher_version.w/2"
    ]  # fmt: skip
    assert created.predecessor is None
