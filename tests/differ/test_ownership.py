"""The ownership table of the semantics, row by row: what a plan does with whose row."""

from __future__ import annotations

import pytest

from reconciler.errors import NotFoundError
from reconciler.model.address import Address
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Collision, RowOwner, State
from tests.differ.tiny import (
    ACME,
    AGENT,
    BIRCH,
    GONE,
    OURS,
    OWNED_BY,
    OWNS,
    RIVAL,
    ROWS,
    RULE,
    SISTER,
    TYPE,
    absent,
    agent,
    entity_type,
    live,
    planned,
    relationship_type,
    snapshot,
)

DIFFERENT = entity_type(description="Theirs")


def dead(address: Address, *, owner: RowOwner | None, blocks: bool, ledger: str | None) -> State:
    values = entity_type() if address == TYPE else relationship_type()
    return State(
        address=address,
        organizations=(ACME,),
        situation="dead",
        owner=owner,
        values=values,
        blocks=blocks,
        ledger=ledger,
    )


def ambiguous(address: Address) -> State:
    return State(address=address, organizations=(ACME,), situation="ambiguous")


def told(plan: Plan) -> list[str]:
    """What the plan says, one word an address."""
    return [
        *(f"{one.action} {one.address}" for one in plan.changes),
        *(f"{one.reason} {one.address}" for one in plan.conflicts),
        *(f"{one.about} {one.address}" for one in plan.notes),
    ]


TABLE = [
    ("none, and none was ever placed", absent(TYPE), ["create"]),
    ("none, but one was placed before", absent(TYPE, ledger="placed"), ["deleted_by_tenant"]),
    ("owner column NULL", live(TYPE, DIFFERENT, owner=None), ["user_authored"]),
    ("owner column NULL, and equal", live(TYPE, entity_type(), owner=None), ["user_authored"]),
    ("owner column NULL, where one of ours was", live(TYPE, DIFFERENT, owner=None, ledger="placed"),
     ["user_authored"]),
    ("owner = this template agent", live(TYPE, DIFFERENT, base=entity_type()), ["update"]),
    ("the same, without a base", live(TYPE, DIFFERENT), ["update", "no_base"]),
    ("another agent of the organisation", live(TYPE, DIFFERENT, owner=SISTER, base=DIFFERENT),
     ["update"]),
    ("the same, and equal", live(TYPE, entity_type(), owner=SISTER), []),
    ("owner = another template", live(TYPE, DIFFERENT, owner=RIVAL), ["foreign_owner"]),
    ("the same, and equal", live(TYPE, entity_type(), owner=RIVAL), ["foreign_owner"]),
    ("another template that is gone", live(TYPE, DIFFERENT, owner=GONE), ["foreign_owner"]),
    ("ours, retired by the tenant", dead(TYPE, owner=OURS, blocks=False, ledger="placed"),
     ["deleted_by_tenant"]),
    ("ours, retired, and in the way", dead(TYPE, owner=OURS, blocks=True, ledger="placed"),
     ["deleted_by_tenant"]),
    ("somebody's, dead, and in the way", dead(TYPE, owner=None, blocks=True, ledger=None),
     ["dead_row_blocks"]),
    ("another template's, dead, and in the way", dead(TYPE, owner=RIVAL, blocks=True, ledger=None),
     ["dead_row_blocks"]),
    ("somebody's, dead, and harmless", dead(TYPE, owner=None, blocks=False, ledger=None),
     ["create"]),
    ("two live rows", ambiguous(TYPE), ["ambiguous"]),
]  # fmt: skip


@pytest.mark.parametrize(("row", "state", "verdicts"), TABLE, ids=[row for row, *_ in TABLE])
def test_the_table(row: str, state: State, verdicts: list[str]) -> None:
    assert told(planned(snapshot(state))) == [f"{verdict} {TYPE}" for verdict in verdicts]


def test_a_foreign_owner_is_named_and_it_says_whether_it_still_exists() -> None:
    for owner in (RIVAL, GONE):
        (conflict,) = planned(snapshot(live(TYPE, DIFFERENT, owner=owner))).conflicts
        assert conflict.reason == "foreign_owner"
        assert (conflict.owner, conflict.target) == (owner, ACME)


COLLISION = Collision(
    address=TYPE,
    organization=ACME,
    index="everybody_key",
    columns=("slug",),
    speaks_of=frozenset({"name"}),
    other_id="4711",
    other_organization="org_other",
)


