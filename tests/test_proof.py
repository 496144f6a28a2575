"""Before COMMIT it is proven that exactly the plan's rows were written; otherwise nothing is.

What the guard would stop is sent past it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlglot import parse_one

from reconciler import library, progress
from reconciler.applier import writing
from reconciler.errors import Exit, ReconcilerError, StalePlanError, UnprovenError
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script
from reconciler.sql.tree import DIALECT, Statement
from tests.fixtures.behind import ELSEWHERE, Behind, trigger
from tests.fixtures.cut import dump
from tests.fixtures.shown import depth
from tests.fixtures.world import World

Statements = list[Statement]


@contextmanager
def past_the_guard(wrong: Callable[[Statements], Statements]) -> Iterator[None]:
    """Send other statements than the plan's, and let the guard pass everything."""
    writes = Script.writes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scope, "guard", lambda _, statement: statement)
        patch.setattr(Script, "writes", lambda script: wrong(writes(script)))
        yield


def instead(serves: str, text: str) -> Callable[[Statements], Statements]:
    """This text in the place of one of the plan's statements."""

    def wrong(statements: Statements) -> Statements:
        assert serves in [one.serves for one in statements]
        tree = parse_one(text, dialect=DIALECT)
        return [
            replace(one, tree=tree, parameters=()) if one.serves == serves else one
            for one in statements
        ]

    return wrong


TYPES = "UPDATE entity_types SET color = 'x' WHERE organization_id = '{}' AND slug IN "
LINK = "link relationship_type.inverse_type_id"


@pytest.mark.shows(
    "a statement that writes other rows, as many as planned, and passes the guard",
    "rolled back before COMMIT: nothing written, no lock left",
)
@pytest.mark.parametrize(
    ("serves", "text"),
    [
        ("update entity_type", TYPES + "('person', 'asset')"),
        (
            "create entity_type",
            "INSERT INTO entity_types (organization_id, slug, name) VALUES ('{}', 'theirs', 'x')",
        ),
        (
            # Its own row was written before, by the step that creates or empties it.
            LINK,
            "UPDATE entity_relationship_types SET inverse_type_id = id "
            "WHERE organization_id = '{}' AND slug = 'owned_by'",
        ),
    ],
    ids=["update", "insert", "second_step"],
)
@pytest.mark.parametrize("whose", ["other", "target"][: depth(1, 2)])
def test_other_rows_than_the_plans(waiting: Behind, whose: str, serves: str, text: str) -> None:
    place = {"other": waiting.other, "target": waiting.target}[whose]
    if whose == "target":
        text = text.replace("slug = 'owned_by'", "slug = 'owns'")
    with past_the_guard(instead(serves, text.format(place))):
        said = waiting.refused()
    assert said.startswith(f"what was written is not what the plan says\n  {serves}: ")
    assert "rolled back" in said
    assert UnprovenError.exit_code is Exit.ERROR


@pytest.mark.shows(
    "a statement that writes a row too many, or too few, and passes the guard",
    "rolled back; the statement and both numbers are named",
)
@pytest.mark.parametrize(
    ("slugs", "rows"), [("('person')", 1), ("('person', 'account', 'asset')", 3)]
)
def test_more_or_fewer_rows_than_the_plans(waiting: Behind, slugs: str, rows: int) -> None:
    with past_the_guard(instead("update entity_type", TYPES.format(waiting.target) + slugs)):
        said = waiting.refused(StalePlanError)
    assert f"update entity_type: the plan says 2 rows, and the database wrote {rows}" in said


