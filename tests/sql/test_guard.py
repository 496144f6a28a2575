"""The scope guard: every statement of a real plan passes, and every mutation of one is refused."""

from __future__ import annotations

import dataclasses
import re

import pytest
from sqlglot import exp, parse, parse_one

from reconciler import kinds as kind_files
from reconciler.errors import ScopeError
from reconciler.sql.guard import Scope
from reconciler.sql.tree import DIALECT, Statement, literal
from tests.fixtures.world import World

TARGETS = frozenset({"org_acme", "org_birch"})
# The kinds of a plan that copies: such a plan has none of which no template has rows.
KINDS = tuple(kind for kind in kind_files.load() if not kind.provides)
SCOPE = Scope.of(KINDS, TARGETS)
Real = dict[str, Statement]


@pytest.fixture(scope="module")
def real(shared_world: World) -> Real:
    """What an apply really sends, by what it serves: creates, updates, an adoption, links."""
    world = shared_world
    seen: Real = {}
    world.install("birch")
    template = "organization_id = 'org_public_finance' AND slug = "
    world.sql(f"UPDATE entity_types SET description = 'New' WHERE {template} 'account'")
    world.sql(f"UPDATE entity_relationship_types SET name = 'New' WHERE {template} 'owns'")
    with pytest.MonkeyPatch.context() as patch:
        guard = Scope.guard

        def noticed(scope: Scope, statement: Statement) -> Statement:
            seen[statement.serves] = statement
            return guard(scope, statement)

        patch.setattr(Scope, "guard", noticed)
        world.install("acme", "birch", skip=[], adopt=["entity_type.transaction"])
    return seen


def test_every_statement_of_a_real_plan_passes(real: Real) -> None:
    assert {
        "create agent", "create entity_type", "create relationship_type",
        "create relationship_rule", "update entity_type", "update relationship_type",
        "link relationship_type.inverse_type_id", "lock entity_type rows", "write the revision",
        "remember entity_type", "remember relationship_rule", "advance the targets",
    } <= real.keys()  # fmt: skip
    for statement in real.values():
        assert SCOPE.guard(statement) is statement
        # Mutations below go through the text, so the text alone must mean the same.
        SCOPE.guard(reread(statement, statement.sql))


def reread(statement: Statement, text: str) -> Statement:
    """The statement with another text."""

    def as_built(node: exp.Expr) -> exp.Expr:
        # The parser has a class of its own for a function that trees are built with by name.
        if isinstance(node, exp.ConcatWs):
            return exp.Anonymous(this="concat_ws", expressions=node.expressions)
        return node

    tree = parse_one(text, dialect=DIALECT).transform(as_built)
    return dataclasses.replace(statement, tree=tree)


def placed(text: str) -> tuple[str, ...]:
    """The parameters that the placements are made of."""
    found = re.search(
        r"UNNEST\(CAST\((\$\d+) AS TEXT\[\]\)(?:, CAST\((\$\d+) AS [^)]*\))?"
        r'(?:, CAST\((\$\d+) AS [^)]*\))?\) AS "p"',
        text,
    )
    return tuple(one for one in found.groups() if one) if found else ()


def mutated(statement: Statement, old: str | None, new: str) -> Statement:
    """The statement with one thing in its text replaced: `{orgs}` is the placements' parameter."""
    text = statement.sql
    for name, number in zip(("{orgs}", "{places}", "{ids}"), placed(text), strict=False):
        old, new = old and old.replace(name, number), new.replace(name, number)
    if old is None:
        text = text[: text.index(' WHERE "t".')] + new
    elif old:
        assert old in text, "the statement has changed: adapt the mutation"
        text = text.replace(old, new, 1)
        if old == '("organization_id", ':
            text = text.replace(f"{SELECTED}, ", "SELECT ", 1)
    else:
        text += new
    return reread(statement, text)


def refused(statement: Statement) -> None:
    with pytest.raises(ScopeError) as caught:
        SCOPE.guard(statement)
    assert statement.serves in caught.value.message
    assert caught.value.hint.startswith("Nothing was sent")


