"""SQL text in rows: what it reads is seen wherever it hides, and no text is too odd."""

from __future__ import annotations

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.canonical import parse
from reconciler.queries import LONGEST, Query, inspect, texts

ALLOWED = ("entities", "events", "audit.log")


def reads(text: str) -> tuple[str, ...]:
    query = inspect(text, ALLOWED)
    assert query.problem is None, query.problem
    return query.tables


def test_the_texts_at_a_pattern_carry_their_own_pointer() -> None:
    sources = parse('[{"name": "a", "query": "SELECT 1"}, {"name": "b"}, 3, {"query": "SELECT 2"}]')
    assert list(texts(sources, "/*/query")) == [("/0/query", "SELECT 1"), ("/3/query", "SELECT 2")]


@pytest.mark.parametrize(
    ("document", "at", "found"),
    [
        ('"SELECT 1"', "", [("", "SELECT 1")]),
        ('{"a/b": {"~": "x"}}', "/a~1b/~0", [("/a~1b/~0", "x")]),
        ('[["x", "y"], ["z"]]', "/*/*", [("/0/0", "x"), ("/0/1", "y"), ("/1/0", "z")]),
        ('["x", "y"]', "/1", [("/1", "y")]),
        ('{"": "x"}', "/", [("/", "x")]),
        ('[{"query": 1}, {"query": null}, {"query": ["x"]}, {"query": true}]', "/*/query", []),
        ('{"*": {"query": "x"}}', "/*/query", []),
        ('{"query": "x"}', "/*/query", []),
        ('["x"]', "/01", []),
        ('["x"]', "/-", []),
        ('["x"]', "/0/query", []),
        ("null", "/*/query", []),
    ],
)
def test_another_shape_is_passed_over(document: str, at: str, found: list[object]) -> None:
    assert list(texts(parse(document), at)) == found


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT * FROM entities",
        "SELECT * FROM ENTITIES e JOIN public.events v ON v.entity_id = e.id;",
        'SELECT * FROM "entities", Audit.Log',
        "(TABLE entities) UNION ALL SELECT * FROM events",
        "VALUES (1), (2)",
        "SELECT * FROM (VALUES (1)) v(a), unnest(ARRAY['x']) u, generate_series(1, 3) g",
        "SELECT * FROM entities e, LATERAL jsonb_to_recordset(e.data) AS r(a int)",
        "SELECT * FROM jsonb_each('{}') WITH ORDINALITY x, ROWS FROM (generate_series(1, 2)) y",
        "SELECT a::timestamp with time zone FROM entities FETCH FIRST 1 ROWS WITH TIES",
        "WITH secrets AS (SELECT 1) SELECT * FROM secrets, Secrets s",
        "WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT (SELECT x FROM b) FROM entities",
        "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t",
        "WITH t AS (SELECT 1) SELECT 1 UNION SELECT * FROM t",
        "SELECT * FROM entities secrets FOR UPDATE OF secrets",
        "SELECT * FROM entities -- FROM secrets\n /* FROM /* FROM */ secrets */",
        "SELECT 'FROM secrets', $$ FROM secrets $$ FROM entities WHERE id = $1 AND x = :name",
        "SELECT data -> 'a' ->> 'b' FROM entities WHERE data ? 'k' AND tags && ARRAY['x']",
    ],
)  # fmt: skip
def test_an_allowed_query_passes(text: str) -> None:
    assert reads(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TABLE secrets", ["secrets"]),
        ("SELECT * FROM ONLY secrets", ["secrets"]),
        ("SELECT * FROM SECRETS", ["secrets"]),
        ('SELECT * FROM "Secrets"', ['"Secrets"']),
        ('SELECT * FROM "Entities"', ['"Entities"']),
        ('SELECT * FROM "audit.log"', ['"audit.log"']),
        ('SELECT * FROM "public.entities"', ['"public.entities"']),
        ('SELECT * FROM "a""b", "a\x1b[1m"', ['"a""b"', '"a\\001b[1m"']),
        ("SELECT * FROM log", ["log"]),
        ("SELECT * FROM other.entities", ["other.entities"]),
        ("SELECT * FROM db.public.entities", ["db.public.entities"]),
        ("SELECT * FROM boo\u212as", ['"boo\u212as"']),
        ("SELECT (SELECT 1 FROM other.t)", ["other.t"]),
        ("SELECT * FROM entities, secrets", ["secrets"]),
        ("SELECT * FROM entities UNION SELECT * FROM z EXCEPT TABLE a", ["a", "z"]),
        ("SELECT * FROM entities JOIN (SELECT * FROM s) x ON true", ["s"]),
        ("SELECT * FROM entities, LATERAL (TABLE s) x", ["s"]),
        ("SELECT * FROM (entities CROSS JOIN (events CROSS JOIN s))", ["s"]),
        ("SELECT 1 WHERE EXISTS (TABLE a) OR 1 IN (SELECT 1 FROM b) OR 1 = ANY (TABLE c)",
         ["a", "b", "c"]),
        ("SELECT ARRAY(TABLE a), f(x => (SELECT 1 FROM b)), CASE WHEN (TABLE c) THEN 1 END",
         ["a", "b", "c"]),
        ("SELECT count(*) FILTER (WHERE (TABLE a)) OVER (ORDER BY (TABLE b)) LIMIT (TABLE c)",
         ["a", "b", "c"]),
        ("SELECT * FROM generate_series(1, (SELECT max(a) FROM s))", ["s"]),
        ("SELECT 1 /* /* */ */ FROM secrets", ["secrets"]),
        ("SELECT 1 -- x\rFROM secrets", ["secrets"]),
        (r"SELECT 'a\' FROM secrets --'", ["secrets"]),
        (r"SELECT E'a\\' FROM secrets --'", ["secrets"]),
        ("SELECT text$$ FROM secrets -- $$", ["secrets"]),
        ("SELECT $a$ $$ $a$ FROM secrets -- $$", ["secrets"]),
        ("SELECT * FROM :name, $1, %s", ["?"]),
        ("SELECT * FROM pg_catalog.pg_authid", ["pg_catalog.pg_authid"]),
    ],
)  # fmt: skip
def test_every_other_table_is_seen(text: str, found: list[str]) -> None:
    assert list(reads(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM (WITH secrets AS (SELECT 1) SELECT * FROM secrets) q, secrets",
        "SELECT (WITH secrets AS (SELECT 1) SELECT 1 FROM secrets), (SELECT 1 FROM secrets)",
        "(WITH secrets AS (SELECT 1) SELECT * FROM secrets) UNION SELECT * FROM secrets",
        "WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets",
        "WITH a AS (SELECT * FROM secrets), secrets AS (SELECT 1) SELECT * FROM a, secrets",
        'WITH "Secrets" AS (SELECT 1) SELECT * FROM secrets',
        "WITH a AS (WITH secrets AS (SELECT 1) SELECT 1) SELECT * FROM secrets",
        "SELECT * FROM entities AS secrets, secrets AS entities",
    ],
)
def test_a_name_hides_no_table_beyond_its_scope(text: str) -> None:
    assert reads(text) == ("secrets",)


