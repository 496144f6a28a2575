"""Undo: the inverse of what was applied, as a plan like any other, with conflicts of its own."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.change import Create
from reconciler.model.plan import Plan
from reconciler.model.value import Ref
from tests.fixtures.settlers import (
    CLASSIFIER,
    RETIRED,
    SECOND,
    TYPE,
    VIEW,
    WATCHER,
    Settlers,
    in_the_way,
    noted,
    said,
)
from tests.fixtures.world import World
from tests.histories.undoing import hold


def test_an_install_is_undone_and_done_again(shared_world: World) -> None:
    settlers = Settlers.found(shared_world)
    before = settlers.photo()
    install = settlers.plan()
    done = settlers.apply(install)
    first = settlers.photo()

    undo = settlers.undo(done.revision)
    assert undo.conflicts == ()
    agent = f"agent.{settlers.agent}"
    assert said(undo) == {
        *(("retire", address) for address in (*RETIRED, agent)),
        ("release", VIEW),
    }
    # What belongs to a row goes with it, and what cannot be retired is given away.
    assert noted(undo) == {("history_stays", "view_template_version.v1/1")}
    undone = settlers.apply(undo)
    hold(before, settlers.photo(), install)

    again = settlers.undo(undone.revision)
    assert again.conflicts == ()
    settlers.apply(again)
    hold(first, settlers.photo(), undo)
    assert settlers.plan().empty


def test_what_a_deleted_agent_left_behind_is_undone_to_nothing(settlers: Settlers) -> None:
    settlers.live("dismiss", "acme")
    before = settlers.photo()
    plan = settlers.plan()
    assert ("update", WATCHER) in said(plan)
    undo = settlers.undo(settlers.apply(plan).revision)
    assert in_the_way(undo) == set()
    settlers.apply(undo)
    hold(before, settlers.photo(), plan)
    assert said(settlers.plan()) == {
        ("restore", one) if action == "create" else (action, one) for action, one in said(plan)
    }


def undone(settlers: Settlers, **options: Any) -> None:
    """Apply a plan, and undo it; then everything is as it was, and a sync says what it said."""
    before, said_before = settlers.photo(), told(settlers.plan())
    plan = settlers.plan(**options)
    assert in_the_way(plan) == set()
    done = settlers.apply(plan)
    first = settlers.photo()
    undo = settlers.undo(done.revision)
    assert in_the_way(undo) == set()
    back = settlers.apply(undo)
    hold(before, settlers.photo(), plan)
    assert told(settlers.plan()) == said_before
    assert told(settlers.plan(**options)) == told(plan)
    again = settlers.apply(settlers.undo(back.revision))
    hold(first, settlers.photo(), undo)
    settlers.apply(settlers.undo(again.revision))
    hold(before, settlers.photo(), plan)


def told(plan: Plan) -> set[tuple[str, str]]:
    """All that a plan says; which flags are needless depends on what is there."""
    return said(plan) | noted(plan) | in_the_way(plan)


LOST = "what the ledger knew of a row before is not known any more when its change is undone"


def test_what_a_person_restored_is_deleted_by_the_tenant_again(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    undone(settlers, restore=[TYPE])


def test_what_was_released_and_adopted_is_released_again(settlers: Settlers) -> None:
    settlers.do(release=[TYPE])
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Mine")
    undone(settlers, adopt=[TYPE])
    undone(settlers, adopt=[f"{TYPE}=keep"])


def test_an_edit_of_a_shared_column_is_asked_about_again(settlers: Settlers) -> None:
    settlers.live("publish", "template", "view_template", "v1", "own", "two", True, True)
    settlers.live("show", "template", "t1", "v1", 1)
    settlers.do()
    settlers.live("show", "acme", "t1", None, 0)
    settlers.live("show", "template", "t1", "v1", 0)
    assert in_the_way(settlers.plan()) == {("edited_both", TYPE)}
    undone(settlers, adopt=[TYPE])


@pytest.mark.parametrize(("kind", "address"), [("watcher", WATCHER), ("classifier", CLASSIFIER)])
def test_a_pointer_that_the_tenant_had_emptied_is_empty_again(
    settlers: Settlers, kind: str, address: str
) -> None:
    slug = address.partition(".")[2]
    settlers.live("publish", "template", kind, slug, "next", "two", True, True)
    settlers.live("point", "acme", kind, slug, None, False)
    assert in_the_way(settlers.plan()) == {("edited_both", address)}
    before = settlers.photo()
    plan = settlers.plan(adopt=[address])
    undo = settlers.undo(settlers.apply(plan).revision)
    assert (in_the_way(undo), said(undo)) == (set(), {("update", address)})
    back = settlers.apply(undo)
    hold(before, settlers.photo(), plan)
    assert in_the_way(settlers.plan()) == {("edited_both", address)}
    again = settlers.undo(back.revision)
    assert (in_the_way(again), said(again)) == (set(), {("update", address)})
    settlers.apply(again)
    assert settlers.plan().empty


def test_a_group_that_named_no_row_is_the_row_itself_again(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "watcher", "w1", "delete")
    settlers.live("edit", "template", "watcher", "w2", "name", "New")
    before = settlers.photo()
    plan = settlers.plan()
    undo = settlers.undo(settlers.apply(plan).revision)
    (change,) = undo.changes
    assert (change.action, change.address) == ("update", SECOND)
    assert not isinstance(change, Create)
    assert [one.column for one in change.fields] == ["name"]
    back = settlers.apply(undo)
    hold(before, settlers.photo(), plan)
    again = settlers.undo(back.revision)
    assert (in_the_way(again), said(again)) == (set(), {("update", SECOND)})
    settlers.apply(again)
    assert settlers.plan().empty


def test_a_group_that_named_no_row_cannot_be_named_again(settlers: Settlers) -> None:
    number = settlers.number(SECOND)
    settlers.sql("UPDATE watchers SET watcher_group_id = 999 WHERE id = %s", number)
    undo = settlers.undo(settlers.do().revision)
    (change,) = undo.changes
    assert not isinstance(change, Create)
    assert [(one.column, one.after) for one in change.fields] == [
        ("watcher_group_id", Ref.model_validate({"ref": SECOND}))
    ]
    settlers.apply(undo)
    assert settlers.row(SECOND).row["watcher_group_id"] == number


@pytest.mark.parametrize("keep", ["", "=keep"])
def test_what_was_adopted_is_in_the_way_again(settlers: Settlers, keep: str) -> None:
    settlers.live("add", "acme", "entity_type", "t2", "two", True)
    settlers.live("add", "template", "entity_type", "t2", "one", True)
    undone(settlers, adopt=[f"entity_type.t2{keep}"])


@pytest.mark.parametrize("owner", ["rival", "gone", "lost"])
def test_what_was_taken_goes_back(settlers: Settlers, owner: str) -> None:
    settlers.live("claim", "acme", "entity_type", "t1", owner)
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Theirs")
    undone(settlers, take=[TYPE])


def test_an_edit_that_was_overwritten_is_asked_about_again(settlers: Settlers) -> None:
    for who in ("acme", "template"):
        settlers.live("publish", who, "classifier", "c1", "own", who, True, True)
        settlers.live("publish", who, "classifier", "c1", "own", who, True, True)
    settlers.live("edit", "template", "classifier", "c1", "name", "New")
    undone(settlers, adopt=[CLASSIFIER], skip=["classifier_version.c1/3"])


def test_what_was_pruned_released_or_uninstalled_comes_back(settlers: Settlers) -> None:
    settlers.live("group", "template", "w2", "w2")
    settlers.do()
    for kind, slug in (("entity_type", "t1"), ("relationship_type", "r1"), ("watcher", "w1")):
        settlers.live("kill", "template", kind, slug, "retire")
    settlers.entity()
    undone(settlers, prune=True, release=[TYPE])
    undone(settlers, destroy=True)
    undone(settlers, destroy=True, keep_rows=True)


def test_what_was_handed_over_comes_back(settlers: Settlers) -> None:
    settlers.live("sibling", "acme")
    undone(settlers, destroy=True)


def test_a_release_that_is_done_again_is_one(settlers: Settlers) -> None:
    back = settlers.apply(settlers.undo(settlers.do(release=[TYPE]).revision))
    assert said(settlers.plan(release=[TYPE])) == {("release", TYPE)}
    settlers.apply(settlers.undo(back.revision))
    assert told(settlers.plan()) == {("released", TYPE)}
