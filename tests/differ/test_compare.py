"""One row against the template's, column by column: two ways, three ways, and whose it is."""

from __future__ import annotations

import pytest

from reconciler.differ.compare import compare
from reconciler.model.address import Address
from reconciler.model.kind import Column
from reconciler.model.value import Ref, Value
from tests.differ.tiny import ACME, ROWS, TYPE, entity_type, json, kind, live, planned, snapshot

UNKNOWN = object()
NOTHING, CHANGE, DRIFT, KEEP, BOTH = "nothing", "change", "change, drift", "keep", "edited_both"

# owner, base, ours (the target's), theirs (the template's), what follows
TABLE = [
    # The template's: its value wins, and an edit in the target is called drift.
    ("template", "a", "a", "a", NOTHING),
    ("template", "a", "a", "b", CHANGE),
    ("template", "a", "b", "a", DRIFT),
    ("template", "a", "b", "c", DRIFT),
    ("template", "a", "b", "b", NOTHING),
    ("template", UNKNOWN, "a", "a", NOTHING),
    ("template", UNKNOWN, "a", "b", CHANGE),
    ("template", None, None, "b", CHANGE),
    ("template", "a", None, "a", DRIFT),
    ("template", "a", "a", None, CHANGE),
    # The tenant's: seeded at create, never again.
    ("tenant", "a", "a", "b", NOTHING),
    ("tenant", "a", "b", "c", NOTHING),
    ("tenant", UNKNOWN, "a", "b", NOTHING),
    # Shared: the template's change wins until the tenant edits the field.
    ("shared", "a", "a", "a", NOTHING),
    ("shared", "a", "a", "b", CHANGE),
    ("shared", "a", "b", "a", KEEP),
    ("shared", "a", "b", "b", NOTHING),
    ("shared", "a", "b", "c", BOTH),
    ("shared", "a", None, "a", KEEP),
    ("shared", None, "b", None, KEEP),
    ("shared", None, None, "b", CHANGE),
    ("shared", None, "a", "b", BOTH),
    ("shared", "a", "b", None, BOTH),
    ("shared", UNKNOWN, "a", "a", NOTHING),
    ("shared", UNKNOWN, "a", "b", CHANGE),
]


@pytest.mark.parametrize(("owner", "base", "ours", "theirs", "verdict"), TABLE)
def test_the_table(owner: str, base: object, ours: Value, theirs: Value, verdict: str) -> None:
    column = Column.model_validate({"name": "x", "owner": owner})
    known = None if base is UNKNOWN else {"x": base}
    have = {} if owner == "tenant" else {"x": ours}
    found = compare(kind(column), {"x": theirs}, have, known)  # type: ignore[arg-type]
    told = NOTHING
    if found.fields:
        ((told, one),) = [(DRIFT if one.drift else CHANGE, one) for one in found.fields]
        assert (one.column, one.before, one.after) == ("x", ours, theirs)
    if found.kept:
        assert told == NOTHING
        assert found.kept == {"x": theirs}
        told = KEEP
    if found.edited:
        assert told == NOTHING
        assert found.edited == [("x", base, ours, theirs)]
        told = BOTH
    assert told == verdict


def test_a_base_that_does_not_know_a_column_is_no_base_for_it() -> None:
    # A kind that learned a column later: rows of before have no base for that column alone.
    columns = (Column(name="old", owner="shared"), Column(name="new", owner="shared"))
    found = compare(
        kind(*columns), {"old": "b", "new": "b"}, {"old": "x", "new": "x"}, {"old": "b"}
    )
    assert found.kept == {"old": "b"}
    assert [(one.column, one.drift) for one in found.fields] == [("new", False)]


# A column has one type, so a boolean never meets a whole number (which Python holds equal).
ALIKE: list[Value] = [
    None, 1, 0, "1", "true", "", "null", "1.0", "1.10",
    json("1"), json("1.0"), json("1.10"), json('"1"'), json("true"), json("null"), json('""'),
    Ref(ref=Address("a.b")), Ref(ref=Address("a.c")), Ref(ref=Address("a.b"), organization="o"),
]  # fmt: skip


@pytest.mark.parametrize("ours", ALIKE, ids=repr)
@pytest.mark.parametrize("theirs", ALIKE, ids=repr)
def test_values_that_look_alike_are_told_apart(ours: Value, theirs: Value) -> None:
    found = compare(kind(Column(name="x")), {"x": theirs}, {"x": ours}, None)
    assert bool(found.fields) == (ours is not theirs)


def test_inside_json_the_way_is_shown_and_equal_meaning_is_equal() -> None:
    column = Column(name="x")
    before, after = json('{"b": 1, "a": [1.10]}'), json('{"a": [1.10], "b": 1, "c": null}')
    ((field,),) = [compare(kind(column), {"x": after}, {"x": before}, None).fields]
    assert [(one.op, one.path) for one in field.operations] == [("add", "/c")]
    assert not compare(
        kind(column), {"x": json('{"a": 1, "b": 2}')}, {"x": json('{"b":2,"a":1}')}, None
    ).fields


def test_between_json_and_nothing_there_are_no_operations() -> None:
    column = Column(name="x")
    for ours, theirs in [(None, json("{}")), (json("{}"), None)]:
        (field,) = compare(kind(column), {"x": theirs}, {"x": ours}, None).fields
        assert field.operations == ()


def test_a_row_compared_two_ways_says_so() -> None:
    changed = (ROWS[0], ROWS[1].model_copy(update={"values": entity_type(name="New")}), *ROWS[2:])
    unknown = planned(snapshot(live(TYPE, entity_type()), rows=changed))
    assert [note.about for note in unknown.notes] == ["no_base"]
    known = planned(
        snapshot(live(TYPE, entity_type(), base=entity_type(), ledger="placed"), rows=changed)
    )
    assert known.notes == ()
    (change,) = known.changes
    assert change.action == "update"
    assert change.targets == (ACME,)
    assert [(one.column, one.drift) for one in change.fields] == [("name", False)]


def test_drift_is_shown_field_by_field() -> None:
    have = entity_type(name="Edited here", icon="edited")
    plan = planned(snapshot(live(TYPE, have, base=entity_type(), ledger="placed")))
    (change,) = plan.changes
    assert change.action == "update"
    assert [(one.column, one.before, one.after, one.drift) for one in change.fields] == [
        ("name", "Edited here", "Account", True),
        ("icon", "edited", None, True),
    ]
    assert change.before == have