def test_a_cte_hides_no_table_in_a_schema() -> None:
    assert reads("WITH t AS (SELECT 1) SELECT * FROM t, public.t") == ("public.t",)


def test_a_with_right_within_another_is_not_judged() -> None:
    """The parser makes them one, in which the inner RECURSIVE would hide the outer's table."""
    text = "WITH s AS (SELECT * FROM s) (WITH RECURSIVE z AS (SELECT 1) SELECT * FROM s)"
    assert inspect(text, ALLOWED).problem


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT * FROM dblink('dbname=x', 'SELECT 1') AS t(a int)", "dblink()"),
        ("SELECT * FROM ROWS FROM (public.DBLINK_exec('x'))", "dblink_exec()"),
        ("SELECT pg_catalog.pg_read_file('/etc/passwd')", "pg_read_file()"),
        ("SELECT \"pg_read_file\" ('x')", "pg_read_file()"),
        ("SELECT ('/etc/passwd'::text).pg_read_file", "pg_read_file()"),
        ("SELECT query_to_xml('SELECT 1', true, true, '')", "query_to_xml()"),
        ("SELECT table_to_xml('secrets', true, true, '')", "table_to_xml()"),
        ("SELECT lo_import('x')", "lo_import()"),
        ("SELECT currtid2('secrets', '(0,1)')", "currtid2()"),
        ("SELECT ts_stat('SELECT x FROM secrets')", "ts_stat()"),
        ("SELECT set_config('app.organization', 'org_birch', true)", "set_config()"),
    ],
)
def test_a_function_that_reads_elsewhere_is_seen(text: str, found: str) -> None:
    assert reads(text) == (found,)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ";", "-- nothing", "SELECT 1; DROP TABLE x", "SELECT 1; SELECT 2",
        "DELETE FROM x", "UPDATE x SET a = 1", "INSERT INTO x VALUES (1)", "DROP TABLE x",
        "CREATE TABLE x AS SELECT 1", "TRUNCATE x", "ALTER TABLE x DROP COLUMN a",
        "COPY x TO STDOUT",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "DO $$ BEGIN END $$", "CALL f()",
        "EXPLAIN ANALYZE DELETE FROM x", "SHOW ALL", "SET ROLE postgres",
        "GRANT ALL ON x TO public",
        "WITH x AS (DELETE FROM y RETURNING *) SELECT * FROM x",
        "WITH x AS (SELECT 1) INSERT INTO y SELECT * FROM x", "WITH x AS (EXPLAIN y) SELECT 1",
        "SELECT a INTO newtable FROM entities", "WITH x AS (SELECT 1 INTO y) SELECT 1",
        "SELECT 'x", 'SELECT "x', "SELECT /* x", "SELECT $$x", "SELECT $a$ x $b$", "SELEC 1",
        "SELECT * FROM", "SELECT (1", "SELECT 1)", "FROM entities", "entities", "\0", "\ud800",
        "\\",
        "SELECT a\u00a0FROM entities", "SELECT * FROM entities\u00a0", "SELECT {# FROM x #} 1",
        "SELECT $a\u00a0$ || ' $a\u00a0$ FROM secrets --'", "SELECT $x FROM entities",
        "SELECT E'a'\n'\\' , 1 --' FROM secrets",
        "SELECT U&'d\\0061t'", 'SELECT U&"dblin\\006b"(\'x\')',
        "SELECT * FROM U&\"d!0061t\" UESCAPE '!'",
        "SELECT\x1b[31m", "SELECT 1 FROM\nx\ny\nz",
    ],
)  # fmt: skip
def test_what_is_not_surely_one_query_is_a_problem_in_one_plain_line(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        query = inspect(text, ALLOWED)
    assert query.problem
    assert query.problem.isprintable()
    assert len(query.problem) < 100
    assert query.tables == ()
    assert not caplog.records


def test_a_problem_says_where() -> None:
    assert inspect("SELECT 1\nFROM (x", ()).problem == "it cannot be read at line 2, column 7"


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("SELECT 'org_acme', 1, 'it''s' AS \"org_birch\", org_cedar", {"org_acme", "it's"}),
        ("SELECT * FROM entities WHERE a IN ('x', 'y') AND b = 'z'::text", {"x", "y", "z"}),
        ("SELECT CAST('x' AS uuid), date '2026-01-01', interval '1 day'",
         {"x", "2026-01-01", "1 day"}),
        (r"SELECT E'org\x5facme\n', e'\157rg\u005f\'', 'a\n'", {"org_acme\n", "org_'", "a\\n"}),
        ("SELECT $$it's$$, $t$ $$x$$ $t$, N'n'", {"it's", " $$x$$ ", "n"}),
        ("SELECT 'org_' -- one\n 'acme'", {"org_acme"}),
        ("SELECT data -> 'key', to_char(now(), 'YYYY'), date_trunc('month', now())",
         {"key", "YYYY", "month"}),
        ("SELECT 1 /* 'org_acme' */ -- 'org_acme'", set()),
        ("SELECT ''", {""}),
        ("DELETE FROM x WHERE org = 'org_acme'", {"org_acme"}),
    ],
)  # fmt: skip
def test_every_string_constant_is_seen(text: str, literals: set[str]) -> None:
    assert inspect(text, ALLOWED).literals == literals


