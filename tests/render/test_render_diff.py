"""A column's change, as a reviewer reads it."""

from __future__ import annotations

import pytest

from reconciler.model.address import Address
from reconciler.model.change import FieldChange, Operation
from reconciler.model.conflict import EditedBoth
from reconciler.model.value import Digest, Json, Ref, Value
from reconciler.render import diff
from tests.fixtures.plans import description, json, schema_change


def lines(*fields: FieldChange, width: int = 94, verbose: bool = False) -> list[str]:
    return [str(line) for line in diff.fields(fields, width=width, verbose=verbose)]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("a", "b", '"a" -> "b"'),
        (None, "", 'NULL -> ""'),
        (True, False, "true -> false"),
        (1, 20, "1 -> 20"),
        ("1", 1, '"1" -> 1'),
        (None, Json(text="null"), "NULL -> null"),
        (None, Json(text='{"a": 1.10}'), 'NULL -> {"a": 1.10}'),
        (Ref(ref="entity_type.a"), None, "entity_type.a -> NULL"),
        (
            Ref(ref="entity_type.a"),
            Ref(ref="entity_type.a", organization="org_x"),
            "entity_type.a -> entity_type.a of org_x",
        ),
        (
            Digest(sha256="a" * 64),
            Digest(sha256="b" * 64),
            "(sensitive, sha256 aaaaaaaaaaaa…) -> (sensitive, sha256 bbbbbbbbbbbb…)",
        ),
        ("\x1b[1m", "\\x1b[1m", '"\\x1b[1m" -> "\\\\x1b[1m"'),
    ],
)
def test_values_are_told_apart(before: Value, after: Value, shown: str) -> None:
    assert lines(description(before, after)) == [f"description   {shown}"]


def test_json_is_shown_by_its_operations() -> None:
    assert lines(schema_change()) == [
        "metadata_schema",
        "  - /properties/branch         {}",
        '  + /properties/iban           {"type": "string"}',
        '  ~ /properties/wrapper/enum   + "LISA"',
    ]


def test_lists_say_what_comes_and_goes_and_where() -> None:
    change = schema_change(
        before='{"e": ["a", "b", "c"], "o": {"k": 1, "/~": 2}}',
        after='{"e": ["x", "a", "C"], "o": {"k": 1.0, "/~": 3}}',
        operations=(
            ("remove", "/e/1"),
            ("add", "/e/0", "x"),
            ("replace", "/e/2", "C"),
            ("replace", "/o/k", json("1.0").parsed()),
            ("replace", "/o/~1~0", json("3").parsed()),
        ),
    )
    assert lines(change) == [
        "metadata_schema",
        '  ~ /e        - "b"',
        '  ~ /e        + at 0: "x"',
        '  ~ /e/2      "c" -> "C"',
        "  ~ /o/k      1 -> 1.0",
        "  ~ /o/~1~0   2 -> 3",
    ]


def test_an_add_that_replaces_shows_what_it_replaces() -> None:
    change = schema_change('{"a": 1}', '{"a": "x"}', (("add", "/a", "x"),))
    assert lines(change) == ["metadata_schema", '  ~ /a   1 -> "x"']


@pytest.mark.parametrize(
    "operations",
    [
        (),
        (("add", "/iban", "innocent"),),
        (("remove", "/nowhere"),),
        (("replace", "/a/b/c", "x"),),
        (("add", "/list/9", "x"),),
        (("add", "/list/-1", "x"),),
        (("add", "/list/x", "x"),),
        (("replace", "", "x"),),
        (("replace", "a", "x"),),
    ],
)
def test_operations_that_lead_elsewhere_are_not_believed(
    operations: tuple[tuple[str, ...], ...],
) -> None:
    change = schema_change('{"a": 1, "list": []}', '{"a": 2, "list": []}', operations)
    assert lines(change) == ['metadata_schema   {"a": 1, "list": []} -> {"a": 2, "list": []}']


def test_an_operation_cannot_alter_what_another_one_brought() -> None:
    shared: dict[str, list[str]] = {"x": []}
    change = FieldChange(
        column="c",
        before=json("{}"),
        after=json('{"a": {"x": ["1"]}, "b": {"x": []}}'),
        operations=(
            Operation(op="add", path="/a", value=shared),
            Operation(op="add", path="/b", value=shared),
            Operation(op="add", path="/a/x/0", value="1"),
        ),
    )
    assert lines(change)[0] == "c"


def test_a_local_edit_that_is_overwritten_is_marked() -> None:
    assert lines(description(drift=True))[0].endswith("(overwrites a local edit)")
    marked = schema_change().model_copy(update={"drift": True})
    assert lines(marked)[0] == "metadata_schema   (overwrites a local edit)"


def test_long_values_are_cut_and_say_their_size() -> None:
    [first, second] = lines(description("a" * 1432, "b" * 100))
    assert first.startswith('description   "aaaa')
    assert first.endswith("a… (1.4 KB)")
    assert second.startswith('           -> "bbbb')
    assert second.endswith("b… (102 bytes)")
    assert max(map(len, (first, second))) <= 94


def test_long_values_that_begin_alike_are_shown_where_they_part() -> None:
    same = "The same beginning. " * 30
    [first, second] = lines(description(same + "old end", same + "new end"))
    assert "old end" in first
    assert "new end" in second


def test_verbose_cuts_nothing() -> None:
    [only] = lines(description("a" * 2000, "b" * 2000), verbose=True)
    assert "a" * 2000 in only
    assert "b" * 2000 in only


def test_all_columns_of_a_new_row_with_json_laid_out() -> None:
    row = {"name": "A\n", "j": json('{"k": [1.10, {}]}'), "prompt": "Look.\n\tSay.\n"}
    shown = [str(line) for line in diff.values(row, width=94)]
    assert shown == [
        'name     "A\\n"',
        "j",
        "  {",
        '    "k": [',
        "      1.10,",
        "      {}",
        "    ]",
        "  }",
        "prompt   2 lines",
        "  │ Look.",
        "  │ \\tSay.",
        "  │",
    ]


def test_a_text_that_goes_on_where_the_other_ends_is_shown_where_it_does() -> None:
    same = "The same beginning. " * 30
    [first, second] = lines(description(same, same + "and an end"))
    assert "an end" not in first
    assert "and an end" in second


def test_sides_are_shown_where_they_part() -> None:
    same = "The same beginning. " * 30
    conflict = EditedBoth(
        address=Address("entity_type.account"),
        target="org_acme",
        column="description",
        base=same,
        ours=same + "Ours.",
        theirs=same + "Theirs.",
    )
    _, ours, theirs = map(str, diff.sides(conflict, width=94))
    assert "Ours." in ours
    assert "Theirs." in theirs
