"""What is no longer as a revision left it is not undone unasked; nor is what is used by now."""

from __future__ import annotations

import pytest

from reconciler.errors import NotFoundError
from reconciler.model.plan import Plan
from tests.fixtures.settlers import (
    RELATION,
    SECOND,
    TYPE,
    VIEW,
    WATCHER,
    Settlers,
    in_the_way,
    noted,
    said,
    settled,
)

T2 = "entity_type.t2"


def ways(plan: Plan) -> dict[str, str]:
    """How each row was touched."""
    return {one.address: one.how for one in plan.conflicts if one.reason == "touched_since"}


def renamed(settlers: Settlers) -> int:
    """The revision with which a type and a watcher got new names."""
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    settlers.live("edit", "template", "watcher", "w2", "name", "New")
    done = settlers.do()
    assert done.revision is not None
    return done.revision


def test_a_later_edit_of_the_same_column_is_asked_about(settlers: Settlers) -> None:
    revision = renamed(settlers)
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Mine")
    plan = settlers.undo(revision)
    assert (ways(plan), said(plan)) == ({TYPE: "changed"}, {("update", SECOND)})
    (conflict,) = plan.conflicts
    assert conflict.reason == "touched_since"
    assert [(one.column, one.before, one.after) for one in conflict.fields] == [
        ("name", "New", "Mine")
    ]
    left = settlers.undo(revision, skip=[TYPE])
    assert (in_the_way(left), ("skipped", TYPE) in noted(left)) == (set(), True)
    forced = settlers.undo(revision, adopt=["entity_type.*:touched_since"])
    assert said(forced) == {("update", TYPE), ("update", SECOND)}
    settlers.apply(forced)
    assert settlers.row(TYPE).row["name"] == "one of template"


def test_what_is_already_as_it_was_needs_no_undo(settlers: Settlers) -> None:
    revision = renamed(settlers)
    settlers.live("edit", "acme", "entity_type", "t1", "name", "one of template")
    plan = settlers.undo(revision)
    assert (in_the_way(plan), said(plan)) == (set(), {("update", SECOND)})


def test_a_later_revision_is_named(settlers: Settlers) -> None:
    revision = renamed(settlers)
    settlers.live("edit", "template", "entity_type", "t1", "name", "Newer")
    later = settlers.do().revision
    (conflict,) = settlers.undo(revision).conflicts
    assert conflict.reason == "touched_since"
    assert (conflict.how, conflict.revision) == ("changed", later)
    assert said(settlers.undo(later)) == {("update", TYPE)}


@pytest.mark.parametrize(
    ("steps", "how"),
    [
        ([("kill", "acme", "entity_type", "t1", "retire")], "gone"),
        ([("kill", "acme", "entity_type", "t1", "delete")], "gone"),
        ([("claim", "acme", "entity_type", "t1", "rival")], "owner"),
    ],
    ids=["retired", "deleted", "claimed"],
)
def test_a_row_that_is_gone_or_somebody_elses_is_left(
    settlers: Settlers, steps: list[tuple[str, ...]], how: str
) -> None:
    revision = renamed(settlers)
    for step in steps:
        settlers.live(*step)
    assert ways(settlers.undo(revision)) == {TYPE: how}
    left = settlers.row(TYPE) if how != "gone" or "retire" in steps[0] else None
    settlers.apply(settlers.undo(revision, skip=[TYPE]))
    assert left is None or settlers.row(TYPE) == left


def test_what_was_placed_and_is_used_by_now_stays_or_is_given_away(settlers: Settlers) -> None:
    settlers.live("add", "template", "entity_type", "t2", "one", True)
    revision = settlers.do().revision
    settlers.entity(entity_type=settlers.number(T2))
    plan = settlers.undo(revision)
    assert in_the_way(plan) == {("in_use", T2)}
    assert settlers.undo(revision, skip=[T2]).empty
    given = settlers.undo(revision, release=["entity_type.*:in_use"])
    assert said(given) == {("release", T2)}
    settlers.apply(given)
    settled(settlers.plan())
    assert ("released", T2) in noted(settlers.plan())


def test_what_was_placed_and_edited_is_retired_only_by_name(settlers: Settlers) -> None:
    settlers.live("add", "template", "entity_type", "t2", "one", True)
    revision = settlers.do().revision
    settlers.live("edit", "acme", "entity_type", "t2", "name", "Mine")
    assert ways(settlers.undo(revision)) == {T2: "changed"}
    plan = settlers.undo(revision, adopt=[T2])
    assert said(plan) == {("retire", T2)}
    settlers.apply(plan)
    row = settlers.row(T2)
    assert (settlers.photo().live(row), row.row["name"]) == (False, "Mine")