def nested(opening: str, closing: str, times: int) -> str:
    return f"SELECT {opening * times}1{closing * times}"


ABSURD = [
    *(
        nested(opening, closing, times)
        for times in (14, 60, 5000)
        for opening, closing in [
            ("(", ")"), ("ARRAY[", "]"), ("a[", "]"), ("f(", ")"), ("date(", ")"), ("- ", ""),
            ("CASE WHEN ", " THEN 1 END"), ("NOT ", ""), ("(SELECT ", ")"), ("x::int[", "]"),
            ("(", ""),
        ]
    ),
    "SELECT a" + "[1]" * 5000, "SELECT 1" + "+1" * 40000, "SELECT 1" + " UNION SELECT 1" * 6000,
    "SELECT 1" + "/**/" * 20000 + "\u00a0", "SELECT 1" + " AND 'x'" * 12000, "$" * 99_999,
    "SELECT " + "ARRAY[ARRAY[ARRAY[ARRAY[1]]]]," * 3000 + "1",
    "SELECT " + "ARRAY[" * 10 + "1," * 40000 + "1" + "]" * 10, "SELECT " + "date(1)," * 12000 + "1",
    "'" * 99_999, "(" * 99_999,
]  # fmt: skip


@pytest.mark.parametrize("text", ABSURD, ids=lambda text: text[:20])
def test_an_absurd_text_is_given_up_quickly(text: str) -> None:
    begun = time.process_time()
    inspect(text, ALLOWED)
    assert time.process_time() - begun < 10