INSERT, UPDATE, CHILD = "create entity_type", "update entity_type", "create relationship_rule"
LINK, CHECK, MOVE = (
    "link relationship_type.inverse_type_id",
    "check that entity_type rows are as they were",
    "advance the targets",
)
TYPES, PLACED = '"public"."entity_types"', '"p"("organization_id", "places")'
SCOPED = '"t"."organization_id" = CAST("p"."organization_id" AS TEXT)'
SELECTED = 'SELECT CAST("p"."organization_id" AS TEXT)'
JOINED = '"up"."organization_id" = "p"."organization_id"'
WITHIN = 'CAST("up"."organization_id" AS TEXT) AS "organization_id"'

MUTATIONS = [
    ("insert into another table", INSERT, TYPES, '"public"."entities"'),
    ("insert into the platform's table", INSERT, TYPES, '"public"."member"'),
    ("insert into another schema", INSERT, TYPES, '"audit"."entity_types"'),
    ("insert into the ledger's namesake", INSERT, TYPES, '"reconcile"."entity_types"'),
    ("insert into another database", INSERT, TYPES, '"other"."public"."entity_types"'),
    ("insert without a schema", INSERT, TYPES, '"entity_types"'),
    ("insert with an undeclared column", INSERT, '("organization_id", "slug", "name", ',
     '("organization_id", "slug", "search", '),
    ("insert with a constant organisation", INSERT, SELECTED, "SELECT 'org_other'"),
    ("insert with another column as organisation", INSERT, SELECTED, 'SELECT "c"."k1"'),
    ("insert with a parameter as organisation", INSERT, SELECTED, "SELECT CAST($1 AS TEXT)"),
    ("insert without an organisation", INSERT, '("organization_id", ', "("),
    ("insert without columns", CHILD, ' ("relationship_type_id", "source_entity_type_slug", '
     '"target_entity_type_slug", "updated_at")', ""),
    ("insert on conflict", INSERT, "", " ON CONFLICT (id) DO UPDATE SET name = 'x'"),
    ("insert on conflict, doing nothing", CHILD, "", " ON CONFLICT DO NOTHING"),
    ("insert with returning", INSERT, "", " RETURNING *"),
    ("insert of a union", INSERT, "", " UNION ALL SELECT 'org_other', 'x', 'x', 'x', 'x', 'x', "
     "NULL, NULL, 'x', 'x', 'x', NULL, 'x', NULL"),
    ("a child under any parent", CHILD, f"ON {JOINED} AND ", "ON "),
    ("a child under a parent by OR", CHILD, JOINED, f"({JOINED} OR TRUE)"),
    ("a child under a parent that may be missing", CHILD, 'INNER JOIN (SELECT "up"', 'LEFT JOIN '
     '(SELECT "up"'),
    ("a child under a constant parent", CHILD, 'SELECT "up"."id"', "SELECT 4711"),
    ("a child under a parent that feigns its organisation", CHILD, WITHIN,
     "'org_acme' AS \"organization_id\""),
    ("a child under another table's parent", CHILD, '"public"."entity_relationship_types"',
     '"public"."entities"'),
    ("update of another table", UPDATE, TYPES, '"public"."entities"'),
    ("update of another schema", UPDATE, TYPES, '"tenant"."entity_types"'),
    ("update of an undeclared column", UPDATE, 'SET "name"', 'SET "search"'),
    ("update without its organisation", UPDATE, f"{SCOPED} AND ", ""),
    ("update without a condition", LINK, None, ""),
    ("update with its organisation by OR", UPDATE, SCOPED, f"({SCOPED} OR TRUE)"),
    ("update with all by OR", UPDATE, "", " OR TRUE"),
    ("update with its organisation negated", UPDATE, SCOPED, f"NOT {SCOPED}"),
    ("update by inequality", UPDATE, SCOPED, SCOPED.replace(" = ", " <> ")),
    ("update of a constant organisation", UPDATE, SCOPED, "\"t\".\"organization_id\" = 'org_x'"),
    ("update of its own organisation", UPDATE, SCOPED,
     '"t"."organization_id" = "t"."organization_id"'),
    ("update with another column bound", UPDATE, SCOPED,
     '"t"."slug" = CAST("p"."organization_id" AS TEXT)'),
    ("update that moves a row elsewhere", UPDATE, 'SET "name" =', 'SET "organization_id" ='),
    ("update that moves a child elsewhere", LINK, '"inverse_type_id" = "to_inverse_type_id"."id"',
     '"organization_id" = \'org_other\''),
    ("update of a row's id", UPDATE, 'SET "name" =', 'SET "id" ='),
    ("placements that are another table", UPDATE, f"AS {PLACED} ON",
     f'AS "q"("organization_id", "places") JOIN "public"."agents" AS "p" ON EXISTS(SELECT 1 FROM '
     f"UNNEST(CAST({{orgs}} AS TEXT[]), CAST({{places}} AS INT[])) AS {PLACED}) AND"),
    ("placements with their columns the other way round", UPDATE, PLACED,
     '"p"("places", "organization_id")'),
    ("placements with a constant beside", UPDATE, "UNNEST(CAST({orgs} AS TEXT[])",
     "UNNEST(CAST({orgs} AS TEXT[]) || ARRAY['org_other']"),
    ("placements that are constant", UPDATE, "CAST({orgs} AS TEXT[])", "ARRAY['org_other']"),
    ("placements by case", UPDATE, "CAST({orgs} AS TEXT[])",
     "CASE WHEN FALSE THEN CAST({orgs} AS TEXT[]) ELSE ARRAY['org_other'] END"),
    ("two lists of placements", UPDATE, " WHERE ",
     f", UNNEST(CAST({{orgs}} AS TEXT[]), CAST({{places}} AS INT[])) AS {PLACED} WHERE "),
    ("dblink_exec", CHECK, "CONCAT_WS(", "dblink_exec("),
    ("dblink_exec in a write", INSERT, '"c"."name"', "dblink_exec('dbname=x', 'DROP TABLE y')"),
    ("pg_sleep", UPDATE, 'ELSE "c"."description"', "ELSE pg_sleep(100)"),
    ("set_config", UPDATE, 'ELSE "c"."description"',
     "ELSE set_config('role', 'postgres', false)"),
    ("a sequence", INSERT, '"c"."icon"', "nextval('entity_types_id_seq')"),
    ("an allowed name in another schema", CHECK, "CONCAT_WS(", "tenant.CONCAT_WS("),
    ("now in another schema", INSERT, '"c"."icon"', "tenant.now()"),
    ("an operator of somebody's", CHECK, '"n"."k1" = CASE',
     '"n"."k1" OPERATOR(tenant.=) CASE'),
    ("a function as a table", CHECK, " LEFT JOIN (SELECT",
     " CROSS JOIN pg_read_file('/etc/passwd') LEFT JOIN (SELECT"),
    ("a table of the catalog", CHECK, 'FROM "public"."entity_types"',
     'FROM "pg_catalog"."pg_authid"'),
    ("a table without a schema", CHECK, 'FROM "public"."entity_types"', 'FROM "pg_authid"'),
    ("a table hidden by a CTE elsewhere", CHECK, 'FROM "public"."entity_types" AS "t"',
     'FROM "pg_authid", (WITH "pg_authid" AS (SELECT 1) SELECT 1) AS "z", '
     '"public"."entity_types" AS "t"'),
    ("a delete inside a CTE", CHECK, " SELECT \"p\"",
     ', "d" AS (DELETE FROM "public"."entity_types" RETURNING 1) SELECT "p"'),
    ("an update inside a CTE", INSERT, " INSERT INTO",
     ', "d" AS (UPDATE "public"."agents" SET name = \'x\' RETURNING 1) INSERT INTO'),
    ("an insert inside a CTE", CHECK, " SELECT \"p\"",
     ', "d" AS (INSERT INTO "reconcile"."setting" VALUES (1, 2) RETURNING 1) SELECT "p"'),
    ("select into a new table", CHECK, ' FROM c JOIN UNNEST(CAST({orgs}',
     ' INTO "c" FROM c JOIN UNNEST(CAST({orgs}'),
    ("the ledger's settings", MOVE, "reconcile.target AS t SET revision = (SELECT r.id FROM "
     "reconcile.revision AS r WHERE r.plan_id = CAST($1 AS TEXT)), revised_at = CURRENT_TIMESTAMP "
     "WHERE t.organization_id", "reconcile.setting AS t SET value = 'postgres' WHERE t.name"),
    ("the ledger of all organisations", MOVE, " WHERE t.organization_id = ANY(CAST($2 AS TEXT[]))",
     ""),
]  # fmt: skip