def test_a_collision_names_the_index_and_the_row_in_the_way() -> None:
    seen = snapshot(absent(TYPE, ACME, BIRCH), targets=(ACME, BIRCH), collisions=(COLLISION,))
    plan = planned(seen)
    assert [change.targets for change in plan.changes] == [(BIRCH,)]
    (conflict,) = plan.conflicts
    assert conflict.reason == "unique_collision"
    assert (conflict.index, conflict.columns) == ("everybody_key", ("slug",))
    assert (conflict.other_id, conflict.other_organization) == ("4711", "org_other")
    assert told(planned(seen, skip=[TYPE])) == [f"create {TYPE}", f"skipped {TYPE}"]


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        (live(TYPE, DIFFERENT, owner=None), "adopt", "adopt"),
        (live(TYPE, entity_type(), owner=None), "adopt", "adopt"),
        (live(TYPE, DIFFERENT, owner=None), "skip", "skipped"),
        (live(TYPE, DIFFERENT, owner=None), "take", "user_authored"),
        (live(TYPE, DIFFERENT, owner=RIVAL), "take", "adopt"),
        (live(TYPE, DIFFERENT, owner=GONE), "take", "adopt"),
        (live(TYPE, DIFFERENT, owner=RIVAL), "skip", "skipped"),
        (live(TYPE, DIFFERENT, owner=RIVAL), "adopt", "foreign_owner"),
        (dead(TYPE, owner=RIVAL, blocks=True, ledger=None), "skip", "skipped"),
        (dead(TYPE, owner=RIVAL, blocks=True, ledger=None), "adopt", "dead_row_blocks"),
        (dead(TYPE, owner=RIVAL, blocks=True, ledger=None), "take", "dead_row_blocks"),
        (ambiguous(TYPE), "skip", "skipped"),
        (ambiguous(TYPE), "adopt", "ambiguous"),
        (ambiguous(TYPE), "take", "ambiguous"),
    ],
)
def test_a_resolution_resolves_its_own_reason_only(
    state: State, action: str, expected: str
) -> None:
    plan = planned(snapshot(state), **{action: [TYPE]})
    first, *rest = told(plan)
    assert first == f"{expected} {TYPE}"
    # A flag that does not fit leaves the conflict, and the plan says that it resolves nothing.
    assert rest == ([f"needless_flag {TYPE}"] if plan.conflicts else [])
    (resolution,) = plan.request.resolutions
    assert (resolution.action, resolution.chosen_by) == (action, "ana")


def test_adopting_says_whose_it_was_and_what_changes() -> None:
    for owner, action in ((None, "adopt"), (RIVAL, "take")):
        plan = planned(snapshot(live(TYPE, DIFFERENT, owner=owner)), **{action: [TYPE]})
        (change,) = plan.changes
        assert change.action == "adopt"
        assert change.owner == owner
        assert change.before == DIFFERENT
        assert [(one.column, one.before, one.after) for one in change.fields] == [
            ("description", "Theirs", "A bank account")
        ]


def test_a_resolution_that_names_no_row_of_the_template_is_refused() -> None:
    with pytest.raises(NotFoundError, match=r"entity_type\.typo"):
        planned(snapshot(absent(TYPE)), skip=[Address("entity_type.typo")])


def test_every_conflict_is_told_at_once_one_a_row_and_target() -> None:
    states = [
        live(TYPE, DIFFERENT, ACME, BIRCH, owner=None),
        live(OWNS, relationship_type(), owner=RIVAL),
        ambiguous(OWNED_BY),
    ]
    plan = planned(snapshot(*states, targets=(ACME, BIRCH)))
    assert [(one.reason, one.address, one.target) for one in plan.conflicts] == [
        ("ambiguous", OWNED_BY, ACME),
        ("foreign_owner", OWNS, ACME),
        ("user_authored", TYPE, ACME),
        ("user_authored", TYPE, BIRCH),
    ]


def test_a_doubled_address_of_the_template_is_a_conflict_in_every_target() -> None:
    plan = planned(snapshot(absent(TYPE, ACME, BIRCH), targets=(ACME, BIRCH), ambiguous=(TYPE,)))
    assert [(one.reason, one.target) for one in plan.conflicts] == [
        ("ambiguous", ACME),
        ("ambiguous", BIRCH),
    ]
    assert {one.where for one in plan.conflicts if one.reason == "ambiguous"} == {"template"}
    assert plan.changes == ()


def test_a_child_is_ours_exactly_if_we_placed_it() -> None:
    theirs = live(RULE, {}, owner=None)
    assert told(planned(snapshot(theirs))) == [f"user_authored {RULE}"]
    assert told(planned(snapshot(live(RULE, {}, owner=None, ledger="placed")))) == []
    assert told(planned(snapshot(absent(RULE, ledger="placed")))) == [f"deleted_by_tenant {RULE}"]
    assert told(planned(snapshot(absent(RULE)))) == [f"create {RULE}"]


