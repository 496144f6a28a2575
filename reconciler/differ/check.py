"""An independent checker: is this plan one that may be shown, and one that may run?

It knows nothing of how a plan is made. It is asked before a plan is shown, and again before
it is applied, since a plan file may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.differ.followed import followed
from reconciler.differ.named import named, renamed
from reconciler.differ.patch import patched
from reconciler.differ.provided import provided
from reconciler.differ.taking_part import taking_part
from reconciler.errors import InvalidPlanError
from reconciler.kinds import Kinds
from reconciler.kinds.order import key_width, parent_of
from reconciler.model.address import Address
from reconciler.model.canonical import canonical
from reconciler.model.change import (
    Adopt,
    Change,
    Create,
    FieldChange,
    Move,
    Release,
    Restore,
    Retire,
    Rewrite,
    Update,
)
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
    targets = list(plan.organizations)
    if targets != sorted(set(targets)):
        yield "the targets are not sorted, or one stands twice"
    if plan.template.organization.id in targets:
        yield "the template's own organisation is a target"
    if plan.actor.mode == "operator" and plan.actor.user_id is not None:
        yield "an operator is a database role, not a user"
    if plan.request.mode == "undo" and plan.request.revision is None:
        yield "it does not say which revision it undoes"
    if plan.request.mode == "refresh" and plan.changes:
        yield "it only says what drifted, and changes rows"
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
        yield from named(kind, change, plan, kinds)
        yield from _wanted(change, plan)
        yield from followed(kind, change, plan)
        yield from provided(kind, change, plan)
        if isinstance(change, Create):
            yield from _created(kind, change, plan, kinds)
        else:
            yield from _rewritten(kind, change, plan, kinds)
        if isinstance(change, Move):
            yield from renamed(kind, change, plan, kinds)
    yield from taking_part(plan, known, touched)
    if plan.meaning() != plan.plan_id:
        yield "its plan_id does not fit its content"


def _wanted(change: Change, plan: Plan) -> Iterator[str]:
    """What only happens if somebody asked for it."""
    at, mode = change.address, plan.request.mode
    if mode == "undo":
        return
    if mode in ("destroy", "release") and not isinstance(change, Release | Retire):
        yield f"{at}: is written, and the plan only takes leave of rows"
    if isinstance(change, Adopt) and not _resolved(at, "take" if change.owner else "adopt", plan):
        yield f"{at}: is taken over, and nobody resolved that"
    leaving = plan.request.prune or plan.request.convert == "reference" or mode == "destroy"
    if isinstance(change, Retire) and not leaving:
        yield f"{at}: is retired, and nobody asked for that"
    if isinstance(change, Release) and mode != "destroy" and not _resolved(at, "release", plan):
        yield f"{at}: is given away, and nobody resolved that"
    home = plan.template.organization.id
    if isinstance(change, Release) and change.to is not None:
        inherited = mode == "destroy" and change.because == "handed_over"
        if not (inherited and change.to.organization == home):
            yield f"{at}: is given to a template that cannot inherit it"
    if isinstance(change, Retire | Release) and mode == "sync" and change.fields:
        yield f"{at}: is written, and not only taken leave of"


def _created(kind: Kind, change: Create, plan: Plan, kinds: dict[str, Kind]) -> Iterator[str]:
    at = change.address
    shape = plan.shapes.get(kind.name, {})
    columns = {column.name: column for column in kind.columns if column.name in shape}
    if change.values.keys() != columns.keys():
        yield f"{at}: its columns are not the kind's"
    if len(change.ids) != (len(change.targets) if kind.mint is not None else 0):
        yield f"{at}: needs one minted id a target, or none"
    undone = plan.request.mode == "undo"
    for name, value in change.values.items():
        yield from _value(at, columns.get(name), shape.get(name, ""), value, kinds, undone=undone)
        yield from _must(at, columns.get(name), value, plan)
    yield from _schedules(at, kind, change.values)
    yield from _predecessor(kind, change)


def _rewritten(kind: Kind, change: Rewrite, plan: Plan, kinds: dict[str, Kind]) -> Iterator[str]:
    at = change.address
    shape = plan.shapes.get(kind.name, {})
    columns = {column.name: column for column in kind.columns if column.name in shape}
    if kind.history:
        yield f"{at}: a version is history, and never written over"
    compared = {column.name for column in kind.compared if column.name in shape}
    if change.before.keys() != compared:
        yield f"{at}: what it was before does not name the kind's columns"
    names = [field.column for field in change.fields]
    if len(set(names)) != len(names):
        yield f"{at}: a column is changed twice"
    if isinstance(change, Update) and not (names or change.repointed):
        yield f"{at}: is an update without a change"
    undone = plan.request.mode == "undo"
    if change.becomes is not None and not undone:
        yield f"{at}: says what the ledger is to say of it, and undoes nothing"
    if not change.kept.keys() <= columns.keys() - (set() if undone else set(names)):
        yield f"{at}: keeps what it changes"
    if not set(change.pinned) <= change.kept.keys():
        yield f"{at}: pins what it does not keep"
    if isinstance(change, Adopt | Release) and kind.owner is None:
        yield f"{at}: rows of this kind have no owner, so they cannot be adopted or released"
    if isinstance(change, Retire) and not kind.retired:
        yield f"{at}: rows of this kind cannot be retired"
    if isinstance(change, Restore) and len(change.ids) != len(change.targets):
        yield f"{at}: does not say which row comes back"
    heir = change.to.agent if isinstance(change, Release) and change.to else None
    for field in change.fields:
        if field.column not in compared:
            yield f"{at}: column {field.column!r} is not the template's to write"
            continue
        column = columns[field.column]
        yield from _value(at, column, shape[field.column], field.after, kinds, undone=undone)
        yield from _must(at, column, field.after, plan, heir)
        yield from _schedules(at, kind, {field.column: field.after})
        yield from _field(at, field, change.before.get(field.column))


def _resolved(address: Address, action: str, plan: Plan) -> bool:
    return any((one.address, one.action) == (address, action) for one in plan.request.resolutions)


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


def _must(
    at: Address, column: Column | None, value: Value, plan: Plan, heir: str | None = None
) -> Iterator[str]:
    """What a column may not be, whatever a plan file says; `heir` is who gets the row.

    What is undone comes back as it was, be it without an installation or a version in force.
    """
    undone = plan.request.mode == "undo"
    if column is not None and column.required and value is None and not undone:
        yield f"{at}: {column.name} is empty, and a row without it is only half a row"
    if column is not None and column.itself and value is None:
        yield f"{at}: {column.name} points at nothing, and has to point at something"
    installed = isinstance(value, Ref) and value.ref.key == (heir or plan.template.agent_id,)
    if column is not None and column.installation and not (installed or undone):
        yield f"{at}: {column.name} is not the installation of this template"


def _value(
    at: Address,
    column: Column | None,
    sql_type: str,
    value: Value,
    kinds: dict[str, Kind],
    *,
    undone: bool,
) -> Iterator[str]:
    """What a column cannot hold. Only what is undone points at versions of the tenant's own."""
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
        value.organization is not None
        or (value.own and not undone)
        or value.ref.kind != column.references
    ):
        yield f"{at}: {column.name} refers to a row that it cannot refer to"
    elif isinstance(value, Ref) and len(value.ref.key) != key_width(kinds[value.ref.kind], kinds):
        yield f"{at}: {column.name} refers to a key that does not have the parts of its kind's"
    elif isinstance(value, Ref) and value.ref != at:
        above = parent_of(kinds[value.ref.kind], value.ref)
        if above is not None and above.kind == at.kind and above != at:
            yield f"{at}: {column.name} is a child of another row"
