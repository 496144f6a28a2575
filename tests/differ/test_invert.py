"""The inverse of an inverse is the change itself, but for what is there to be read only."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.differ.invert import invert
from reconciler.kinds import load
from reconciler.model.address import Address
from reconciler.model.change import (
    Adopt,
    Change,
    Create,
    FieldChange,
    Move,
    Operation,
    Predecessor,
    Release,
    Restore,
    Retire,
    Update,
)
from reconciler.model.snapshot import RowOwner
from reconciler.model.value import Values

KINDS = {kind.name: kind for kind in load()}
TYPE, AGENT = KINDS["entity_type"], KINDS["agent"]
NAMES = [column.name for column in TYPE.compared if not column.references]
TEXT = st.sampled_from(["one", "two", "three", None])
VALUES = st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT))
TARGETS = st.sampled_from([("org_a",), ("org_a", "org_b")])
STANDING = st.sampled_from([None, "placed", "retired", "released"])
OWNER = st.none() | st.just(RowOwner(agent="agent_x", organization="org_x", exists=True))
READ = (Operation(op="add", path="/a", value=1),)


@st.composite
def fields(draw: Any, before: Values) -> tuple[FieldChange, ...]:
    """Some of the columns, with what is there to be read."""
    return tuple(
        FieldChange(
            column=name,
            before=before[name],
            after=value,
            operations=READ,
            drift=draw(st.booleans()),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
        if (value := draw(TEXT)) != before[name]
    )


@st.composite
def changes(draw: Any) -> Change:
    """A change of any kind."""
    address, targets = Address("entity_type.a"), draw(TARGETS)
    before = draw(VALUES)
    written = draw(fields(before))
    left = [name for name in NAMES if name not in {one.column for one in written}]
    kept = {name: "base" for name in left if draw(st.booleans())}
    common: dict[str, Any] = {
        "address": address, "targets": targets, "before": before, "fields": written,
        "was": draw(STANDING), "becomes": draw(STANDING),
        "bases": {one.column: "base" for one in written if draw(st.booleans())},
        "kept": kept, "pinned": tuple(sorted(kept)) if draw(st.booleans()) else (),
    }  # fmt: skip
    ids = {"ids": tuple(str(place) for place, _ in enumerate(targets))}
    seen = Predecessor(address=Address("entity_type.b"), fields=written)
    release: Any = {"because": "undone", "to": draw(OWNER)}
    found: list[Change] = [
        Create(address=address, targets=targets, values=before, predecessor=seen),
        Create(address=Address("agent.x"), targets=targets, values={"name": "x"}, **ids),
        Update(**common),
        Adopt(owner=draw(OWNER), **common),
        Restore(**ids, **common),
        Release(**release, **common),
        Retire(**ids, **common),
        Move(source=Address("entity_type.b"), **common),
    ]
    return draw(st.sampled_from(found))


def plain(change: Change) -> Change:
    """The change without what is there to be read only."""
    if isinstance(change, Create):
        return change.model_copy(update={"predecessor": None})
    bare = tuple(one.model_copy(update={"operations": (), "drift": False}) for one in change.fields)
    return change.model_copy(update={"fields": bare})


@given(st.lists(changes(), max_size=6))
def test_the_inverse_of_an_inverse_is_the_change(made: list[Change]) -> None:
    assert [plain(one) for one in invert(invert(made, KINDS), KINDS)] == [
        plain(one) for one in made
    ]


@given(changes())
def test_an_inverse_begins_where_the_change_ends(made: Change) -> None:
    (back,) = invert([made], KINDS)
    assert back.targets == made.targets
    if isinstance(made, Create) or isinstance(back, Create):
        return
    assert back.before == made.after
    assert back.after == made.before


def test_the_last_change_is_undone_first() -> None:
    a, b, c = (Address(f"entity_type.{slug}") for slug in "abc")
    made = [
        Move(address=to, targets=("org_a",), source=of, before={}) for of, to in ((a, b), (b, c))
    ]
    assert [(one.source, one.address) for one in invert(made, KINDS) if isinstance(one, Move)] == [
        (c, b), (b, a),
    ]  # fmt: skip
