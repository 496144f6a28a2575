"""The checker refuses each kind of broken plan, however well its plan_id fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.differ.check import check
from reconciler.errors import Exit, InvalidPlanError
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Create, Operation, Update
from reconciler.model.conflict import UserAuthored
from reconciler.model.plan import Plan
from reconciler.model.value import Digest, Json, Ref
from tests.differ.tiny import (
    ACME,
    AGENT,
    BIRCH,
    KINDS,
    OWNED_BY,
    OWNS,
    RULE,
    TYPE,
    absent,
    entity_type,
    json,
    live,
    planned,
    relationship_type,
    snapshot,
    target,
)

OTHER = Address("entity_type.other")


def valid() -> Plan:
    """Creates for both targets, an update with operations inside JSON, and an adoption."""
    states = [
        absent(AGENT, ACME, BIRCH),
        live(TYPE, entity_type(metadata_schema=json('{"type": "array", "old": 1}')), ACME),
        absent(TYPE, BIRCH),
        live(OWNS, relationship_type(name="Mine"), ACME, owner=None),
        absent(OWNED_BY, ACME, BIRCH),
        absent(RULE, ACME),
    ]
    return planned(snapshot(*states, targets=(ACME, BIRCH)), adopt=[OWNS])


def of(plan: Plan, kind: type, address: Address) -> Any:
    """The change of this class at this address."""
    (found,) = [one for one in plan.changes if isinstance(one, kind) and one.address == address]
    return found


def replaced(plan: Plan, old: object, *new: Any) -> Plan:
    """The plan with one change replaced, and a plan_id that fits."""
    changes = [one for change in plan.changes for one in (new if change is old else (change,))]
    return plan.model_copy(update={"changes": tuple(changes)}).identified()


def edited(kind: type, at: Address, /, **update: Any) -> Callable[[Plan], Plan]:
    """An edit of one change."""

    def edit(plan: Plan) -> Plan:
        change = of(plan, kind, at)
        return replaced(plan, change, change.model_copy(update=update))

    return edit


def field(address: Address, name: str, /, **update: Any) -> Callable[[Plan], Plan]:
    """An edit of one column of an update."""

    def edit(plan: Plan) -> Plan:
        change = of(plan, Update if address == TYPE else Adopt, address)
        fields = tuple(
            one.model_copy(update=update) if one.column == name else one for one in change.fields
        )
        return replaced(plan, change, change.model_copy(update={"fields": fields}))

    return edit


def value(address: Address, column: str, given: Any) -> Callable[[Plan], Plan]:
    """Another value in a new row."""

    def edit(plan: Plan) -> Plan:
        change = of(plan, Create, address)
        values = {**change.values, column: given}
        return replaced(plan, change, change.model_copy(update={"values": values}))

    return edit


def whole(**update: Any) -> Callable[[Plan], Plan]:
    """An edit of the plan itself."""
    return lambda plan: plan.model_copy(update=update).identified()


def without_a_column(plan: Plan) -> Plan:
    change = of(plan, Create, TYPE)
    values = {name: one for name, one in change.values.items() if name != "icon"}
    return replaced(plan, change, change.model_copy(update={"values": values}))


def a_tenants_column(plan: Plan) -> Plan:
    """The agent's name is the tenant's, so no update may write it."""
    change = of(plan, Update, TYPE)
    renamed = change.fields[0].model_copy(
        update={"column": "name", "before": "x", "after": "y", "operations": ()}
    )
    update = Update(address=AGENT, targets=(ACME,), before={"description": "d"}, fields=(renamed,))
    agent = of(plan, Create, AGENT)
    kept = agent.model_copy(update={"targets": (BIRCH,), "ids": agent.ids[1:]})
    return replaced(plan, agent, update, kept)


def twice(plan: Plan) -> Plan:
    change = of(plan, Create, OWNED_BY)
    return replaced(plan, change, change, change.model_copy(update={"targets": (ACME,)}))


def in_spite_of_a_conflict(plan: Plan) -> Plan:
    conflict = UserAuthored(address=TYPE, target=ACME)
    return plan.model_copy(update={"conflicts": (conflict,)}).identified()


def doubled_field(plan: Plan) -> Plan:
    change = of(plan, Update, TYPE)
    return replaced(
        plan, change, change.model_copy(update={"fields": (*change.fields, *change.fields)})
    )


def child_before_its_parent(plan: Plan) -> Plan:
    changes = sorted(plan.changes, key=lambda one: one.address != RULE)
    return plan.model_copy(update={"changes": tuple(changes)}).identified()


BROKEN = [
    (whole(targets=(target(BIRCH), target(ACME))), "targets are not sorted"),
    (whole(targets=(target(ACME), target(ACME), target(BIRCH))), "stands twice"),
    (whole(targets=(target(ACME), target(BIRCH), target("org_pub"))), "template's own organi"),
    (whole(targets=(target(ACME),)), "a target that the plan does not have"),
    (whole(kinds={"entity_type": "0" * 64}), "declared otherwise"),
    (whole(kinds={"agent": KINDS[0].digest}), "there is no kind 'entity_type'"),
    (whole(shapes={}), ""),
    (edited(Create, OWNED_BY, address=Address("planet.mars")), "no kind 'planet'"),
    (edited(Create, OWNED_BY, targets=()), "its targets are none"),
    (edited(Create, OWNED_BY, targets=(BIRCH, ACME)), "not sorted"),
    (edited(Create, OWNED_BY, targets=(ACME, ACME)), "stand twice"),
    (edited(Create, OWNED_BY, targets=(ACME, "org_other")), "a target that the plan does not"),
    (edited(Create, RULE, address=Address("relationship_rule.owns")), "parts of its kind"),
    (edited(Create, TYPE, address=Address("entity_type.a/b")), "parts of its kind"),
    (edited(Create, AGENT, ids=("agent_1",)), "one minted id a target"),
    (edited(Create, AGENT, ids=()), "one minted id a target"),
    (edited(Create, TYPE, ids=("1",)), "one minted id a target, or none"),
    (without_a_column, "its columns are not the kind's"),
    (value(TYPE, "surprise", "x"), "its columns are not the kind's"),
    (value(TYPE, "deleted_at", "now"), "its columns are not the kind's"),
    (value(TYPE, "metadata_schema", "{}"), "a value that its column cannot"),
    (value(TYPE, "name", Json(text="1")), "a value that its column cannot"),
    (value(TYPE, "name", Digest(sha256="0" * 64)), "a value that its column cannot"),
    (value(TYPE, "name", Ref(ref=OWNS)), "a value that its column cannot"),
    (value(OWNED_BY, "inverse_type_id", 12), "a value that its column cannot"),
    (value(OWNED_BY, "inverse_type_id", Ref(ref=TYPE)), "cannot refer to"),
    (value(OWNED_BY, "inverse_type_id", Ref(ref=OWNS, organization="org_x")), "cannot refer to"),
    (edited(Update, TYPE, fields=()), "an update without a change"),
    (edited(Update, TYPE, before={}), "does not name the kind's columns"),
    (edited(Update, TYPE, before={**entity_type(), "slug": "x"}), "does not name the kind's"),
    (field(TYPE, "metadata_schema", column="slug"), "'slug' is not the template's to write"),
    (field(TYPE, "metadata_schema", column="organization_id"), "not the template's to write"),
    (field(TYPE, "metadata_schema", before=json("{}")), "two different values before"),
    (field(TYPE, "metadata_schema", after=json('{"old": 1, "type": "array"}')), "does not change"),
    (field(TYPE, "metadata_schema", after=json('{"evil": 1}')), "do not lead to"),
    (field(TYPE, "metadata_schema", operations=(Operation(op="remove", path="/old"),)),
     "do not lead to"),
    (field(TYPE, "metadata_schema", operations=(Operation(op="remove", path="/none/1"),)),
     "do not lead to"),
    (field(TYPE, "metadata_schema", after="[]"), "a value that its column cannot"),
    (field(OWNS, "name", after=None, before="Somebody's"), "two different values before"),
    (field(OWNS, "inverse_type_id", after=Ref(ref=TYPE)), "cannot refer to"),
    (doubled_field, "changed twice"),
    (a_tenants_column, "not the template's to write"),
    (twice, "is changed twice in org_acme"),
    (in_spite_of_a_conflict, "in spite of a conflict"),
    (child_before_its_parent, "written later"),
    (lambda plan: plan.model_copy(update={"plan_id": "0" * 64}), "plan_id does not fit"),
    (lambda plan: plan.model_copy(update={"fingerprint": "0" * 64}), "plan_id does not fit"),
]  # fmt: skip


def test_the_plan_that_is_broken_below_is_valid() -> None:
    plan = valid()
    check(plan, KINDS)
    assert {one.action for one in plan.changes} == {"create", "update", "adopt"}
    assert check(plan.model_copy(update={"created_at": "2000-01-01T00:00:00Z"}), KINDS) is None


@pytest.mark.parametrize(("break_it", "message"), BROKEN)
def test_a_broken_plan_is_refused(break_it: Callable[[Plan], Plan], message: str) -> None:
    with pytest.raises(InvalidPlanError) as caught:
        check(break_it(valid()), KINDS)
    assert message in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == Exit.ERROR


def test_a_row_cannot_be_adopted_where_rows_have_no_owner() -> None:
    adoption = Adopt(address=RULE, targets=(BIRCH,), owner=None, before={}, fields=())
    plan = valid()
    broken = plan.model_copy(update={"changes": (*plan.changes, adoption)}).identified()
    with pytest.raises(InvalidPlanError, match="cannot be adopted"):
        check(broken, KINDS)


def test_an_adoption_needs_the_resolution_of_a_person() -> None:
    """Promise one: a tenant's row changes only where a person resolved it by name, in the plan."""
    plan = valid()
    request = plan.request.model_copy(update={"resolutions": ()})
    with pytest.raises(InvalidPlanError):
        check(plan.model_copy(update={"request": request}).identified(), KINDS)


def test_what_is_kept_is_a_column_that_does_not_change() -> None:
    for name in ("metadata_schema", "no_such_column"):
        with pytest.raises(InvalidPlanError, match="keeps what it changes"):
            check(edited(Update, TYPE, kept={name: "x"})(valid()), KINDS)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    broken = value(TYPE, "name", Json(text="1"))(without_a_column(valid()))
    broken = edited(Update, TYPE, fields=())(broken)
    with pytest.raises(InvalidPlanError) as caught:
        check(broken, KINDS)
    for message in ("columns are not the kind's", "its column cannot", "without a change"):
        assert message in caught.value.message