def test_what_the_tenant_deleted_since_needs_no_undo(settlers: Settlers) -> None:
    settlers.live("add", "template", "entity_type", "t2", "one", True)
    revision = settlers.do().revision
    settlers.live("kill", "acme", "entity_type", "t2", "retire")
    dead = settlers.row(T2)
    plan = settlers.undo(revision)
    assert (plan.changes, plan.conflicts) == ((), ())
    assert ("deleted_by_tenant", T2) in noted(plan)
    assert settlers.row(T2) == dead


def test_a_row_of_the_tenants_in_place_of_a_retired_one_is_in_the_way(settlers: Settlers) -> None:
    revision = settlers.do(destroy=True).revision
    settlers.live("add", "acme", "entity_type", "t1", "two", True)
    mine = settlers.row(TYPE)
    plan = settlers.undo(revision)
    assert ways(plan) == {TYPE: "there"}
    settlers.apply(settlers.undo(revision, skip=[TYPE]))
    assert settlers.row(TYPE) == mine
    assert settlers.photo().live(settlers.row(WATCHER))


def test_a_retired_row_that_is_gone_for_good_cannot_come_back(settlers: Settlers) -> None:
    revision = settlers.do(destroy=True).revision
    settlers.sql("DELETE FROM entity_type_audit")
    settlers.sql("DELETE FROM entity_types WHERE organization_id = %s", settlers.acme)
    assert ways(settlers.undo(revision)) == {TYPE: "gone"}


def test_what_came_back_and_is_used_is_asked_about_whenever_that_began(settlers: Settlers) -> None:
    settlers.live("publish", "acme", "watcher", "w1", "own", "mine", True, True)
    settlers.live("kill", "acme", "watcher", "w1", "retire")
    revision = settlers.do(restore=[WATCHER]).revision
    plan = settlers.undo(revision)
    assert in_the_way(plan) == {("in_use", WATCHER)}
    left = settlers.undo(revision, skip=[WATCHER])
    assert (in_the_way(left), said(left)) == (set(), set())
    given = settlers.undo(revision, release=[WATCHER])
    assert (in_the_way(given), said(given)) == (set(), {("release", WATCHER)})


def test_two_targets_in_two_states_are_undone_in_one_plan(settlers: Settlers) -> None:
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    revision = settlers.do(settlers.acme, settlers.bob).revision
    settlers.live("edit", "bob", "entity_type", "t1", "name", "Mine")
    plan = settlers.undo(revision)
    assert [(one.action, one.targets) for one in plan.changes] == [("update", (settlers.acme,))]
    assert [(one.reason, one.target) for one in plan.conflicts] == [("touched_since", settlers.bob)]


def test_a_version_stays_as_history_and_the_pointer_goes_back(settlers: Settlers) -> None:
    settlers.live("publish", "template", "watcher", "w1", "next", "two", True, True)
    was = settlers.row(WATCHER).row
    revision = settlers.do().revision
    plan = settlers.undo(revision)
    assert said(plan) == {("update", WATCHER)}
    assert noted(plan) == {("history_stays", "watcher_version.w1/2")}
    settlers.apply(plan)
    now = settlers.row(WATCHER).row
    pointer = ("current_version_id", "version")
    assert [now[one] for one in pointer] == [was[one] for one in pointer]
    # The same version comes into force again, and is not appended twice.
    again = settlers.plan()
    assert said(again) == {("update", WATCHER)}
    settlers.apply(again)
    settled(settlers.plan())


def test_undo_works_where_the_template_is_private_or_gone(settlers: Settlers) -> None:
    revision = renamed(settlers)
    settlers.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", settlers.home)
    assert said(settlers.undo(revision)) == {("update", TYPE), ("update", SECOND)}
    settlers.sql("DELETE FROM agents WHERE id = %s", settlers.agent)
    settlers.apply(settlers.undo(revision))
    assert settlers.row(TYPE).row["name"] == "one of template"


def test_there_is_nothing_to_undo_of_no_revision(settlers: Settlers) -> None:
    with pytest.raises(NotFoundError):
        settlers.undo(10_000_000)


def test_an_undo_leaves_everybody_elses_rows_alone(settlers: Settlers) -> None:
    settlers.live("add", "acme", "relationship_type", "r2", "one", True)
    before = settlers.photo()
    settlers.apply(settlers.undo(settlers.do(destroy=True, release=[RELATION, VIEW]).revision))
    after = settlers.photo()
    for key, was in before.rows.items():
        if was.organization != settlers.acme or not before.ours(was):
            assert after.rows[key] == was
