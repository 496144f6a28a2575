"""Our canonical text is PostgreSQL's own for jsonb, and no digit is ever lost."""

from __future__ import annotations

import json
import math
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.database.embedded import Server
from reconciler.model.canonical import Number, canonical, digest, digest_of_lists, parse, pretty

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
# As PostgreSQL prints numbers: no exponent, no sign of zero, no zeros in front.
PRINTED = st.from_regex(r"\A(0|-?[1-9][0-9]{0,30})(\.[0-9]{0,12}[1-9])?\Z").map(Number)
# As people write them.
WRITTEN = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z").map(
    Number
)


def documents(numbers: st.SearchStrategy[Number]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | numbers | TEXT
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
        max_leaves=15,
    )


def batches(numbers: st.SearchStrategy[Number]) -> st.SearchStrategy[list[Any]]:
    return st.lists(documents(numbers), min_size=20, max_size=60)


PG = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def connection(server: Server) -> Any:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        yield connection


def printed(connection: psycopg.Connection[Any], texts: list[str]) -> list[str]:
    """What PostgreSQL makes of each text, as jsonb, in one question."""
    rows = connection.execute(
        "SELECT t.doc::jsonb::text FROM unnest(%s::text[]) WITH ORDINALITY AS t (doc, place) "
        "ORDER BY t.place",
        (texts,),
    ).fetchall()
    return [text for (text,) in rows]


@PG
@given(documents=batches(PRINTED))
def test_canonical_text_is_what_postgresql_prints(
    connection: psycopg.Connection[Any], documents: list[Any]
) -> None:
    ours = [canonical(document) for document in documents]
    assert printed(connection, ours) == ours


@PG
@given(documents=batches(WRITTEN))
def test_what_postgresql_prints_is_canonical_however_it_was_written(
    connection: psycopg.Connection[Any], documents: list[Any]
) -> None:
    theirs = printed(connection, [canonical(document) for document in documents])
    assert [canonical(parse(text)) for text in theirs] == theirs


@settings(deadline=None)
@given(documents(WRITTEN), st.integers(0, 4))
def test_reading_back_gives_the_same_however_it_is_laid_out(document: Any, indent: int) -> None:
    text = canonical(document)
    assert canonical(parse(text)) == text
    assert canonical(parse(pretty(document))) == text
    # The order of keys and the escapes do not matter.
    plain = json.dumps(_strings(document), indent=indent, ensure_ascii=True)
    assert canonical(parse(plain)) == canonical(_strings(document))


def _strings(value: Any) -> Any:
    """The value with its numbers as mere texts, and its keys the other way round."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return [_strings(item) for item in value]
    if isinstance(value, dict):
        return {key: _strings(item) for key, item in reversed(value.items())}
    return value


@pytest.mark.parametrize(
    "number",
    [
        "0", "-0", "1", "1.0", "1.10", "12345678901234567890", "-98765432109876543210",
        "0.1000000000000000000001", "1e400", "1E400", "1e-400", "-1.50e+10", "9" * 5000,
    ],
)  # fmt: skip
def test_numbers_survive_to_the_last_digit(number: str) -> None:
    found = parse(f'{{"n": [{number}]}}')
    assert found == {"n": [number]}
    assert type(found["n"][0]) is Number
    assert canonical(found) == f'{{"n": [{number}]}}'
    assert canonical(parse(pretty(found))) == f'{{"n": [{number}]}}'


def test_numbers_texts_and_booleans_that_python_holds_equal_are_told_apart() -> None:
    texts = ["1", "true", '"1"', "1.0", "1.10", "1.1", '"true"', "null", '"null"', "1e0"]
    assert [canonical(parse(text)) for text in texts] == texts
    assert len({digest(parse(text)) for text in texts}) == len(texts)


def test_text_that_looks_like_json_stays_text() -> None:
    for text in ['{"a": 1}', "[1]", "null", "1.10", '"', "\\u0041", "</script>"]:
        assert parse(canonical(text)) == text
        assert type(parse(canonical(text))) is str


def test_plain_python_values_are_written_too() -> None:
    value = {"bb": (1, True, None), "a": "ä\n\u2028\x7f", "": -(2**70)}
    assert canonical(value) == (
        '{"": -1180591620717411303424, "a": "ä\\n\u2028\x7f", "bb": [1, true, null]}'
    )


@pytest.mark.parametrize("value", [0.5, math.nan, {1, 2}, object(), [0.5], {"a": 1.5}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        canonical(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1, "a": 1}', "'a' stands twice"),
        ('{"a": 1, "\\u0061": 2}', "'a' stands twice"),
        ('[{"b": {"c": 1, "d": 2, "c": 3}}]', "'c' stands twice"),
        ("[" * 200_000, "nested deeper"),
        ("[" * 200_000 + "]" * 200_000, "nested deeper"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested deeper"),
        ("", "Expecting value"),
        ("[1,]", "."),
        ("{'a': 1}", "."),
        ("01", "Extra data"),
        ("+1", "Expecting value"),
        (".5", "Expecting value"),
        ("1.", "Extra data"),
        ("1 2", "Extra data"),
        ('"\n"', "control character"),
        ("\ufeff1", "."),
        ("１", "Expecting value"),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_value_that_is_too_deep_to_write_is_refused() -> None:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    try:
        with pytest.raises(ValueError, match="nested deeper"):
            canonical(value)
    finally:
        # Freed from the outside in, so that freeing it does not recurse either.
        while value:
            value = value.pop()


def test_the_digest_is_of_the_meaning() -> None:
    assert digest(parse('{"b": 1, "a": [ ]}')) == digest({"a": [], "b": 1})
    assert digest(parse("[1, 2]")) != digest(parse("[2, 1]"))
    assert len(digest(None)) == 64


def test_the_digest_of_lists_is_the_same_however_it_is_made() -> None:
    lists = ["é\n\u2028", "", [1, -2, True, None, ["a", []]], [[], 'quo"ted\\']]
    assert digest_of_lists(lists) == digest(lists)
