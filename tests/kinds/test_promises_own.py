"""Promises that once were broken, with kinds of one's own: parents, references, secrets, keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler import planfile
from reconciler.errors import ReconcilerError, StalePlanError
from reconciler.kinds import load
from reconciler.model.plan import Plan
from reconciler.render import render
from reconciler.render.preview import preview
from tests.fixtures.world import World

TABLES = """
CREATE TABLE p_note (id serial PRIMARY KEY, tenant text NOT NULL, slug text NOT NULL, name text,
    token text, mgr text, org text, dead timestamptz);
CREATE TABLE p_line (id serial PRIMARY KEY, note_id int NOT NULL REFERENCES p_note,
    pos int NOT NULL, txt text, dead timestamptz);
CREATE TABLE p_sub (id serial PRIMARY KEY, line_id int NOT NULL REFERENCES p_line,
    pos int NOT NULL, txt text);
CREATE TABLE p_y (id serial PRIMARY KEY, tenant text NOT NULL, slug text NOT NULL, name text,
    mgr text, org text, status text DEFAULT 'active');
CREATE TABLE p_x (id serial PRIMARY KEY, tenant text NOT NULL, slug text NOT NULL, name text,
    mgr text, org text, status text DEFAULT 'active', ref int REFERENCES p_y);
"""
OWNED = 'scope = "tenant"\nkey = ["slug"]\nowner = { agent = "mgr", organization = "org" }\n'
BODIES = {
    "note": OWNED + 'live = "dead IS NULL"\n[columns]\nname = {}\ntoken = { sensitive = true }',
    "line": 'parent = { kind = "note", column = "note_id" }\nkey = ["pos"]\n'
            'live = "dead IS NULL"\n[columns]\ntxt = {}',
    "sub": 'parent = { kind = "line", column = "line_id" }\nkey = ["pos"]\n[columns]\ntxt = {}',
    "y": OWNED + "live = \"status = 'active'\"\n[columns]\nname = {}",
    "x": OWNED + "live = \"status = 'active'\"\n[columns]\nname = {}\n"
                 'ref = { references = "y", nullable = true }',
}  # fmt: skip
MINE = "('p_note', 'p_line', 'p_sub', 'p_x', 'p_y')"
SECRET = "s3cr3t-horse"
LATER = "n3w-battery-staple"


def declare(directory: Path, **bodies: str) -> Path:
    """A directory with these kinds, each in a table of its name."""
    for kind, body in bodies.items():
        head = f'kind = "{kind}"\ntitle = "{kind}"\ntable = "p_{kind}"\nid = "id"\n'
        (directory / f"{kind}.toml").write_text(head + body + "\n")
    return directory


@dataclass
class Shop:
    """A template with a note, its line and its line's sub, and a tenant."""

    world: World
    public: str
    target: str

    @classmethod
    def open(cls, world: World) -> Shop:
        public = world.organization(visibility="public")
        world.insert("agents", id=f"agent_{public}", organization_id=public, name="Shop")
        return cls(world, public, world.organization())

    def plan(self, **options: Any) -> Plan:
        return self.world.plan(self.target, template=self.public, **options)

    def install(self) -> None:
        self.world.apply(self.plan())
        assert self.plan().empty

    def note(self, **columns: Any) -> None:
        """The template's note with a line and a sub."""
        note = self.world.insert("p_note", tenant=self.public, slug="a", name="A", **columns)
        line = self.world.insert("p_line", note_id=note, pos=1, txt="one")
        self.world.insert("p_sub", line_id=line, pos=1, txt="sub")

    def one(self, table: str, tenant: str = "") -> int:
        """The id of the tenant's only row in one of the tables of the note."""
        joined = {
            "p_note": "p_note n",
            "p_line": "p_note n JOIN p_line l ON l.note_id = n.id",
            "p_sub": "p_note n JOIN p_line l ON l.note_id = n.id JOIN p_sub s ON s.line_id = l.id",
        }[table]
        sql = f"SELECT {table[2]}.id FROM {joined} WHERE n.tenant = %s"
        ((number,),) = self.world.sql(sql, tenant or self.target)
        return int(number)

    def everything(self) -> list[tuple[Any, ...]]:
        """All rows of the tenant and the ledger, with their versions."""
        tables = ["p_note", "p_line", "p_sub", "p_x", "p_y", "agents"]
        ledger = [f"reconcile.{name}" for name in ("content", "placement", "revision", "target")]
        return [
            (table, *row)
            for table in tables + ledger
            for row in self.world.sql(f"SELECT t::text, t.xmin::text FROM {table} t ORDER BY 1")
        ]

    def refused(self, plan: Plan, error: type[ReconcilerError]) -> str:
        """An apply is refused and writes nothing; gives what is said."""
        before = self.everything()
        with pytest.raises(error) as caught:
            self.world.apply(planfile.loads(planfile.dumps(plan)))
        assert self.everything() == before
        return str(caught.value)


