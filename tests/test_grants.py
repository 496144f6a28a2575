"""Least privilege: what `reconcile grants` prints is enough, and opens nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest
from psycopg import errors

import reconciler
from reconciler import library
from reconciler.cli import main
from reconciler.database.embedded import Server
from reconciler.errors import Exit, MissingGrantError
from reconciler.sql.grants import quoted
from tests.fixtures.roles import Roles
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World, copied


@pytest.fixture(scope="module")
def granted(server: Server, birch_database: str, roles: Roles) -> Iterator[World]:
    """birch has the template, and two roles have what they need."""
    for world in copied(server, birch_database):
        roles.grant(world.dsn)
        yield world


def test_looking_needs_the_reader_only(granted: World, roles: Roles) -> None:
    dsn = roles.planning(granted.dsn)
    assert reconciler.status(dsn).counts == {"up_to_date": 1}
    assert reconciler.why(dsn, "birch", "entity_type.account").revisions != ()
    assert [one.number for one in reconciler.history(dsn, "birch")] == [1]
    revision, _ = reconciler.revision(dsn, 1)
    undo = reconciler.plan_undo(dsn, revision.number, actor="user_ana")
    assert reconciler.outcome(dsn, undo).status == "not_applied"
    assert [one.agent_id for one in reconciler.templates(dsn)] == ["agent_pf"]


@pytest.mark.shows(
    "a role that has what `reconcile grants` prints, and tries more",
    "no other table, column or row's home is read or written, and nothing is deleted",
)
def test_what_is_not_granted_is_closed(granted: World, roles: Roles, variants: Variants) -> None:
    closed = (
        "SELECT connection_id FROM watchers",
        "UPDATE entities SET name = 'mine'",
        "UPDATE entity_identities SET identifier = 'mine'",
        "UPDATE entity_identities SET entity_id = 1",
        "DELETE FROM entity_identities",
        'SELECT image FROM "user"',
        "SELECT confidence FROM entity_relationships",
        "UPDATE entities SET slug = 'mine'",
        "UPDATE member SET role = 'owner'",
        "UPDATE organization SET visibility = 'public'",
        "UPDATE entity_types SET organization_id = 'org_acme'",
        "UPDATE entity_types SET id = id",
        "UPDATE entity_relationship_type_rules SET relationship_type_id = 1",
        "UPDATE watcher_versions SET prompt = ''",
        "UPDATE watchers SET connection_id = NULL",
        "DELETE FROM entity_types",
        "TRUNCATE entity_types CASCADE",
        "DELETE FROM entity_type_audit",
        "SELECT 1 FROM entity_type_audit",
        "UPDATE reconcile.revision SET plan = '{}'",
        "UPDATE reconcile.setting SET value = 'me'",
        "DELETE FROM reconcile.placement",
        "CREATE TABLE reconcile.mine ()",
    )
    with psycopg.connect(roles.applying(granted.dsn), autocommit=True) as connection:
        for statement in closed:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    written = granted.sql(
        """SELECT c.oid::regclass::text, p.privilege FROM pg_class c,
                  unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AS p (privilege)
           WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace::regnamespace::text
                 IN ('public', 'reconcile')
             AND (has_any_column_privilege(%s, c.oid, p.privilege)
                  OR has_table_privilege(%s, c.oid, 'DELETE, TRUNCATE, TRIGGER'))""",
        roles.reader,
        roles.reader,
    )
    assert written == []
    variants.add(len(closed) + 1)


@pytest.mark.shows(
    "a right that was taken from a role, in each table that an apply needs",
    "the error names the table and how to grant it (exit code 6), and nothing is written",
)
def test_a_missing_right_is_named(granted: World, roles: Roles, variants: Variants) -> None:
    plan = granted.plan("acme", skip=["entity_type.transaction"])
    before = granted.dump("entity_types", with_versions=True)
    taken = (
        ("reader", "SELECT", "entity_types"),
        ("applier", "INSERT", "entity_types"),
        ("applier", "UPDATE", "reconcile.target"),
        ("reader", "SELECT", "reconcile.placement"),
        ("applier", "SELECT", "member"),
        ("applier", "INSERT", "entity_type_audit"),
        ("applier", "INSERT", "reconcile.revision"),
    )
    for part, right, table in taken[: depth(3, len(taken))]:
        granted.sql(f"REVOKE {right} ON {table} FROM {quoted(getattr(roles, part))}")
        dsn = roles.planning(granted.dsn)
        work: Callable[[], object] = partial(
            library.plan, dsn, "agent_pf", ["acme"], actor="user_ana"
        )
        if part == "applier":
            work = partial(library.apply, roles.applying(granted.dsn), plan)
        with pytest.raises(MissingGrantError) as caught:
            work()
        assert f"permission denied for table {table.rpartition('.')[2]}" in caught.value.message
        assert "reconcile grants --role" in caught.value.hint
        assert caught.value.exit_code == Exit.NOT_AUTHORISED
        roles.grant(granted.dsn)
        variants.add()
    assert granted.dump("entity_types", with_versions=True) == before


def test_the_script_is_the_same_every_time_and_may_run_again(granted: World, roles: Roles) -> None:
    for part in ("reader", "applier"):
        printed = library.grants(granted.dsn, part, to="worker")
        assert printed == library.grants(granted.dsn, part, to="worker")
        assert 'CREATE ROLE "worker" LOGIN;' in printed
    again = library.grants(granted.dsn, "applier", to=roles.applier)
    assert "CREATE ROLE" not in again
    assert "BYPASSRLS" not in again
    # Nothing is printed of what an apply never writes: of what follows, but the pointer.
    assert "DELETE" not in again
    written = r'(INSERT|UPDATE) \(([^)]*)\) ON "public"."entity_relationships"'
    found = [(how, columns.split()) for how, columns in re.findall(written, again)]
    assert found == [("UPDATE", ['"relationship_type_id"'])]


def test_the_command(granted: World, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["grants", "--database-url", granted.dsn, "--role"]
    assert main([*words, "reader", "--to", 'a"b']) == Exit.DONE
    out, err = capsys.readouterr()
    assert (out, err) == (library.grants(granted.dsn, "reader", to='a"b'), "")
    assert 'CREATE ROLE "a""b" LOGIN;' in out
    # One error ends it, where psql runs it.
    assert "\n\\set ON_ERROR_STOP on\nBEGIN;\n" in out
    assert out.endswith("COMMIT;\n")
    assert main([*words, "applier", "--to", "x" * 64]) == Exit.ERROR
    assert "at most 63 bytes" in capsys.readouterr().err
    assert main([*words, "everything"]) == Exit.ERROR
    capsys.readouterr()
    assert main(words[:-1]) == Exit.ERROR
    assert "Choose from:\n  reader,\n  applier\n" in capsys.readouterr().err


def test_a_name_cannot_do_more_than_name(granted: World) -> None:
    printed = library.grants(granted.dsn, "reader", to="a\n; DROP TABLE x; --\u202e\\")
    assert 'U&"a\\+00000A; DROP TABLE x; --\\+00202E\\\\"' in printed
    assert all(line.isprintable() for line in printed.split("\n"))


@pytest.mark.shows(
    "row-level security that would hide rows from the reader",
    "planning is refused, saying of which table; what `reconcile grants` prints mends it",
)
def test_hidden_rows_are_loud_and_the_script_knows(world: World, roles: Roles) -> None:
    roles.grant(world.dsn)
    dsn = roles.planning(world.dsn)
    world.sql("ALTER TABLE watchers ENABLE ROW LEVEL SECURITY")
    with pytest.raises(reconciler.HiddenRowsError) as caught:
        library.plan(dsn, "agent_pf", ["birch"], actor="user_ana")
    assert "hide rows of public.watchers" in caught.value.message
    assert "reconcile grants" in caught.value.hint
    assert "BYPASSRLS;" in library.grants(world.dsn, "reader", to=roles.reader)
    roles.grant(world.dsn)
    try:
        assert library.plan(dsn, "agent_pf", ["birch"], actor="user_ana").conflicts == ()
    finally:
        for role in (roles.reader, roles.applier):
            world.sql(f"ALTER ROLE {quoted(role)} NOBYPASSRLS")
