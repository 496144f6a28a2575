"""The fence: with `fence = true`, not even a wrong statement writes into another organisation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlglot import parse_one

from reconciler import library
from reconciler.cli import main
from reconciler.database.embedded import Server
from reconciler.errors import Exit, FenceError, MissingGrantError, UnprovenError
from reconciler.model.plan import Plan
from reconciler.sql.grants import quoted
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script
from reconciler.sql.tree import Statement
from tests.fixtures.roles import Roles, run
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World, copied

ROWS = (
    "agents", "entity_types", "entity_relationship_types", "entity_relationship_type_rules",
    "watchers", "watcher_versions", "entities", "reconcile.revision",
)  # fmt: skip


@pytest.fixture(scope="module")
def behind(server: Server, birch_database: str, roles: Roles) -> Iterator[World]:
    """birch has the template, and the fence is up."""
    for world in copied(server, birch_database):
        roles.fence_in(world.dsn)
        yield world


@pytest.fixture(scope="module")
def plan(behind: World) -> Plan:
    """What acme would get; as long as it is refused, it can be applied again."""
    return behind.plan("acme", skip=["entity_type.transaction"])


def rows(world: World) -> list[list[tuple[Any, ...]]]:
    """Every row that might be touched, with its version."""
    return [world.sql(f"SELECT t::text, t.xmin::text FROM {one} t ORDER BY 1") for one in ROWS]


@contextmanager
def slipped_in(text: str) -> Iterator[None]:
    """A statement beside those of the plan, and a guard that sees nothing."""
    wrong = Statement("a wrong one", parse_one(text, dialect="postgres"), ())
    right = Script.writes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Script, "writes", lambda script: [*right(script), wrong])
        patch.setattr(Scope, "guard", lambda _, statement: statement)
        yield


OUTSIDE = (
    "UPDATE public.entity_types SET description = 'mine'",
    "UPDATE public.entity_types SET deleted_at = now() WHERE organization_id = 'org_birch'",
    "INSERT INTO public.entity_types (organization_id, slug, name) SELECT 'org_birch', 'x', 'X'",
    "UPDATE public.entity_relationship_type_rules SET deleted_at = now()",
    "INSERT INTO public.watcher_versions (watcher_id, version, name, prompt, extraction_schema,"
    " created_by) SELECT w.id, 99, 'x', 'x', '{}', 'user_ana' FROM public.watchers AS w"
    " WHERE w.organization_id = 'org_birch'",
    "UPDATE public.agents SET description = 'mine' WHERE template_agent_id IS NULL",
)
CLOSED = (
    "UPDATE public.entity_types SET organization_id = 'org_acme'",
    "UPDATE public.watcher_versions SET watcher_id = 1",
    "UPDATE public.entities SET slug = 'mine'",
    "UPDATE public.member SET role = 'owner'",
    "DELETE FROM public.entity_types WHERE organization_id = 'org_birch'",
)


@pytest.mark.shows(
    "a wrong statement in an apply behind the fence, with a guard that sees nothing",
    "no other organisation's row is touched, nothing is written, and the error says so",
)
def test_a_wrong_statement_reaches_nobody_else(
    behind: World, roles: Roles, plan: Plan, variants: Variants
) -> None:
    before = rows(behind)
    dsn = roles.applying(behind.dsn)
    outside, closed = OUTSIDE[: depth(3, 9)], CLOSED[: depth(2, 9)]
    for statement in outside:
        with slipped_in(statement), pytest.raises(FenceError) as caught:
            library.apply(dsn, plan)
        assert "the fence stopped a statement" in caught.value.message
        table = statement.split("public.")[1].split()[0]
        assert f'for table "{table}"' in caught.value.message
        assert "report this" in caught.value.hint
    for statement in closed:
        with slipped_in(statement), pytest.raises(MissingGrantError):
            library.apply(dsn, plan)
    assert rows(behind) == before
    variants.add(len(outside) + len(closed))


def test_without_a_fence_only_the_proof_stops_it(birch: World) -> None:
    plan = birch.plan("acme", skip=["entity_type.transaction"])
    with slipped_in(OUTSIDE[1]), pytest.raises(UnprovenError, match="entity_types"):
        birch.apply(plan)
    left = "SELECT 1 FROM entity_types WHERE organization_id = 'org_birch' AND deleted_at IS NULL"
    assert birch.sql(left)


@pytest.mark.shows(
    "a fence that is asked for and has a hole: no role or policy, or a role that goes round them",
    "the apply is refused with what is missing and how to mend it, and nothing is written",
)
def test_a_fence_with_a_hole_is_refused(
    behind: World, roles: Roles, plan: Plan, variants: Variants
) -> None:
    fence, applier = quoted(roles.fence), quoted(roles.applier)
    ((me,),) = behind.sql("SELECT quote_ident(current_user)")
    holes = (
        ("DROP POLICY reconcile_fence_insert ON watchers", "public.watchers: a policy"),
        (
            "DROP POLICY reconcile_fence_update ON agents; CREATE POLICY reconcile_fence_update"
            f" ON agents AS RESTRICTIVE FOR UPDATE TO {fence} USING (true)",
            "public.agents: a policy",
        ),
        ("ALTER TABLE watcher_versions DISABLE ROW LEVEL SECURITY", "row-level security is off"),
        (
            "CREATE POLICY mine ON agents AS RESTRICTIVE USING (organization_id <> 'org_acme')",
            "another policy restricts",
        ),
        ("DROP POLICY reconcile_fence_open ON agents", "no policy reconcile_fence_open"),
        (
            "ALTER TABLE entities DISABLE ROW LEVEL SECURITY",
            "public.entities: row-level security is off",
        ),
        (f"GRANT DELETE ON agents TO {fence}", "the role may delete its rows"),
        (
            f"GRANT UPDATE (organization_id) ON entity_types TO {fence}",
            "the role may update its column organization_id",
        ),
        (f"ALTER TABLE view_templates OWNER TO {fence}", "the role owns it"),
        (f"ALTER ROLE {fence} BYPASSRLS", "has BYPASSRLS"),
        (f"REVOKE {fence} FROM {applier}", "this session may not take the role"),
        (
            "UPDATE reconcile.setting SET value = 'nobody' WHERE name = 'fence_role'",
            "there is no role nobody",
        ),
        ("UPDATE reconcile.setting SET value = 'yes' WHERE name = 'fence'", "neither 'true' nor"),
    )
    mends = (
        "ALTER TABLE entities ENABLE ROW LEVEL SECURITY",
        "DROP POLICY IF EXISTS mine ON agents",
        f"REVOKE DELETE ON agents FROM {fence}",
        f"REVOKE UPDATE (organization_id) ON entity_types FROM {fence}",
        f"ALTER TABLE view_templates OWNER TO {me}",
        f"ALTER ROLE {fence} NOBYPASSRLS",
    )
    before = rows(behind)
    tried = holes[: depth(4, len(holes))]
    for hole, told in tried:
        behind.sql(hole)
        with pytest.raises(FenceError) as caught:
            library.apply(roles.applying(behind.dsn), plan)
        assert told in caught.value.message
        assert "reconcile" in caught.value.hint
        for mend in mends:
            behind.sql(mend)
        behind.sql("UPDATE reconcile.setting SET value = %s WHERE name = 'fence_role'", roles.fence)
        roles.fence_in(behind.dsn)
    assert rows(behind) == before
    variants.add(len(tried))


SESSION = (
    "SELECT current_user, session_user, current_setting('row_security'), "
    "coalesce(current_setting('reconcile.targets', true), '')"
)

SHELF = """
kind = "shelf"
title = "shelf"
table = 'Odd "one"; --'
id = "id"
scope = "Home"
key = ["slug"]
retire = { gone = "now" }
live = "gone IS NULL"
owner = { agent = "managed_by", organization = "managed_in" }
[columns]
"what it's called" = {}
secret = { sensitive = true }
"""
# Boxes on shelves and things in boxes, in one table.
PART = """
kind = "{kind}"
title = "{kind}"
table = "parts"
where = "{other} IS NULL"
id = "id"
parent = {{ kind = "{parent}", column = "{parent}_id" }}
key = ["slug"]
live = "gone IS NULL"
retire = {{ gone = "now" }}
[columns]
name = {{}}
"""
TABLES = """
CREATE TABLE "Odd ""one""; --" (
    id serial PRIMARY KEY, "Home" varchar(40) NOT NULL, slug text NOT NULL,
    "what it's called" text, secret text, unheard_of text, gone timestamptz,
    managed_by text, managed_in text
);
CREATE TABLE parts (
    id serial PRIMARY KEY, shelf_id integer, box_id integer,
    slug text NOT NULL, name text, gone timestamptz
);
INSERT INTO "Odd ""one""; --" ("Home", slug, secret)
VALUES ('org_public_finance', 's', 'hush'), ('org_acme', 'own', 'mine');
INSERT INTO parts (shelf_id, box_id, slug)
VALUES (1, NULL, 'b'), (2, NULL, 'own'), (NULL, 1, 't'), (NULL, 2, 'own');
"""


ODD = '"Odd ""one""; --"'


def test_kinds_of_ones_own_are_fenced_in(world: World, roles: Roles, tmp_path: Path) -> None:
    (tmp_path / "shelf.toml").write_text(SHELF)
    for kind, parent, other in (("box", "shelf", "box_id"), ("thing", "box", "shelf_id")):
        text = PART.format(kind=kind, parent=parent, other=other)
        (tmp_path / f"{kind}.toml").write_text(text)
    world.sql(TABLES)
    # A kind that this release cannot hold is left out, and needs no policy.
    world.sql("ALTER TABLE view_templates RENAME COLUMN slug TO label")
    roles.fence_in(world.dsn, tmp_path)
    world.kinds = tmp_path
    plan = world.plan("birch")
    acme = "SELECT t::text, t.xmin::text FROM {} t WHERE id IN (2, 4) ORDER BY 1"
    before = [world.sql(acme.format(table)) for table in (ODD, "parts")]
    dsn = roles.applying(world.dsn)
    wrong = (
        "UPDATE public.parts SET name = slug WHERE id = 4",
        "INSERT INTO public.parts (box_id, slug) SELECT 2, 'x'",
        "UPDATE public.parts SET name = slug WHERE id = 2",
        'UPDATE public."Odd ""one""; --" SET secret = slug',
        "INSERT INTO public.parts (slug) SELECT 'x'",
    )
    for statement in wrong[: depth(2, len(wrong))]:
        with slipped_in(statement), pytest.raises(FenceError):
            library.apply(dsn, plan, kinds=tmp_path)
    done = library.apply(dsn, plan, kinds=tmp_path).counts
    assert [done[kind] for kind in ("shelf", "box", "thing")] == [{"create": 1}] * 3
    assert [world.sql(acme.format(table)) for table in (ODD, "parts")] == before
    secret = f"SELECT secret FROM {ODD} WHERE \"Home\" = 'org_birch'"
    with psycopg.connect(dsn) as connection:
        assert connection.execute(secret.encode()).fetchone() == ("hush",)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"SELECT unheard_of FROM {ODD}".encode())


def test_everybody_else_goes_on_as_before(
    birch: World, roles: Roles, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = "SELECT count(*) FROM entity_types"
    somebody, tenant = (quoted(f"{one} of {roles.fence}") for one in ("somebody", "tenant"))
    birch.sql(f"CREATE ROLE {somebody} IN ROLE pg_read_all_data, pg_write_all_data")
    birch.sql(f"CREATE ROLE {tenant} IN ROLE pg_read_all_data")
    # The platform has policies of its own, on a table that is written and on one that is read.
    birch.sql("ALTER TABLE watchers ENABLE ROW LEVEL SECURITY")
    birch.sql("ALTER TABLE entities ENABLE ROW LEVEL SECURITY")
    birch.sql(
        "CREATE POLICY own ON watchers USING (organization_id = current_setting('app.org', true))"
    )
    ((all_of_them,),) = birch.sql(everything)
    try:
        roles.fence_in(birch.dsn)
        roles.fence_in(birch.dsn)
        with psycopg.connect(birch.dsn) as connection:
            connection.execute(f"SET ROLE {somebody}")
            assert connection.execute(everything).fetchone() == (all_of_them,)
            written = connection.execute("UPDATE entity_types SET name = name").rowcount
            assert written == all_of_them
            connection.execute(f"SET ROLE {tenant}")
            assert connection.execute("SELECT FROM watchers").fetchall() == []
            connection.execute("SELECT set_config('app.org', 'org_birch', false)")
            assert connection.execute("SELECT FROM watchers").fetchall() != []
            connection.rollback()
        plan = birch.plan("acme", skip=["entity_type.transaction"])
        with psycopg.connect(birch.dsn, autocommit=True) as connection:
            connection.execute(f"SET ROLE {quoted(roles.applier)}")
            before = connection.execute(SESSION).fetchall()
            assert library.apply(connection, plan).status == "applied"
            assert connection.execute(SESSION).fetchall() == before
        # The ledger is told by whoever applies, and not by the role behind the fence.
        told = "SELECT database_role FROM reconcile.revision ORDER BY id DESC LIMIT 1"
        assert birch.sql(told) == [(roles.applier,)]
        words = ["grants", "--database-url", birch.dsn, "--role"]
        assert main([*words, "applier", "--fence", "down"]) == Exit.DONE
        run(birch.dsn, capsys.readouterr().out)
        secured = "SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY 1"
        assert birch.sql(secured) == [("entities",), ("watchers",)]
        assert birch.sql("SELECT polname FROM pg_policy") == [("own",)]
        assert main([*words, "reader", "--fence", "up"]) == Exit.ERROR
        assert "--role applier" in capsys.readouterr().err
    finally:
        birch.sql(f"DROP ROLE {somebody}")
        birch.sql(f"DROP ROLE {tenant}")
        birch.sql("DROP OWNED BY reconcile_applier; DROP ROLE reconcile_applier")