@pytest.mark.parametrize("owner", [None, RIVAL])
def test_nothing_is_put_under_a_parent_that_is_not_ours(owner: RowOwner | None) -> None:
    seen = snapshot(live(OWNS, relationship_type(), owner=owner), absent(RULE))
    reason = "foreign_owner" if owner else "user_authored"
    assert told(planned(seen)) == [f"{reason} {OWNS}", f"with_parent {RULE}"]
    assert told(planned(seen, skip=[OWNS])) == [f"skipped {OWNS}", f"with_parent {RULE}"]
    resolved = planned(seen, **{"take" if owner else "adopt": [OWNS]})
    assert told(resolved) == [f"adopt {OWNS}", f"create {RULE}"]


def test_nothing_is_put_under_a_parent_that_the_tenant_deleted() -> None:
    plan = planned(snapshot(absent(OWNS, ledger="placed"), absent(RULE)))
    assert told(plan) == [f"deleted_by_tenant {OWNS}", f"with_parent {RULE}"]


def test_a_child_is_left_out_only_where_its_parent_is_not_ours() -> None:
    states = [live(OWNS, relationship_type(), ACME, owner=None), absent(RULE, ACME, BIRCH)]
    seen = snapshot(*states, targets=(ACME, BIRCH))
    plan = planned(seen, skip=[OWNS])
    assert told(plan) == [f"create {RULE}", f"skipped {OWNS}", f"with_parent {RULE}"]
    assert [one.targets for one in (*plan.changes, *plan.notes)] == [(BIRCH,), (ACME,), (ACME,)]


def test_a_flag_is_needless_where_it_resolves_nothing_in_any_target() -> None:
    theirs = live(TYPE, DIFFERENT, ACME, owner=None)
    plan = planned(snapshot(theirs, targets=(ACME, BIRCH)), skip=[TYPE], take=[OWNS])
    assert told(plan) == [f"needless_flag {OWNS}", f"skipped {TYPE}"]
    needless, skipped = plan.notes
    assert needless.about == "needless_flag"
    assert (needless.action, needless.targets) == ("take", (ACME, BIRCH))
    assert skipped.targets == (ACME,)


def test_a_reference_to_a_row_that_will_be_missing_is_left_null_and_said() -> None:
    states = [absent(OWNS), absent(OWNED_BY, ledger="placed"), absent(RULE)]
    plan = planned(snapshot(*states))
    created = {one.address: one for one in plan.changes if one.action == "create"}
    assert created[OWNS].values["inverse_type_id"] is None
    (note,) = [one for one in plan.notes if one.about == "unlinked"]
    assert (note.address, note.column, note.refers_to) == (OWNS, "inverse_type_id", OWNED_BY)


def test_a_link_to_what_left_the_template_is_judged_alike_whatever_else_changes() -> None:
    """`owned_by` died in the template, which goes on pointing at it; here it is an orphan."""
    rows = [row for row in ROWS if row.address != OWNED_BY]
    linked = relationship_type(OWNED_BY)
    orphan = live(OWNED_BY, linked).model_copy(update={"orphan": True, "values": None})
    # Equal to the template's row, it is settled and does not travel: its link stays.
    assert planned(snapshot(orphan, rows=rows)).empty
    # So when only its description differs, only its description changes.
    older = live(OWNS, {**linked, "description": "Old"}, base={**linked, "description": "Old"})
    (change,) = planned(snapshot(older, orphan, rows=rows)).changes
    assert change.action == "update"
    assert [one.column for one in change.fields] == ["description"]


def test_an_orphan_is_noted_and_nothing_more() -> None:
    old = Address("entity_type.cheque")
    orphan = live(old, entity_type()).model_copy(update={"orphan": True, "values": None})
    assert told(planned(snapshot(orphan))) == [f"orphaned {old}"]


def test_an_agent_that_was_deleted_is_installed_again() -> None:
    # Asking for an install is asking for the agent; for all other rows deleting is a decision.
    assert told(planned(snapshot(absent(AGENT, ledger="placed")))) == [f"create {AGENT}"]


def test_a_renamed_agent_stays_renamed_and_a_new_one_takes_the_name_asked_for() -> None:
    # What is compared of an agent is what the template owns: its name is the tenant's.
    here = {"description": "Old"}
    renamed = live(AGENT, here, owner=None, base=here, ledger="placed")
    (change,) = planned(snapshot(renamed), name="Other").changes
    assert change.action == "update"
    assert [one.column for one in change.fields] == ["description"]
    (created,) = planned(snapshot(absent(AGENT)), name="Other").changes
    assert created.action == "create"
    assert created.values == agent(name="Other")
    assert len(created.ids) == 1


def test_settled_rows_make_an_empty_plan() -> None:
    plan = planned(snapshot(rows=ROWS))
    assert plan.empty
    assert told(plan) == []
