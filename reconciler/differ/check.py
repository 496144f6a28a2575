"""An independent checker: is this plan one that may be shown, and one that may run?

It knows nothing of how a plan is made. It is asked before a plan is shown, and again before
it is applied, since a plan file may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.differ.patch import patched
from reconciler.errors import InvalidPlanError
from reconciler.kinds import Kinds
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.kinds.order import key_width, parent_of
from reconciler.model.address import Address
from reconciler.model.canonical import canonical
from reconciler.model.change import Adopt, Create, FieldChange, Update
from reconciler.model.kind import Column, Kind
from reconciler.model.plan import Plan
from reconciler.model.value import Digest, Json, Ref, Value, Values
from reconciler.schedule import problem


def check(plan: Plan, kinds: Kinds) -> None:
    """Raise InvalidPlanError with everything that is wrong with the plan."""
    wrong = list(_plan(plan, {kind.name: kind for kind in kinds}))
    if wrong:
        raise InvalidPlanError(
            "the plan is not valid:\n  " + "\n  ".join(wrong[:20]),
            hint="Make a new plan. If `reconcile plan` itself says this, please report it.",
        )


def _plan(plan: Plan, kinds: dict[str, Kind]) -> Iterator[str]:
    targets = [target.organization.id for target in plan.targets]
    if targets != sorted(set(targets)):
        yield "the targets are not sorted, or one stands twice"
    if plan.template.organization.id in targets:
        yield "the template's own organisation is a target"
    if plan.actor.mode == "operator" and plan.actor.user_id is not None:
        yield "an operator is a database role, not a user"
    known = frozenset(targets)
    for name, digest in plan.kinds.items():
        if name not in kinds or kinds[name].digest != digest:
            yield f"kind {name} is declared otherwise here than where the plan was made"
    touched: set[tuple[str, str]] = set()
    order = list(kinds)
    last = -1
    for change in plan.changes:
        kind = kinds.get(change.address.kind)
        if kind is None or kind.name not in plan.kinds:
            yield f"{change.address}: there is no kind {change.address.kind!r}"
            continue
        place = order.index(kind.name)
        if place < last:
            yield f"{change.address}: stands after a kind that is written later"
        last = max(last, place)
        if list(change.targets) != sorted(set(change.targets)) or not change.targets:
            yield f"{change.address}: its targets are none, not sorted, or stand twice"
        if not known.issuperset(change.targets):
            yield f"{change.address}: has a target that the plan does not have"
        for target in change.targets:
            if (change.address, target) in touched:
                yield f"{change.address}: is changed twice in {target}"
            touched.add((change.address, target))
        if len(change.address.key) != key_width(kind, kinds):
            yield f"{change.address}: its key does not have the parts of its kind's"
        if not kind.mirrored:
            yield f"{change.address}: rows of this kind are only pointed at"
        yield from _place(kind, change, plan, kinds)
        if isinstance(change, Adopt) and not _resolved(change, plan):
            yield f"{change.address}: is taken over, and nobody resolved that"
        yield from _change(kind, change, plan, kinds)
    for conflict in plan.conflicts:
        if (conflict.address, conflict.target) in touched:
            yield f"{conflict.address}: is changed in {conflict.target} in spite of a conflict"
    if plan.meaning() != plan.plan_id:
        yield "its plan_id does not fit its content"


def _change(
    kind: Kind, change: Create | Update | Adopt, plan: Plan, kinds: dict[str, Kind]
) -> Iterator[str]:
    at = change.address
    shape = plan.shapes.get(kind.name, {})
    columns = {column.name: column for column in kind.columns if column.name in shape}
    if isinstance(change, Create):
        if change.values.keys() != columns.keys():
            yield f"{at}: its columns are not the kind's"
        if len(change.ids) != (len(change.targets) if kind.mint is not None else 0):
            yield f"{at}: needs one minted id a target, or none"
        for name, value in change.values.items():
            yield from _value(at, columns.get(name), shape.get(name, ""), value, kinds)
            yield from _must(at, columns.get(name), value, plan)
        yield from _schedules(at, kind, change.values)
        yield from _predecessor(kind, change)
        return
    if kind.history:
        yield f"{at}: a version is history, and never written over"
    compared = {column.name for column in kind.compared if column.name in shape}
    if change.before.keys() != compared:
        yield f"{at}: what it was before does not name the kind's columns"
    names = [field.column for field in change.fields]
    if len(set(names)) != len(names):
        yield f"{at}: a column is changed twice"
    if isinstance(change, Update) and not names:
        yield f"{at}: is an update without a change"
    kept = set(change.kept)
    shared = {column.name for column in kind.compared if column.owner == "shared"}
    if not kept <= shared - set(names):
        yield f"{at}: keeps an edit of a column that is not shared"
    if isinstance(change, Adopt) and kind.owner is None:
        yield f"{at}: rows of this kind have no owner, so they cannot be adopted"
    for field in change.fields:
        if field.column not in compared:
            yield f"{at}: column {field.column!r} is not the template's to write"
            continue
        yield from _value(at, columns[field.column], shape[field.column], field.after, kinds)
        yield from _must(at, columns[field.column], field.after, plan)
        yield from _schedules(at, kind, {field.column: field.after})
        yield from _field(at, field, change.before.get(field.column))


def _place(
    kind: Kind, change: Create | Update | Adopt, plan: Plan, kinds: dict[str, Kind]
) -> Iterator[str]:
    """An address that a plan may speak of, and the ids that it may mint there."""
    agent = plan.template.agent_id
    if kind.installs and change.address.key != (agent,):
        yield f"{change.address}: is another template than the plan's"
    if _excluded(kind, change.address, kinds):
        yield f"{change.address}: is excluded, so it is nobody's to write"
    if isinstance(change, Create) and kind.mint is not None:
        for target, given in zip(change.targets, change.ids, strict=False):
            known = (mint(kind.mint, agent, target, change.address, n) for n in range(ATTEMPTS))
            if given not in known:
                yield f"{change.address}: its id in {target} is not one that a plan mints"


def _excluded(kind: Kind, address: Address, kinds: dict[str, Kind]) -> bool:
    own = dict(zip(kind.key, address.key[-len(kind.key) :], strict=False)) if kind.key else {}
    if any(own.get(one.column, "").startswith(one.prefix) for one in kind.exclude):
        return True
    above = parent_of(kind, address)
    return above is not None and _excluded(kinds[above.kind], above, kinds)


def _resolved(change: Adopt, plan: Plan) -> bool:
    wanted = "adopt" if change.owner is None else "take"
    return any(
        (one.address, one.action) == (change.address, wanted) for one in plan.request.resolutions
    )


def _predecessor(kind: Kind, change: Create) -> Iterator[str]:
    if change.predecessor is None:
        return
    if not kind.history or change.predecessor.address.kind != kind.name:
        yield f"{change.address}: follows a row that is no version of its own"
    for field in change.predecessor.fields:
        if change.values.get(field.column) != field.after:
            yield f"{change.address}: {field.column} is shown with another value than it gets"
        yield from _field(change.address, field, field.before)


def _schedules(at: str, kind: Kind, values: Values) -> Iterator[str]:
    for computed in kind.next_run:
        schedule = values.get(computed.schedule)
        if schedule is not None and problem(str(schedule)) is not None:
            yield f"{at}: {computed.schedule} is not a cron schedule"


def _field(at: str, field: FieldChange, before: Value) -> Iterator[str]:
    if field.before != before:
        yield f"{at}: {field.column} has two different values before"
    if field.before == field.after:
        yield f"{at}: {field.column} does not change"
    if field.operations and isinstance(field.before, Json) and isinstance(field.after, Json):
        try:
            reached = canonical(patched(field.before.parsed(), field.operations))
        except (KeyError, IndexError, ValueError, TypeError):
            reached = ""
        if reached != field.after.text:
            yield f"{at}: the operations shown for {field.column} do not lead to what it becomes"


def _must(at: Address, column: Column | None, value: Value, plan: Plan) -> Iterator[str]:
    """What a column may not be, whatever a plan file says."""
    if column is not None and column.required and value is None:
        yield f"{at}: {column.name} is empty, and a row without it is only half a row"
    installed = isinstance(value, Ref) and value.ref.key == (plan.template.agent_id,)
    if column is not None and column.installation and not installed:
        yield f"{at}: {column.name} is not the installation of this template"


def _value(
    at: Address, column: Column | None, sql_type: str, value: Value, kinds: dict[str, Kind]
) -> Iterator[str]:
    if column is None or value is None:
        return
    expected: type | tuple[type, ...]
    if column.references:
        expected = Ref
    elif column.sensitive:
        expected = Digest
    elif sql_type in ("json", "jsonb"):
        expected = Json
    else:
        expected = (str, bool, int)
    if not isinstance(value, expected):
        yield f"{at}: {column.name} holds a value that its column cannot"
    elif isinstance(value, Ref) and (
        value.organization is not None or value.own or value.ref.kind != column.references
    ):
        yield f"{at}: {column.name} refers to a row that it cannot refer to"
    elif isinstance(value, Ref) and len(value.ref.key) != key_width(kinds[value.ref.kind], kinds):
        yield f"{at}: {column.name} refers to a key that does not have the parts of its kind's"
    elif isinstance(value, Ref) and value.ref != at:
        above = parent_of(kinds[value.ref.kind], value.ref)
        if above is not None and above.kind == at.kind and above != at:
            yield f"{at}: {column.name} is a child of another row"
