"""RFC 6902 operations: they lead where they say, by an oracle of others and by our own."""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.differ.patch import operations, patched
from reconciler.model.canonical import Number, canonical, parse

# Keys that a JSON Pointer must escape, that look like places in a list, or like something else.
KEYS = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "",
        "/",
        "~",
        "~1",
        "~0",
        "a/b",
        "m~n",
        "0",
        "1",
        "10",
        "-",
        "__x",
        "ä",
        "'",
        '"',
    ]
)
TEXT = st.sampled_from(["", "x", "y", "1", "true", "null", "1.0", "[]", "ä\n"])
# Whole numbers only, which the oracle's floats cannot harm.
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.sampled_from(["0", "1", "1.0", "1.10", "1.1", "1e400", "-0", "9" * 20]).map(Number)
EXACT = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def edited(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    """A document and the same with a few edits, which resemble a template's more than chance."""
    before = draw(values)
    after = json.loads(json.dumps(before)) if values is PLAIN else parse(canonical(before))
    for _ in range(draw(st.integers(0, 3))):
        after = _edit(draw, after, values)
    return before, after


def _edit(draw: st.DrawFn, value: Any, values: st.SearchStrategy[Any]) -> Any:
    if not isinstance(value, dict | list) or (not value and draw(st.booleans())):
        return draw(values)
    step = draw(st.sampled_from(["deeper", "insert", "remove", "replace"]))
    if isinstance(value, list):
        place = draw(st.integers(0, max(0, len(value) - 1)))
        if step == "insert" or not value:
            return [*value[:place], draw(values), *value[place:]]
        if step == "remove":
            return [*value[:place], *value[place + 1 :]]
        new = draw(values) if step == "replace" else _edit(draw, value[place], values)
        return [*value[:place], new, *value[place + 1 :]]
    if step == "insert" or not value:
        return {**value, draw(KEYS): draw(values)}
    key = draw(st.sampled_from(sorted(value)))
    if step == "remove":
        return {other: item for other, item in value.items() if other != key}
    return {**value, key: draw(values) if step == "replace" else _edit(draw, value[key], values)}


FAST = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def by_oracle(before: Any, after: Any) -> str:
    """What the jsonpatch library makes of our operations, as text."""
    steps = [
        {"op": one.op, "path": one.path}
        | ({} if one.op == "remove" else {"value": json.loads(canonical(one.value))})
        for one in operations(canonical(before), canonical(after))
    ]
    document = json.loads(canonical(before))
    return json.dumps(jsonpatch.apply_patch(document, steps), sort_keys=True)


@FAST
@given(edited(PLAIN) | st.tuples(PLAIN, PLAIN))
@example(([1, 2, 3], [0, 1, 2, 3]))
@example(([1, 2, 3, 4], [2, 4]))
@example(([[1, 2], [3]], [[3], [1], [2, 1]]))
@example(({"a/b": 1, "m~n": 2}, {"a/b": 2, "m~n": {"~1": [True]}}))
@example(({"0": [1]}, {"0": [True]}))
@example(({"a": []}, {"a": {}}))
def test_the_operations_lead_there_by_an_independent_library(documents: tuple[Any, Any]) -> None:
    before, after = documents
    assert by_oracle(before, after) == json.dumps(after, sort_keys=True)


@FAST
@given(edited(EXACT) | st.tuples(EXACT, EXACT))
def test_the_operations_lead_there_to_the_last_digit(documents: tuple[Any, Any]) -> None:
    before, after = documents
    found = operations(canonical(before), canonical(after))
    assert canonical(patched(before, found)) == canonical(after)


@FAST
@given(EXACT)
def test_patching_leaves_the_original_alone(document: Any) -> None:
    text = canonical(document)
    patched(document, operations(text, canonical({"other": [document]})))
    assert canonical(document) == text


ALIKE = ["1", "true", '"1"', "1.0", "1.10", "1.1", '"true"', "null", '"1.10"', "false", "0", '""']


@pytest.mark.parametrize("before", ALIKE)
@pytest.mark.parametrize("after", ALIKE)
def test_values_that_look_alike_are_told_apart(before: str, after: str) -> None:
    if before == after:
        return
    for frame, path in [('{{"a": {}}}', "/a"), ('[{}, "z"]', "/0"), ('{{"x": [{}]}}', "/x/0")]:
        (step,) = operations(frame.format(before), frame.format(after))
        assert (step.op, step.path, canonical(step.value)) == ("replace", path, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('{"a": 1}', '{"a": 1, "b": {"c": 2}}', ['add /b {"c": 2}']),
        ('{"a": 1, "b": 2}', '{"a": 1}', ["remove /b null"]),
        ('{"enum": ["ISA", "GIA"]}', '{"enum": ["ISA", "GIA", "LISA"]}', ['add /enum/2 "LISA"']),
        ('{"enum": ["ISA", "GIA"]}', '{"enum": ["LISA", "ISA", "GIA"]}', ['add /enum/0 "LISA"']),
        ('{"enum": ["a", "b", "c"]}', '{"enum": ["a", "c"]}', ["remove /enum/1 null"]),
        ('{"a/b": {"~": 1}}', '{"a/b": {"~": 2}}', ["replace /a~1b/~0 2"]),
        ('{"": {"": 1}}', '{"": {"": 2}}', ["replace // 2"]),
        ('{"required": ["a"], "__x": {"y": 1}}', '{"required": ["a"], "__x": {"y": 2}}',
         ["replace /__x/y 2"]),
        ('{"a": {"b": null}}', '{"a": {}}', ["remove /a/b null"]),
        ('{"a": {}}', '{"a": {"b": null}}', ["add /a/b null"]),
        ('[{"k": 1}, {"k": 2}]', '[{"k": 1}, {"k": 3}]', ["replace /1/k 3"]),
        ('{"1": "a"}', '{"1": "b"}', ["replace /1 \"b\""]),
        ("[]", "{}", ["replace  {}"]),
        ("1", "2", ["replace  2"]),
        ("null", "[1]", ["replace  [1]"]),
    ],
)  # fmt: skip
def test_a_small_change_is_shown_as_one(before: str, after: str, expected: list[str]) -> None:
    found = operations(before, after)
    assert [f"{one.op} {one.path} {canonical(one.value)}" for one in found] == expected


def test_equal_values_need_no_operation() -> None:
    assert operations('{"a": [1, {"b": 1.10}]}', '{"a": [1, {"b": 1.10}]}') == ()


def test_a_document_of_some_depth_is_no_obstacle() -> None:
    before, after = ('{"a": ' * 120 + number + "}" * 120 for number in ("1", "2"))
    found = operations(before, after)
    assert canonical(patched(parse(before), found)) == after
    assert [one.path for one in found] == ["/a" * 120]


@pytest.mark.parametrize("depth", [300, 600, 900])
def test_however_deep_there_is_always_a_way(depth: int) -> None:
    before, after = ("[" * depth + number + "]" * depth for number in ("1", "2"))
    assert canonical(patched(parse(before), operations(before, after))) == after


def test_a_large_document_takes_no_time() -> None:
    before = {"properties": {f"p{number}": {"type": "string"} for number in range(300)}}
    after = {"properties": {**before["properties"], "p7": {"type": "integer"}}}
    (step,) = operations(canonical(before), canonical(after))
    assert (step.path, step.value) == ("/properties/p7/type", "integer")
