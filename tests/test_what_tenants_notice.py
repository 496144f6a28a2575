"""What tenants notice while a plan is applied: a write waits only for the row that is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from reconciler.database import connection as connections
from reconciler.model.plan import Plan
from tests.fixtures.settlers import TYPE, WATCHER, Settlers

Told = list[tuple[str, str]]
LOCKS = """
SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype <> 'virtualxid'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def at_commit(
    settlers: Settlers,
    plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[psycopg.Connection[Any]], None],
) -> None:
    """Apply the plan; before its COMMIT, somebody else does something."""
    commit = connections._commit

    def meanwhile(*given: Any) -> Any:
        with psycopg.connect(settlers.world.dsn, autocommit=True) as other:
            other.execute("SET lock_timeout = '200ms'")
            act(other)
        return commit(*given)

    with monkeypatch.context() as patched:
        patched.setattr(connections, "_commit", meanwhile)
        assert settlers.apply(plan).status == "applied"


def test_a_write_waits_only_for_a_row_that_is_written(
    settlers: Settlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, other = settlers.number(TYPE), settlers.number("entity_type.t1", settlers.bob)
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    told: Told = []

    def tries(tenant: psycopg.Connection[Any], what: str, sql: str, *values: Any) -> None:
        try:
            tenant.execute(sql.encode(), values)
            told.append((what, "done"))
        except LockNotAvailable:
            told.append((what, "waits"))

    def meanwhile(tenant: psycopg.Connection[Any]) -> None:
        edit = "UPDATE entity_types SET description = 'Ours' WHERE id = %s"
        tries(tenant, "the same row", edit, changed)
        tries(tenant, "the same row elsewhere", edit, other)
        tries(
            tenant,
            "a row of another kind",
            "UPDATE watchers SET name = 'Ours' WHERE id = %s",
            settlers.number(WATCHER),
        )
        tries(
            tenant,
            "a row that refers to it",
            "INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by) "
            "VALUES (%s, 'New', 'new', %s, 'user_ana')",
            changed,
            settlers.acme,
        )
        tries(tenant, "reading it", "SELECT * FROM entity_types WHERE id = %s", changed)

    plan = settlers.plan(settlers.acme)
    assert [one.address for one in plan.changes] == [TYPE]
    at_commit(settlers, plan, monkeypatch, meanwhile)
    assert told == [
        ("the same row", "waits"),
        ("the same row elsewhere", "done"),
        ("a row of another kind", "done"),
        ("a row that refers to it", "done"),
        ("reading it", "done"),
    ]


def test_a_new_row_holds_off_its_own_key_and_no_other(
    settlers: Settlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlers.live("add", "template", "entity_type", "t9", "one", True)
    told: Told = []

    def meanwhile(tenant: psycopg.Connection[Any]) -> None:
        for slug in ("t9", "t10"):
            try:
                tenant.execute(
                    "INSERT INTO entity_types (organization_id, slug, name) VALUES (%s, %s, 'X')",
                    (settlers.acme, slug),
                )
                told.append((slug, "done"))
            except LockNotAvailable:
                told.append((slug, "waits"))

    at_commit(settlers, settlers.plan(settlers.acme), monkeypatch, meanwhile)
    assert told == [("t9", "waits"), ("t10", "done")]


def test_the_lock_table_does_not_grow_with_the_targets(
    settlers: Settlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row locks stand in the rows: what ten thousand targets need is what one needs."""
    counted: list[int] = []

    def count(watcher: psycopg.Connection[Any]) -> None:
        ((number,),) = watcher.execute(LOCKS.encode()).fetchall()
        counted.append(number)

    many = [settlers.world.organization() for _ in range(40)]
    for targets in (many[:1], many[1:]):
        at_commit(settlers, settlers.plan(*targets), monkeypatch, count)
    few, all_others = counted
    assert abs(few - all_others) <= 3