@pytest.mark.shows(
    "a statement with another table, column, function or organisation",
    "the guard refuses it before it is sent",
)
@pytest.mark.parametrize(("what", "serves", "old", "new"), MUTATIONS, ids=[m[0] for m in MUTATIONS])
def test_a_mutated_statement_is_refused(
    real: Real, what: str, serves: str, old: str | None, new: str
) -> None:
    refused(mutated(real[serves], old, new))


@pytest.mark.shows("DDL, COPY, DO, several statements", "the guard refuses them")
@pytest.mark.parametrize(
    "text",
    [
        'DELETE FROM "public"."entity_types"',
        'TRUNCATE "public"."entity_types"',
        'TRUNCATE TABLE "public"."entity_types" CASCADE',
        "DO $$ BEGIN DELETE FROM entity_types; END $$",
        'COPY "public"."entity_types" TO PROGRAM \'sh\'',
        'CREATE TABLE "public"."x" (a int)',
        'CREATE TABLE "public"."x" AS SELECT 1',
        'DROP TABLE "public"."entity_types"',
        'ALTER TABLE "public"."entity_types" DROP COLUMN slug',
        "GRANT ALL ON entity_types TO public",
        "SET role = postgres",
        "CALL evil()",
        "VACUUM",
        "LOCK TABLE entity_types",
        "COMMIT",
        'MERGE INTO "public"."entity_types" t USING "public"."agents" a ON true '
        "WHEN MATCHED THEN DELETE",
        'SELECT 1 UNION SELECT 2 FROM "pg_catalog"."pg_authid"',
        "VALUES (1)",
        "EXPLAIN ANALYZE DELETE FROM entity_types",
    ],
)
def test_other_kinds_of_statement_are_refused(real: Real, text: str) -> None:
    for tree in parse(text, dialect=DIALECT):
        assert tree is not None
        refused(dataclasses.replace(real[CHECK], tree=tree))


