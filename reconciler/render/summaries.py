"""The wording of changes: what happens to a row, in a few words at its right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from reconciler.model.change import (
    Adopt,
    Change,
    Create,
    Move,
    Predecessor,
    Release,
    Restore,
    Retire,
    Rewrite,
    Update,
)
from reconciler.model.note import Action
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RowOwner
from reconciler.model.value import Json, Ref
from reconciler.render import escape, prose, runs
from reconciler.render.outline import buries, overwrites
from reconciler.render.words import Say, count, key, listed, row

# What is longer does not fit into a line, and its size is worth a word.
_LONG_TEXT: Final = 200
_TEXTS_NAMED: Final = 3
_INSTALLATION: Final = "agent"


def summary(change: Change, plan: Plan, say: Say, *, below: bool = False) -> str:
    """What a change amounts to, in a few words.

    Where its fields stand `below`, one that overwrites a local edit says so itself.
    """
    return ", ".join(filter(None, [_happens(change, plan, say, below), *_followed(change, say)]))


def _followed(change: Change, say: Say) -> Iterator[str]:
    """What points elsewhere from now on, at the row or with it: `3 rows of entities follow`."""
    for one in change.repointed:
        yield f"{count(one.number, 'row')} of {say(one.table)} follow{'s' * (one.number == 1)}"


def _happens(change: Change, plan: Plan, say: Say, below: bool) -> str:
    match change:
        case Create(predecessor=Predecessor(address=earlier, fields=fields)):
            return f"new, {count(len(fields), 'field')} other than in {say(row(earlier))}"
        case Create():
            minted = [f"as {say(change.ids[0])}"] if len(change.ids) == 1 else []
            new = f"new{_chosen(change, plan, say, 'restore')}"
            return ", ".join([new, *minted, *_contents(change, plan, say)])
        case Update():
            return _fields(change, below)
        case Adopt():
            amount = _fields(change, below) or "no value changes"
            why = f"{_chosen(change, plan, say)}{_undone(plan, 'releasing it')}"
            return f"taken over from {_whose(change.owner, say)}{why}, {amount}"
        case Restore():
            number = len(change.fields)
            differ = f", {count(number, 'field differs', 'fields differ')}" if number else ""
            return f"{_back(change, plan, say)}{differ}{_edits(change, below)}"
        case Release():
            why = _given_away(change, plan, say)
            return ", ".join(
                filter(None, [f"released to {_whose(change.to, say)}{why}", _fields(change, below)])
            )
        case Retire():
            return ", ".join(
                filter(None, [_retired(change, plan), lost(change, say), _fields(change, below)])
            )
        case Move():
            return f"renamed from {say(key(change.source))}: the same row, id and all"
        case _:
            assert_never(change)


def lost(change: Change, say: Say) -> str:
    """Which edits of the tenant's go out of use with a row; often nothing."""
    columns = buries(change)
    which = listed(list(map(say, columns)))
    if len(columns) > 1:
        return f"local edits of {which} go with it"
    return f"a local edit of {which} goes with it" if columns else ""


def belongings(children: Sequence[Create]) -> str:
    """What comes with a new row: `3 relationship rules`."""
    numbers = Counter(child.address.kind for child in children)
    return ", ".join(
        count(number, escape.visible(kind).replace("_", " ")) for kind, number in numbers.items()
    )


def _fields(change: Rewrite, below: bool) -> str:
    amount = count(len(change.fields), "field") if change.fields else ""
    return amount + _edits(change, below)


def _edits(change: Rewrite, below: bool) -> str:
    """How many local edits a change overwrites; nothing where its only field says so."""
    edits = len(overwrites(change))
    if not edits or (below and len(change.fields) == 1):
        return ""
    return ", overwrites a local edit" if edits == 1 else f", overwrites {edits} local edits"


def _back(change: Restore, plan: Plan, say: Say) -> str:
    chosen = _chosen(change, plan, say)
    if change.address.kind == _INSTALLATION:
        return f"linked again{chosen}{_undone(plan, 'unlinking it')}"
    return f"comes back{chosen}{_undone(plan, 'retiring it') or ': the row that was retired'}"


def _undone(plan: Plan, what: str) -> str:
    return f": {what} is undone" if plan.request.mode == "undo" else ""


def _whose(owner: RowOwner | None, say: Say) -> str:
    return f"template agent {say(owner.agent)}" if owner else "the tenant's own people"


def _given_away(change: Release, plan: Plan, say: Say) -> str:
    match change.because:
        case "asked":
            kept = ", as --keep-rows asks" if plan.request.keep_rows else ""
            return _chosen(change, plan, say) or kept
        case "in_use":
            return ": the tenant's rows use it"
        case "edited":
            return ": the tenant has edited it"
        case "lasting":
            return ": rows of this kind cannot be retired"
        case "handed_over":
            return ", which has it, too"
        case "undone":
            return ": taking it over is undone"
        case _:
            assert_never(change.because)


def _retired(change: Retire, plan: Plan) -> str:
    if change.address.kind == _INSTALLATION:
        return "unlinked: the agent stays, as the tenant's own"
    if change.created is not None:
        return "retired: creating it is undone"
    if plan.request.mode == "undo":
        return "retired: bringing it back is undone"
    if plan.request.convert is not None:
        return "gives way to the catalog's"
    return "retired: the template no longer has it" if plan.request.mode == "sync" else "retired"


def _contents(change: Create, plan: Plan, say: Say) -> list[str]:
    """What a new row holds: name, schedule, references, long texts, and how much else."""
    values = change.values
    name = values.get("name")
    found = [say(escape.quoted(name))] if isinstance(name, str) else []
    found += runs.in_words(plan, change.address.kind, values)
    found += [
        f"{say(column)} -> {say(key(value.ref)) if any(value.ref.key) else row(value.ref)}"
        for column, value in values.items()
        if isinstance(value, Ref) and value.ref != change.address
    ]
    texts = [
        f"{say(column)} {prose.measure(value)}"
        for column, value in values.items()
        if isinstance(value, str) and (prose.several_lines(value) or len(value) > _LONG_TEXT)
    ]
    found += texts[:_TEXTS_NAMED]
    properties = [
        len(content["properties"])
        for value in values.values()
        if isinstance(value, Json)
        and isinstance(content := value.parsed(), dict)
        and isinstance(content.get("properties"), dict)
    ]
    if properties:
        found.append(count(sum(properties), "property", "properties"))
    elif values:
        found.append(count(len(values), "field"))
    return found


def _chosen(change: Change, plan: Plan, say: Say, action: Action | None = None) -> str:
    """Who decided that, where somebody did, with this action."""
    for resolution in plan.request.resolutions:
        if resolution.address == change.address and action in (None, resolution.action):
            return f" as {say(resolution.chosen_by)} decided"
    return ""
