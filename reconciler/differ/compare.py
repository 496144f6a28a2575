"""One row against the template's: two ways, or three where the base is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.differ.patch import operations
from reconciler.model.change import FieldChange
from reconciler.model.kind import Kind
from reconciler.model.value import Json, Value, Values


@dataclass
class Comparison:
    """What comparing found: fields to change, edits to keep, and edits of both sides.

    kept    shared columns that keep the tenant's edit, with the template's value
    edited  shared columns that both changed: column, base, ours (the target's), theirs
    """

    fields: list[FieldChange] = field(default_factory=list)
    kept: Values = field(default_factory=dict)
    edited: list[tuple[str, Value, Value, Value]] = field(default_factory=list)


def compare(kind: Kind, wanted: Values, have: Values, base: Values | None) -> Comparison:
    """Compare the columns that the template may write.

    | owner    | base = have | base = wanted | neither             | no base       |
    |----------|-------------|---------------|---------------------|---------------|
    | template | change      | change, drift | change, drift       | change        |
    | shared   | change      | keep          | conflict edited_both | change        |
    """
    found = Comparison()
    for column in kind.compared:
        theirs, ours = wanted[column.name], have[column.name]
        if theirs == ours:
            continue
        known = base is not None and column.name in base
        was = base[column.name] if base is not None and known else None
        drifted = known and was != ours
        if column.owner == "shared" and drifted:
            if was == theirs:
                found.kept[column.name] = theirs
            else:
                found.edited.append((column.name, was, ours, theirs))
            continue
        found.fields.append(change(column.name, ours, theirs, drift=drifted))
    return found


def change(column: str, before: Value, after: Value, *, drift: bool = False) -> FieldChange:
    """One column's change, with the operations inside JSON."""
    inside = (
        operations(before.text, after.text)
        if isinstance(before, Json) and isinstance(after, Json)
        else ()
    )
    return FieldChange(column=column, before=before, after=after, operations=inside, drift=drift)
