"""Holding metadata to a JSON Schema: to the last digit, and asking nobody else."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY

from reconciler.impact.schema import Schema, UnjudgedError, loaded
from tests.fixtures.shown import depth

NAMES = st.sampled_from(["a", "b", "a/b", "~", ""])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "ab", "ä"])
VALUES = st.recursive(
    SCALARS,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(NAMES, deeper, max_size=3),
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])


def keywords(deeper: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(deeper, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "properties": st.dictionaries(NAMES, deeper, max_size=3),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": deeper,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), deeper, max_size=2),
            "items": deeper,
            "uniqueItems": st.booleans(),
            "minimum": st.integers(-3, 3),
            "multipleOf": st.integers(1, 3),
            "maxLength": st.integers(0, 2),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "const": VALUES,
            "anyOf": few,
            "allOf": few,
            "oneOf": few,
            "not": deeper,
            "if": deeper,
            "then": deeper,
            "$ref": st.just("#/$defs/one"),
            "unevaluatedProperties": deeper,
        },
    )


SCHEMAS = st.recursive(st.booleans(), keywords, max_leaves=6)


def fails(schema: str, content: str) -> frozenset[tuple[str, str]]:
    return Schema(schema).failures(loaded(content))


@settings(max_examples=depth(40, 2000), deadline=None)
@given(schema=SCHEMAS, one=SCALARS, contents=st.lists(VALUES, min_size=1, max_size=4))
def test_it_says_what_jsonschema_says(schema: Any, one: Any, contents: list[Any]) -> None:
    if isinstance(schema, dict):
        schema = {**schema, "$defs": {"one": {"const": one}}}
    plain = Draft202012Validator(schema, registry=REGISTRY)
    ours = Schema(json.dumps(schema))
    for content in contents:
        errors = list(plain.iter_errors(content))
        told = ours.failures(loaded(json.dumps(content)))
        assert bool(told) == bool(errors)
        assert {keyword for keyword, _ in told} <= {
            str(error.validator or "false") for error in errors
        }


@pytest.mark.parametrize(
    ("schema", "content", "failures"),
    [
        ('{"type": "integer"}', "1.0", set()),
        ('{"type": "integer"}', "1.5", {("type", "")}),
        ('{"type": "integer"}', "1" + "0" * 9000, set()),
        ('{"type": "number"}', "1.10", set()),
        ('{"const": 1.10}', "1.1", set()),
        ('{"maximum": 0.1}', "0.1000000000000000000001", {("maximum", "")}),
        ('{"maximum": 12345678901234567890}', "12345678901234567891", {("maximum", "")}),
        ('{"multipleOf": 0.1}', "0.3", set()),
        ('{"multipleOf": 0.01}', "0.305", {("multipleOf", "")}),
        ('{"multipleOf": 3}', "1" + "0" * 9000, {("multipleOf", "")}),
        ('{"multipleOf": 1}', "1e400", set()),
        ('{"enum": [true]}', "1", {("enum", "")}),
        ('{"minLength": 2.0}', '"a"', {("minLength", "")}),
        ('{"properties": {"a/~": false}}', '{"a/~": 1}', {("false", "")}),
        ('{"items": {"required": ["x"]}}', "[{}, {}]",
         {("required", "/0/x"), ("required", "/1/x")}),
        ('{"properties": {"a/~": {"type": "null"}}}', '{"a/~": 1}', {("type", "/a~1~0")}),
        ('{"format": "email"}', '"none"', set()),
        ('{"$schema": "http://json-schema.org/draft-07/schema#", "items": [true], '
         '"additionalItems": false}', "[1, 2]", {("additionalItems", "")}),
        ('{"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", '
         '"minimum": 2, "exclusiveMinimum": true}', "2", {("minimum", "")}),
        ('{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", '
         '"properties": {"down": {"$ref": "#"}, "n": {"type": "integer"}}}',
         '{"down": {"n": 1' + "0" * 9000 + "}}", set()),
    ],
)  # fmt: skip
def test_known_answers(schema: str, content: str, failures: set[tuple[str, str]]) -> None:
    assert fails(schema, content) == failures


@pytest.mark.parametrize(
    "dialect",
    [
        "http://json-schema.org/draft-03/schema#",
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
def test_every_known_dialect(dialect: str) -> None:
    schema = {
        "$schema": dialect,
        "properties": {"a": {"$ref": "#/definitions/n"}, "b": {"maximum": 0.3}},
        "definitions": {"n": {"type": "integer"}},
    }
    told = fails(json.dumps(schema), '{"a": 1.5, "b": 0.30000000000000000001}')
    assert told == {("type", "/a"), ("maximum", "/b")}
    assert not fails(json.dumps(schema), '{"a": 1.0, "b": 0.3}')
    with pytest.raises(UnjudgedError, match="does not hold itself"):
        Schema(json.dumps({**schema, "definitions": {"n": {"$ref": "https://a.test/b"}}}))


@pytest.mark.parametrize(
    "reference",
    ["http://127.0.0.1:{port}/x", "//127.0.0.1:{port}/x", "file:///etc/passwd", "other.json"],
)
def test_nothing_is_fetched(reference: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        named = reference.format(port=listening.getsockname()[1])
        with pytest.raises(UnjudgedError, match="does not hold itself"):
            Schema(json.dumps({"anyOf": [{"properties": {"a": {"$ref": named}}}]}))
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_what_a_schema_holds_itself_is_found() -> None:
    schema = {
        "$id": "https://example.com/root",
        "properties": {"a": {"$ref": "part"}, "b": {"$ref": "#here"}, "c": {"$ref": "#/$defs/n"}},
        "$defs": {
            "part": {"$id": "part", "type": "string"},
            "h": {"$anchor": "here", "type": "null"},
            "n": {"type": "integer"},
        },
    }
    told = fails(json.dumps(schema), '{"a": 1, "b": 2, "c": "x"}')
    assert told == {("type", "/a"), ("type", "/b"), ("type", "/c")}
    assert fails('{"$ref": "https://json-schema.org/draft/2020-12/schema"}', '{"type": 7}')


def test_a_reference_in_data_is_none() -> None:
    assert not fails(
        '{"const": {"$ref": "nowhere"}, "default": {"$ref": "x"}}', '{"$ref": "nowhere"}'
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$dynamicRef": "#a", "$dynamicAnchor": "a"},
        {"properties": {"a": {"pattern": "\\p{L}"}}},
        {"$schema": "http://json-schema.org/draft-04/schema#", "patternProperties": {"(": {}}},
        {"anyOf": []},
        {"$schema": None},
        {"$schema": "http://["},
        {"$schema": ["a"]},
        {"$id": 7},
        {"$ref": "http://[::1"},
        "text",
        7,
    ],
)
def test_what_judges_nothing_says_so(schema: Any) -> None:
    with pytest.raises(UnjudgedError) as doubt:
        fails(json.dumps(schema), '{"a": "b"}')
    assert str(doubt.value)


def test_deep_metadata_is_judged_or_said_to_be_too_deep() -> None:
    nested = {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}
    for content in ("[" * 5000 + "]" * 5000, "[" * 200_000 + "]" * 200_000):
        with pytest.raises(UnjudgedError, match="nested too deeply"):
            fails(json.dumps(nested), content)


def test_an_array_that_fails_everywhere_is_told_in_part() -> None:
    assert len(fails('{"items": {"type": "string"}}', json.dumps([0] * 10_000))) == 50
