"""What a unique index is trusted with: an index that does not speak of all rows is not believed."""

from __future__ import annotations

from tests.fixtures.publisher import noted, reasons
from tests.fixtures.vocabulary import Vocabulary


def test_a_table_that_others_inherit_from_has_no_key_of_its_own(vocabulary: Vocabulary) -> None:
    """What one target has twice does not make up for what another one lacks."""
    v, w = vocabulary, vocabulary.world
    twice, gone = sorted(w.organization() for _ in range(2))
    v.install(twice, gone)
    w.sql("CREATE TABLE entity_types_old () INHERITS (entity_types)")
    try:
        w.sql(
            "INSERT INTO entity_types_old SELECT * FROM entity_types "
            "WHERE organization_id = %s AND slug = 'account'",
            twice,
        )
        w.sql("UPDATE entity_types_old SET id = id + 100000")
        v.delete("account", gone)
        plan = v.plan(twice, gone)
        assert noted(plan) == [("deleted_by_tenant", "entity_type.account")]
        assert reasons(plan) == [("ambiguous", "entity_type.account")]
    finally:
        w.sql("DROP TABLE entity_types_old")


def test_an_index_that_was_left_invalid_holds_rows_off_all_the_same(
    vocabulary: Vocabulary,
) -> None:
    """PostgreSQL enforces for new rows what CREATE INDEX CONCURRENTLY could not finish."""
    v, w = vocabulary, vocabulary.world
    other = w.organization()
    v.type("mine", other, name="account")
    w.sql(
        "CREATE UNIQUE INDEX left_invalid ON entity_types (organization_id, name) "
        "WHERE deleted_at IS NULL"
    )
    try:
        w.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'left_invalid'::regclass")
        assert reasons(v.plan(other)) == [("unique_collision", "entity_type.account")]
    finally:
        w.sql("DROP INDEX left_invalid")
