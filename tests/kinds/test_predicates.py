"""Predicates in kind files: comparisons of a table's own columns, and nothing besides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.kinds.predicate import columns_of, parse_predicate
from tests.kinds.test_load import GOOD, mistakes

PREDICATES = [
    "now() > deleted_at",
    "lower(slug) = 'x'",
    "pg_sleep(1) IS NULL",
    "deleted_at IS NULL AND EXISTS (SELECT 1 FROM users)",
    "id IN (SELECT id FROM users)",
    "id = (SELECT 1)",
    "id = ANY (ARRAY[1])",
    "users.deleted_at IS NULL",
    "public.users.deleted_at IS NULL",
    "deleted_at IS NULL; DROP TABLE users",
    "deleted_at IS NULL;",
    "deleted_at::text IS NULL",
    "CAST(deleted_at AS text) = ''",
    "status || 'x' = 'y'",
    "price + 1 > 2",
    "CASE WHEN true THEN true END",
    "current_user = 'x'",
    "deleted_at > CURRENT_TIMESTAMP",
    "status LIKE 'a%'",
    "meta->>'a' = 'b'",
    "status = $1",
    "status = :name",
    "status = 'a' UNION SELECT 1",
    "SELECT 1",
    "DELETE FROM users",
    "true",
    "status",
    "1",
    "",
    "deleted_at IS",
    "(deleted_at IS NULL",
    "status = E'\\x41'",
    "status = b'1'",
    "status = 'a' -- comment\n; DROP TABLE users",
    "status OPERATOR(evil.=) 'a'",
    "status COLLATE \"C\" = 'a'",
]


@pytest.mark.parametrize("predicate", PREDICATES)
def test_a_predicate_may_only_compare_its_own_columns(tmp_path: Path, predicate: str) -> None:
    text = GOOD.replace('"deleted_at IS NULL"', json.dumps(predicate))
    (tmp_path / "thing.toml").write_text(text, encoding="utf-8")
    assert "thing.toml: live: " in mistakes(tmp_path)


@pytest.mark.parametrize(
    ("predicate", "columns"),
    [
        ("deleted_at IS NULL", ("deleted_at",)),
        ("status = 'active' AND deleted_at IS NULL", ("deleted_at", "status")),
        ("NOT (status IN ('a', 'b') OR version > 3)", ("status", "version")),
        ("\"deletedAt\" IS NOT NULL AND active IS TRUE", ("active", "deletedAt")),
        ("status <> 'it''s' AND price <= 1.10", ("price", "status")),
        ("status != 'x; DROP TABLE users'", ("status",)),
    ],
)  # fmt: skip
def test_what_a_predicate_may_say(predicate: str, columns: tuple[str, ...]) -> None:
    assert columns_of(predicate) == columns
    again = parse_predicate(predicate).sql("postgres")
    assert parse_predicate(again).sql("postgres") == again