def test_placements_outside_of_the_targets_are_refused(real: Real) -> None:
    for serves in (INSERT, UPDATE, CHILD, LINK, "create agent"):
        statement = real[serves]
        for extra in ("org_other", None, 1):
            parameters = tuple(
                [*value, extra] if isinstance(value, list) and TARGETS & set(value) else value
                for value in statement.parameters
            )
            assert parameters != statement.parameters
            refused(dataclasses.replace(statement, parameters=parameters))
        with pytest.raises(ScopeError):
            Scope.of(kind_files.load(), frozenset({"org_birch"})).guard(real[INSERT])


def test_more_than_one_statement_is_refused(real: Real) -> None:
    two = parse("SELECT 1; DELETE FROM entity_types", dialect=DIALECT)
    refused(dataclasses.replace(real[CHECK], tree=exp.Block(expressions=two)))


@pytest.mark.parametrize(
    "smuggled",
    [
        exp.Literal.number("1; DELETE FROM entity_types"),
        exp.Literal.number("pg_sleep(100)"),
        exp.Literal.number("(SELECT max(password) FROM pg_authid)"),
        exp.Var(this="dblink_exec('x')"),
        exp.to_identifier("pg_sleep(100)", quoted=False),
        exp.Cast(
            this=literal("1"),
            to=exp.DataType(this=exp.DType.USERDEFINED, kind="int) + pg_sleep(1"),
        ),
    ],
    ids=["statement", "function", "subquery", "variable", "identifier", "type"],
)
def test_text_that_is_no_tree_is_refused(real: Real, smuggled: exp.Expr) -> None:
    """What is sent is the text: a leaf that holds more than one leaf must not get past."""
    statement = real[CHECK]
    tree = statement.tree.copy()
    assert isinstance(tree, exp.Select)
    tree.expressions[1].replace(smuggled.copy())
    changed = dataclasses.replace(statement, tree=tree)
    assert smuggled.sql(dialect=DIALECT) in changed.sql
    refused(changed)