@pytest.mark.shows(
    "one more statement, and it passes the guard",
    "rolled back; the table and both numbers are named",
)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            TYPES + "('asset')",
            "public.entity_types: the plan says 2 updates, and the database counted 3",
        ),
        ("UPDATE member SET role = role", "public.member: the plan says 0 updates"),
        (
            "DELETE FROM entity_types WHERE organization_id = '{}' AND slug = 'mine'",
            "public.entity_types: the plan says 0 deletes, and the database counted 1",
        ),
    ],
    ids=["own_table", "other_table", "delete"],
)
def test_one_statement_more(waiting: Behind, text: str, said: str) -> None:
    tree = parse_one(text.format(waiting.other), dialect=DIALECT)
    more = Statement("a statement that nobody planned", tree, ())
    with past_the_guard(lambda statements: [*statements, more]):
        assert said in waiting.refused()


# What PostgreSQL has counted ------------------------------------------------------------------


def test_what_a_lent_connection_has_just_written_is_not_counted(fresh: Behind) -> None:
    """A session tells the server what it counted once in a second only."""
    with psycopg.connect(fresh.world.dsn, autocommit=True) as lent:
        for table, end in product(("member", "entity_types"), ("COMMIT", "ROLLBACK")):
            lent.execute(f"BEGIN; UPDATE {table} SET id = id; {end}".encode())
        library.apply(lent, fresh.plan)
    assert fresh.applied()


@pytest.mark.shows("track_counts is off", "refused before anything is locked or written")
def test_a_server_that_does_not_count_is_refused(waiting: Behind) -> None:
    before = dump(waiting.world)
    off = "-c track_counts=off"
    with (
        psycopg.connect(waiting.world.dsn, autocommit=True, options=off) as lent,
        pytest.raises(ReconcilerError, match="track_counts is off"),
    ):
        library.apply(lent, waiting.plan)
    assert dump(waiting.world) == before


def test_statement_by_statement_it_is_proven_as_well(
    fresh: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where much is written and somebody watches, each statement travels alone."""
    monkeypatch.setattr(writing, "_MANY", 1)
    with progress.listening(lambda _: None):
        with trigger(fresh, "AFTER INSERT", ELSEWHERE):
            fresh.refused()
        fresh.world.apply(fresh.plan)
    assert fresh.applied()


PARTED = """
CREATE TABLE parted (id int GENERATED ALWAYS AS IDENTITY, tenant text NOT NULL, slug text NOT NULL,
    name text, mgr text, org text, status text NOT NULL DEFAULT 'active', PRIMARY KEY (id, status))
    PARTITION BY LIST (status);
CREATE TABLE parted_active PARTITION OF parted FOR VALUES IN ('active');
CREATE TABLE parted_dead PARTITION OF parted FOR VALUES IN ('dead');
"""
KIND = """
kind = "parted"
title = "parted"
table = "parted"
id = "id"
scope = "tenant"
key = ["slug"]
owner = { agent = "mgr", organization = "org" }
live = "status = 'active'"
retire = { status = "dead" }
[columns]
name = {}
"""


def test_rows_that_move_to_another_partition_are_updates(world: World, tmp_path: Path) -> None:
    (tmp_path / "parted.toml").write_text(KIND, encoding="utf-8")
    world.kinds = tmp_path
    world.connection.execute(PARTED.encode())
    home, target = world.organization(visibility="public"), world.organization()
    world.insert("agents", id=f"a_{home}", organization_id=home, name="Home")
    for slug in ("a", "b"):
        world.insert("parted", tenant=home, slug=slug, name=slug)
    installed: Any = world.install(target, template=home, skip=[])
    assert installed.counts["parted"] == {"create": 2}
    world.sql("UPDATE parted SET status = 'dead' WHERE tenant = %s AND slug = 'a'", home)
    world.sql("UPDATE parted SET name = 'x' WHERE tenant = %s AND slug = 'b'", home)
    plan = world.plan(target, template=home, prune=True)
    assert world.apply(plan).counts["parted"] == {"retire": 1, "update": 1}
    undo = library.plan_undo(
        world.dsn, world.apply(plan).revision or 2, actor="user_ana", kinds=tmp_path
    )
    assert world.apply(undo).counts["parted"] == {"restore": 1, "update": 1}
