"""Triggers do what no statement says: what they write elsewhere is found before COMMIT."""

from __future__ import annotations

import pytest

from reconciler.errors import StalePlanError, UnprovenError
from tests.fixtures.behind import ELSEWHERE, Behind, trigger

OUTBOX = "INSERT INTO outbox SELECT NEW.slug FROM generate_series(1, 3)"
TRIGGERS = {
    "another_organisation": ("AFTER INSERT", ELSEWHERE, "plan says 1 inserts"),
    "another_organisations_row": (
        "AFTER UPDATE",
        "UPDATE entity_types SET name = 'x' WHERE organization_id = '{other}' AND slug = 'mine'",
        "plan says 2 updates",
    ),
    "another_table": (
        "AFTER INSERT",
        "UPDATE agents SET name = 'x' WHERE organization_id = '{other}'",
        "public.agents: the plan says 0 updates, and the database counted 1",
    ),
    "a_deletion": (
        "BEFORE UPDATE",
        "DELETE FROM entity_types WHERE organization_id = '{other}' AND slug = 'mine'",
        "public.entity_types: the plan says 0 deletes, and the database counted 1",
    ),
    "a_table_that_is_emptied": (
        "AFTER INSERT",
        "BEGIN TRUNCATE event_classifiers CASCADE; EXCEPTION WHEN division_by_zero THEN NULL; END",
        "public.event_classifiers: it was emptied or altered as a whole",
    ),
    "into_another_organisation": (
        "BEFORE INSERT", "NEW.organization_id = '{other}'", "create entity_type: 0 of the 1 rows"
    ),
    "only_at_commit": (
        "AFTER INSERT DEFERRED", ELSEWHERE, "public.entity_types: the plan says 1 inserts"
    ),
    "an_outbox": (
        "AFTER INSERT OR UPDATE",
        "CREATE TABLE IF NOT EXISTS outbox (slug text); " + OUTBOX,
        "public.outbox: the plan says 0 inserts, and the database counted 9",
    ),
    "no_more_counting": (
        "AFTER INSERT", "PERFORM set_config('track_counts', 'off', true)", "nobody counted"
    ),
    "in_a_subtransaction": (
        "AFTER INSERT",
        f"BEGIN {ELSEWHERE}; EXCEPTION WHEN division_by_zero THEN NULL; END",
        "public.entity_types: the plan says 1 inserts",
    ),
    "instead_of_the_row": (
        "BEFORE UPDATE",
        "UPDATE entity_types SET name = 'x' WHERE organization_id = '{other}' AND slug = 'mine'; "
        "RETURN NULL",
        "update entity_type: the plan says 2 rows, and the database wrote 0",
    ),
}  # fmt: skip


@pytest.mark.shows(
    "a trigger writes rows of another organisation or table, at once or at COMMIT",
    "rolled back; the table and both numbers are named",
)
@pytest.mark.parametrize("case", TRIGGERS)
def test_a_trigger_that_writes_elsewhere(waiting: Behind, case: str) -> None:
    when, does, expected = TRIGGERS[case]
    error = StalePlanError if case == "instead_of_the_row" else UnprovenError
    with trigger(waiting, when, does):
        assert expected in waiting.refused(error)


def test_a_trigger_that_touches_the_same_row_passes(fresh: Behind) -> None:
    with trigger(fresh, "BEFORE INSERT OR UPDATE", "NEW.updated_at = now()"):
        fresh.world.apply(fresh.plan)
    assert fresh.applied()


def test_a_declared_table_may_be_written_by_triggers(fresh: Behind) -> None:
    """An outbox, say: how many rows are written there is the platform's business. Of tables with
    rows of plans it is not, whatever is declared.
    """
    world = fresh.world
    world.sql("CREATE TABLE outbox (slug text)")
    names = "gone, outbox,public.entity_types"
    world.sql("INSERT INTO reconcile.setting VALUES ('triggered_tables', %s)", names)
    try:
        with trigger(fresh, "AFTER INSERT", ELSEWHERE):
            assert "public.entity_types: the plan says 1 inserts" in fresh.refused()
        with trigger(fresh, "AFTER INSERT OR UPDATE", OUTBOX):
            world.apply(fresh.plan)
        assert world.sql("SELECT count(*) FROM outbox") == [(9,)]
    finally:
        world.sql("DELETE FROM reconcile.setting WHERE name = 'triggered_tables'")
        world.sql("DROP TABLE outbox")
    assert fresh.applied()
