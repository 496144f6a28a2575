"""Conditions in kind files and in `--where`: a comparison of one's own columns, or refused."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import errors as pg
from sqlglot import exp

from reconciler import library
from reconciler.kinds.predicate import columns_of, parse_predicate, revived
from reconciler.model.selection import Selection
from reconciler.sql.selected import condition_on
from tests.fixtures.shown import Variants
from tests.fixtures.world import TEMPLATE, World
from tests.fuzz.tries import FUZZ, dice, patience, survived, tries

WORDS = (
    *("a", "b", '"C"', "slug", "NULL", "TRUE", "1", "1.10", "1e999", "'x'", "'it''s'", "-1", "*"),
    *("=", "<>", "<", ">=", "IS", "IS NOT", "IN", "(", ")", ",", "AND", "OR", "NOT", "BETWEEN"),
    *(";", "--", "/*", "*/", "$1", ":n", "?", "%s", "$$x$$", "E'\\x41'", "U&'x'", "B'1'", "X'1F'"),
    *("::text", "CAST(a AS text)", "(SELECT 1)", "EXISTS", "CASE WHEN a THEN b END", "LIKE", "~"),
    *("ANY", "ARRAY[1]", "now()", "lower(a)", "users.a", "||", "->>", "#>", "@>", "COLLATE", "\0"),
    *("pg_sleep(9)", "UNION", "DELETE FROM users", "OPERATOR(x.=)", "current_user", "\u202e", "\\"),
    *("INTERVAL '1'", "AT TIME ZONE", "ROW(1)", "OVER ()", "ESCAPE", "ISNULL", "\ud800", "{x}"),
)
ALLOWED = {
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Is, exp.In, exp.EQ, exp.NEQ, exp.GT, exp.GTE),
    *(exp.LT, exp.LTE, exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null),
}
COLUMNS = {"a": "integer", "b": "text", "C": "boolean"}

COLUMN = st.sampled_from(["a", "b", '"C"'])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
CONSTANT = st.one_of(
    st.integers(0, 10**30).map(str),
    TEXT.map(lambda text: "'" + text.replace("'", "''") + "'"),
)
COMPARED = st.one_of(
    st.tuples(COLUMN, st.sampled_from(["=", "<>", "<", ">="]), CONSTANT).map(" ".join),
    st.tuples(COLUMN, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.tuples(COLUMN, st.lists(CONSTANT, min_size=1, max_size=3)).map(
        lambda pair: f"{pair[0]} IN ({', '.join(pair[1])})"
    ),
)
CONDITION = st.recursive(
    COMPARED,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda p: f"({' '.join(p)})"),
        inner.map(lambda one: f"NOT ({one})"),
    ),
    max_leaves=5,
)
EACH = settings(
    deadline=None,
    database=None,
    derandomize=not FUZZ,
    max_examples=tries(60, 1500),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def accepted(text: str) -> exp.Expr | None:
    """The condition's tree; None where it is refused."""
    try:
        with patience():
            tree = parse_predicate(text)
            columns_of(text)
            revived(text)
            condition_on(text, COLUMNS)
    except ValueError:
        return None
    return tree


@pytest.mark.shows(
    "SQL of any kind where a condition belongs", "refused, or a comparison without a comment"
)
def test_words(variants: Variants) -> None:
    chance = dice("predicates")
    for _ in range(tries(400, 20_000)):
        words = chance.choice(("", "a = 1", "b IN ('x', 'y')", "a IS NULL")).split(" ")
        for _ in range(chance.randint(1, 8)):
            words.insert(chance.randint(0, len(words)), chance.choice(WORDS))
        text = chance.choice((" ", " ", "")).join(words)
        variants.add()
        tree = accepted(text)
        for node in tree.walk() if tree is not None else ():
            assert type(node) in ALLOWED, text
            assert not node.comments, text


def _deep() -> Iterator[str]:
    for many in (50, 1000, 100_000):
        yield "(" * many + "a = 1" + ")" * many
        yield "NOT " * many + "a = 1"
        yield "/*" * many + " a = 1"
    yield " AND ".join(["a = 1"] * 5000)
    yield "a IN (" + ", ".join("1" * 50_000) + ")"
    yield f"b = '{'x' * 10_000_000}'"
    yield f"a = {'9' * 1_000_000}"


@pytest.mark.shows("a condition that is deep, or huge", "refused, or understood, in bounds")
def test_deep(variants: Variants) -> None:
    for text in _deep():
        variants.add()
        accepted(text)


@pytest.fixture(scope="module")
def table(shared_world: World) -> psycopg.Connection[object]:
    """A table to try conditions on."""
    connection = shared_world.connection
    connection.execute('CREATE TABLE IF NOT EXISTS tried (a numeric, b text, "C" boolean)')
    connection.execute(
        "INSERT INTO tried VALUES (1, 'x', true), (NULL, '', NULL), (2, '''', false)"
    )
    return connection


@pytest.mark.shows(
    "conditions with constants of any kind", "PostgreSQL finds the same rows as by the text itself"
)
@EACH
@given(text=CONDITION)
def test_meaning(table: psycopg.Connection[object], variants: Variants, text: str) -> None:
    variants.add()
    tree = accepted(text)
    assert tree is not None, text
    assert rows(table, tree.sql("postgres")) == rows(table, text), text


def rows(connection: psycopg.Connection[object], condition: str) -> object:
    try:
        return connection.execute(f"SELECT a, b FROM tried WHERE {condition}".encode()).fetchall()
    except (pg.UndefinedFunction, pg.DatatypeMismatch, pg.DataError) as error:
        return type(error)


@pytest.mark.shows("a --where that tries to be more than a condition", "refused; nothing is run")
@pytest.mark.parametrize(
    "text",
    [
        "slug = 'x'; DROP TABLE tried",
        "slug = 'x' -- /*",
        "slug = 'x' /* */ OR true",
        "slug = ''' OR 1=1 --'",
        "slug = '\\' OR 1=1 --'",
        "slug = $$x$$ OR pg_sleep(9) IS NULL",
        "slug IN (SELECT slug FROM organization)",
        "slug = 'a\0b'",
        "slug = '\ud800'",
        "\"createdAt\" > 'yesterday or so'",
        "slug = 1e999",
        "visibility = 'private' AND ctid IS NOT NULL",
    ],
)
def test_where(table: object, shared_world: World, text: str) -> None:
    assert table
    chosen = Selection(where=text)
    survived(lambda: library.plan(shared_world.dsn, TEMPLATE, chosen, actor="user_ana"))
    assert shared_world.sql("SELECT count(*) FROM tried") >= [(3,)]