@pytest.fixture(scope="module")
def furnished(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    shared_world.kinds = declare(tmp_path_factory.mktemp("kinds"), **BODIES)
    shared_world.sql(TABLES)
    return shared_world


@pytest.fixture
def shop(furnished: World) -> Shop:
    return Shop.open(furnished)


@pytest.fixture
def lone(world: World, tmp_path: Path) -> Shop:
    """A shop in a world of its own, where indexes and triggers can be added."""
    world.kinds = declare(tmp_path, **BODIES)
    world.sql(TABLES)
    return Shop.open(world)


# Children ----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["p_line", "p_sub"])
@pytest.mark.parametrize("owner", ["NULL", "'another'"])
def test_no_child_is_updated_once_its_ancestor_is_not_ours(
    shop: Shop, table: str, owner: str
) -> None:
    shop.note()
    shop.install()
    shop.world.sql(f"UPDATE {table} SET txt = 'two' WHERE id = %s", shop.one(table, shop.public))
    plan = shop.plan()
    assert [change.action for change in plan.changes] == ["update"]
    shop.world.sql(f"UPDATE p_note SET mgr = {owner}, org = {owner} WHERE id = %s",
                   shop.one("p_note"))  # fmt: skip
    assert not [change for change in shop.plan().changes if change.address.kind != "note"]
    shop.refused(plan, StalePlanError)


def test_no_grandchild_is_created_once_the_grandparent_was_released(shop: Shop) -> None:
    shop.note()
    shop.install()
    shop.world.insert("p_sub", line_id=shop.one("p_line", shop.public), pos=2, txt="new")
    plan = shop.plan()
    assert [(change.action, change.address) for change in plan.changes] == [("create", "sub.a/1/2")]
    shop.world.sql("UPDATE p_note SET mgr = NULL, org = NULL WHERE id = %s", shop.one("p_note"))
    shop.refused(plan, StalePlanError)


@pytest.mark.parametrize("table", ["p_line", "p_sub"])
def test_no_child_is_updated_that_the_tenant_wrote_anew(shop: Shop, table: str) -> None:
    """With the same key and the same content, but another row than the one that we placed."""
    shop.note()
    shop.install()
    if table == "p_line":
        shop.world.sql("DELETE FROM p_sub WHERE id = %s", shop.one("p_sub", shop.public))
        shop.world.sql("DELETE FROM p_sub WHERE id = %s", shop.one("p_sub"))
    shop.world.sql(f"UPDATE {table} SET txt = 'two' WHERE id = %s", shop.one(table, shop.public))
    plan = shop.plan()
    assert [change.action for change in plan.changes] == ["update"]
    within = "note_id" if table == "p_line" else "line_id"
    text = f"DELETE FROM {table} WHERE id = %s RETURNING {within}, pos, txt"
    ((above, pos, txt),) = shop.world.sql(text, shop.one(table))
    shop.world.insert(table, **{within: above}, pos=pos, txt=txt)
    assert [one.reason for one in shop.plan().conflicts] == ["user_authored"]
    shop.refused(plan, StalePlanError)


def test_a_child_of_the_tenants_own_is_not_offered_to_be_adopted(shop: Shop) -> None:
    shop.note()
    shop.world.sql("DELETE FROM p_sub WHERE id = %s", shop.one("p_sub", shop.public))
    line = shop.one("p_line", shop.public)
    shop.world.sql("UPDATE p_line SET pos = 2 WHERE id = %s", line)
    shop.install()
    shop.world.insert("p_line", note_id=shop.one("p_note"), pos=1, txt="mine")
    shop.world.insert("p_line", note_id=shop.one("p_note", shop.public), pos=1, txt="template's")
    for options in ({}, {"adopt": ["line.a/1"]}):
        plan = shop.plan(**options)
        assert [(one.reason, one.address) for one in plan.conflicts] == [
            ("user_authored", "line.a/1")
        ]
        offered = re.findall(r"(--\w+) line\.a/1 +\(the", render(plan, "text", width=500))
        assert offered == ["--skip"]
    assert shop.plan(skip=["line.a/1"]).empty
    assert shop.world.sql("SELECT txt FROM p_line WHERE note_id = %s AND pos = 1",
                          shop.one("p_note")) == [("mine",)]  # fmt: skip


# References --------------------------------------------------------------------------------


@pytest.mark.parametrize("pointed_at", ["live", "retired", "outside", "nothing"])
@pytest.mark.parametrize("emptied", [True, False])
def test_a_reference_that_the_plan_does_not_change_is_left_alone(
    shop: Shop, pointed_at: str, emptied: bool
) -> None:
    world, public, target = shop.world, shop.public, shop.target
    elsewhere = world.organization(visibility="public")
    catalog = world.insert("p_y", tenant=elsewhere, slug="p1", name="catalog")
    first, second = (
        world.insert("p_y", tenant=public, slug=slug, name=slug) for slug in ("p1", "p2")
    )
    of_a = {"outside": catalog, "nothing": None}.get(pointed_at, first)
    world.insert("p_x", tenant=public, slug="a", name="A", ref=of_a)
    world.insert("p_x", tenant=public, slug="b", name="B", ref=first)
    shop.install()
    if pointed_at == "retired":
        world.sql("UPDATE p_y SET status = 'gone' WHERE tenant = %s AND slug = 'p1'", target)
    a = "SELECT ref FROM p_x WHERE tenant = %s AND slug = 'a'"
    before = world.sql(a, target)
    world.sql("UPDATE p_x SET name = 'A2' WHERE tenant = %s AND slug = 'a'", public)
    moved = None if emptied else second
    world.sql("UPDATE p_x SET ref = %s WHERE tenant = %s AND slug = 'b'", moved, public)
    plan = shop.plan()
    assert {str(c.address): [f.column for f in c.fields] for c in plan.changes} == {
        "x.a": ["name"],
        "x.b": ["ref"],
    }
    world.apply(plan)
    assert world.sql(a, target) == before
    assert world.sql("SELECT y.slug FROM p_x x LEFT JOIN p_y y ON y.id = x.ref "
                     "WHERE x.tenant = %s AND x.slug = 'b'", target) == [
        (None if emptied else "p2",)
    ]  # fmt: skip
    assert shop.plan().empty


# Secrets -----------------------------------------------------------------------------------


def nowhere(shop: Shop, plan: Plan, *said: str) -> None:
    """No secret stands in what is written down, shown or said."""
    assert shop.world.kinds
    texts = [planfile.dumps(plan), preview(plan, load(shop.world.kinds)), *said]
    texts += [render(plan, form, verbose=True) for form in ("text", "markdown")]
    texts += [str(row) for row in shop.everything() if row[0].startswith("reconcile.")]
    assert [text for text in texts if SECRET in text or LATER in text] == []


@pytest.mark.parametrize("step", ["create", "update"])
def test_a_secret_that_came_after_the_plan_is_not_copied(shop: Shop, step: str) -> None:
    shop.note(token=None if step == "create" else SECRET)
    if step == "update":
        shop.install()
        shop.world.sql("UPDATE p_note SET token = NULL WHERE tenant = %s", shop.public)
    plan = shop.plan()
    shop.world.sql("UPDATE p_note SET token = %s WHERE tenant = %s", LATER, shop.public)
    # What the plan says is written: NULL, and that the template has moved since.
    outcome = shop.world.apply(planfile.loads(planfile.dumps(plan)))
    assert (outcome.status, outcome.template_moved) == ("applied", True)
    assert shop.world.sql("SELECT token FROM p_note WHERE tenant = %s", shop.target) == [(None,)]
    nowhere(shop, plan)


@pytest.mark.parametrize("later", [LATER, None])
@pytest.mark.parametrize("step", ["create", "update"])
def test_a_secret_that_changed_after_the_plan_is_not_copied(
    shop: Shop, step: str, later: str | None
) -> None:
    shop.note(token=SECRET if step == "create" else "first")
    if step == "update":
        shop.install()
        shop.world.sql("UPDATE p_note SET token = %s WHERE tenant = %s", SECRET, shop.public)
    plan = shop.plan()
    shop.world.sql("UPDATE p_note SET token = %s WHERE tenant = %s", later, shop.public)
    nowhere(shop, plan, shop.refused(plan, StalePlanError))
    shop.install()
    assert shop.world.sql("SELECT token FROM p_note WHERE tenant = %s", shop.target) == [(later,)]
    nowhere(shop, plan)


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE UNIQUE INDEX ON p_note (token) WHERE tenant <> '{public}'; INSERT INTO p_note "
        "(tenant, slug, token) VALUES ('elsewhere', 'z', '{secret}')",
        "ALTER TABLE p_note ADD CHECK (token <> '{secret}') NOT VALID",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.slug = NULL; "
        "RETURN NEW; END$$; CREATE TRIGGER t BEFORE INSERT ON p_note FOR EACH ROW EXECUTE "
        "FUNCTION f()",
    ],
    ids=["unique", "check", "not_null"],
)
def test_a_refused_row_is_not_quoted(lone: Shop, ddl: str) -> None:
    lone.note(token=SECRET)
    plan = lone.plan()
    lone.world.sql(ddl.format(public=lone.public, secret=SECRET))
    nowhere(lone, plan, lone.refused(plan, ReconcilerError))
