"""The platform's own audit table: each change of a type writes its row there, too."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import library
from reconciler.errors import SchemaMismatchError
from tests.fixtures.world import World

AUDIT = """
SELECT t.slug, a.action, a.actor, a.before_payload, a.after_payload
FROM entity_type_audit a JOIN entity_types t ON t.id = a.entity_type_id
WHERE t.organization_id = 'org_birch' AND a.id > %s ORDER BY a.id
"""
HERE = "organization_id = 'org_birch'"
PUBLISHED = "organization_id = 'org_public_finance'"


@pytest.fixture
def birch(world: World) -> World:
    world.install("birch", skip=[])
    return world


def last(world: World) -> int:
    return world.sql("SELECT coalesce(max(id), 0) FROM entity_type_audit")[0][0]


def audited(world: World, since: int) -> list[tuple[Any, ...]]:
    return world.sql(AUDIT, since)


def test_each_new_type_is_told_with_what_it_holds(birch: World) -> None:
    rows = audited(birch, 0)
    assert (
        len(rows)
        == birch.sql(f"SELECT count(*) FROM entity_types WHERE {HERE} AND slug !~ '^\\$'")[0][0]
    )
    assert {(action, actor) for _, action, actor, *_ in rows} == {("create", "user_ana")}
    ((*_, before, after),) = [row for row in rows if row[0] == "account"]
    assert before is None
    assert (after["slug"], after["name"]) == ("account", "Account")
    assert (
        after["metadata_schema"]
        == birch.sql(f"SELECT metadata_schema FROM entity_types WHERE {HERE} AND slug = 'account'")[
            0
        ][0]
    )
    assert after["managed_by_template_agent_id"] == "agent_pf"


def test_each_change_says_what_was_and_what_is(birch: World) -> None:
    birch.sql(f"UPDATE entity_types SET icon = 'x' WHERE {PUBLISHED} AND slug = 'bill'")
    birch.sql(f"UPDATE entity_types SET deleted_at = now() WHERE {PUBLISHED} AND slug = 'goal'")
    since = last(birch)
    done = birch.apply(birch.plan("birch", prune=True, release=["entity_type.loan"]))
    rows = {
        slug: (action, before, after) for slug, action, _, before, after in audited(birch, since)
    }
    action, before, after = rows.pop("bill")
    assert (action, before["icon"] != "x", after["icon"]) == ("update", True, "x")
    action, before, after = rows.pop("loan")
    owner = "managed_by_template_agent_id"
    assert (action, before[owner], after[owner]) == ("update", "agent_pf", None)
    action, before, after = rows.pop("goal")
    assert (action, before["slug"], after) == ("delete", "goal", None)
    assert rows == {}
    since = last(birch)
    birch.apply(library.plan_undo(birch.dsn, done.revision, actor="user_ana"))
    assert {(slug, action) for slug, action, *_ in audited(birch, since)} == {
        ("bill", "update"),
        ("loan", "update"),
        ("goal", "update"),
    }


def test_what_does_nothing_says_nothing(birch: World) -> None:
    since = last(birch)
    birch.apply(birch.plan("birch"))
    assert audited(birch, since) == []


def test_an_audit_table_of_another_shape_is_said_and_a_missing_one_is_not(world: World) -> None:
    world.sql("ALTER TABLE entity_type_audit ALTER COLUMN before_payload TYPE text")
    world.sql("ALTER TABLE entity_type_audit ADD COLUMN ticket text NOT NULL")
    with pytest.raises(SchemaMismatchError) as caught:
        world.plan("birch")
    assert "'before_payload' of the audit table" in caught.value.message
    assert "'ticket' of the audit table" in caught.value.message
    world.sql("DROP TABLE entity_type_audit")
    assert world.apply(world.plan("birch")).status == "applied"


def test_a_preview_shows_no_audit_where_there_is_none(world: World) -> None:
    plan = world.plan("birch")
    text = library.preview(plan)
    assert "entity_type_audit" not in text
    world.sql("DROP TABLE entity_type_audit")
    assert world.plan("birch").shapes != plan.shapes