def test_a_long_text_is_not_read() -> None:
    text = "SELECT 1" + " " * LONGEST
    assert inspect(text, ()) == Query(f"it is longer than {LONGEST} characters")
    assert inspect(text[:LONGEST], ()).problem is None


def test_real_depth_is_read() -> None:
    assert reads(nested("(SELECT ", ")", 20)) == ()
    assert reads(nested("ARRAY[", "]", 6)) == ()
    assert inspect(nested("(", ")", 30), ()).problem == "it is nested too deep"


def test_the_same_text_is_read_once() -> None:
    assert inspect("SELECT * FROM x", ("y",)) is inspect("SELECT * FROM x", ("y",))


WORDS = [
    "SELECT", "FROM", "WITH", "RECURSIVE", "x", "AS", "(", ")", ",", "TABLE", "secrets", "'", '"',
    "$$", "$a$", "$1", "E'", "U&'", "\\", "--", "/*", "*/", "\n", "\0", ";", "::", "[", "]", "*",
    ".", "ARRAY", "CASE", "END", "UNION", "DELETE", "INTO", "VALUES", "LATERAL", "JOIN", "ON", "1",
    "COPY", "EXPLAIN", "\u00a0", "%(", ":n", "{", "}", "->", "interval", "LIMIT", "IN", "date",
]  # fmt: skip


@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), st.text(max_size=5))
def test_no_text_is_too_odd(text: str, allowed: str) -> None:
    query = inspect(text, (allowed,))
    assert query.problem is None or (query.problem.isprintable() and not query.tables)
    assert list(query.tables) == sorted(set(query.tables))
    assert all(name.isprintable() for name in query.tables)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_constant_and_a_name_come_back_as_they_are(value: str) -> None:
    constant = value.replace("'", "''")
    assert inspect(f"SELECT '{constant}'", ()).literals == {value}
    name = "n" + value
    quoted = name.replace('"', '""')
    text = f'SELECT * FROM "{quoted}"'
    assert inspect(text, ()).tables
    if "." not in name:
        assert inspect(text, (name,)) == Query(None)
