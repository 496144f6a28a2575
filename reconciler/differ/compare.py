"""One row against the template's: two ways, or three where the base is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.differ.patch import operations
from reconciler.model.change import FieldChange
from reconciler.model.kind import Kind
from reconciler.model.value import Json, Ref, Value, Values


@dataclass
class Comparison:
    """What comparing found: fields to change, edits to keep, and edits of both sides.

    kept    shared columns that keep the tenant's edit, with the template's value
    edited  shared columns that both changed: column, base, ours (the target's), theirs
    stays   columns that both changed, and that a person resolved to leave
    forced  whether something was changed because a person resolved that
    """

    fields: list[FieldChange] = field(default_factory=list)
    kept: Values = field(default_factory=dict)
    edited: list[tuple[str, Value, Value, Value]] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    forced: bool = False


def compare(
    kind: Kind,
    wanted: Values,
    have: Values,
    base: Values | None,
    *,
    is_own: Callable[..., bool] = lambda value, **_: isinstance(value, Ref) and value.own,
    owner: str | None = None,
    resolved: str | None = None,
    kept: frozenset[str] = frozenset(),
) -> Comparison:
    """Compare the columns that the template may write, of a row that the agent `owner` owns.

    `is_own` tells whether a pointer is at a version of the tenant's own; `resolved` is what a
    person decided about columns that both sides changed: the template's values win (adopt, take),
    or the tenant's stay (skip).

    | owner    | base = have | base = wanted | neither             | no base       |
    |----------|-------------|---------------|---------------------|---------------|
    | template | change      | change, drift | change, drift       | change        |
    | shared   | change      | keep          | conflict edited_both | change        |

    A version is history, so its columns are all like shared ones; so are those of the template's
    columns that are `kept`, since the row was adopted as it was. A pointer at a version of the
    tenant's own is an edit, whatever the base. And what another agent of the same organisation
    placed first points at that agent's installation.
    """
    found = Comparison()
    for column in kind.compared:
        theirs, ours = wanted[column.name], have[column.name]
        if theirs == ours or (column.installation and _installed_by(ours, owner)):
            continue
        known = base is not None and column.name in base
        was = base[column.name] if base is not None and known else None
        drifted = known and was != ours
        edited = drifted or is_own(ours, known=known)
        shared = column.owner == "shared" or column.name in kept
        if (shared or kind.history) and edited:
            if was == theirs:
                found.kept[column.name] = theirs
                continue
            if resolved == "skip" and not kind.history:
                # The ledger keeps the old base, so that the next plan asks again.
                found.stays.append(column.name)
                found.kept.update({column.name: was} if known else {})
                continue
            if resolved not in ("adopt", "take") or kind.history:
                found.edited.append((column.name, was, ours, theirs))
                continue
            found.forced = True
        found.fields.append(change(column.name, ours, theirs, drift=drifted))
    _follow(kind, found, wanted, have)
    return found


def _follow(kind: Kind, found: Comparison, wanted: Values, have: Values) -> None:
    """A column that follows a reference says nothing of its own where that one stays."""
    following = {column.name: column.follows for column in kind.compared if column.follows}
    moving = {one.column for one in found.fields}
    for name in following:
        if following[name] in moving and name not in moving and wanted[name] != have[name]:
            # Where the reference moves, what follows it is no question of its own.
            found.fields.append(change(name, have[name], wanted[name], drift=True))
            found.edited = [one for one in found.edited if one[0] != name]
            found.kept.pop(name, None)
            found.stays = [one for one in found.stays if one != name]
    edited = {column for column, *_ in found.edited}
    found.edited = [one for one in found.edited if following.get(one[0]) not in edited]
    for one in list(found.fields):
        if following.get(one.column) in (*found.kept, *found.stays):
            found.fields.remove(one)


def change(column: str, before: Value, after: Value, *, drift: bool = False) -> FieldChange:
    """One column's change, with the operations inside JSON."""
    inside = (
        operations(before.text, after.text)
        if isinstance(before, Json) and isinstance(after, Json)
        else ()
    )
    return FieldChange(column=column, before=before, after=after, operations=inside, drift=drift)


def _installed_by(value: Value, owner: str | None) -> bool:
    return isinstance(value, Ref) and value.organization is None and value.ref.key == (owner,)
