"""The checker's part about rows that follow: what of a tenant's data a plan may point elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.change import Change, Release, Retire
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.model.table import WHOLE


def followed(kind: Kind, change: Change, plan: Plan) -> Iterator[str]:
    """What is wrong with the rows that a change points elsewhere."""
    at, mode = change.address, plan.request.mode
    undone = mode == "undo"
    declared = {(one.table, one.column) for one in kind.pointers}
    told = [(one.table, one.column) for one in change.repointed]
    if len(set(told)) != len(told) or not declared.issuperset(told):
        yield f"{at}: points rows elsewhere that do not follow rows of its kind"
    if isinstance(change, Release) and change.repointed:
        yield f"{at}: is given away, and rows are pointed elsewhere"
    giving = isinstance(change, Retire)
    for one in change.repointed:
        if one.way != plan.request.convert and not undone:
            yield f"{at}: points {one.table} elsewhere, and nobody asked for that"
        if not undone and giving != (one.way == "reference"):
            yield f"{at}: points {one.table} at a row that is not there"
        if len(one.rows) != len(change.targets):
            yield f"{at}: does not say which {one.table} follow in which target"
        named = [row for rows in one.rows for row in rows]
        if len(set(named)) != len(named) or not named:
            yield f"{at}: names no {one.table}, or some twice"
        types = {dict(each.types).get(each.id) for each in kind.pointers if each.table == one.table}
        if types.intersection(WHOLE) and not all(
            _may_be_id(text) for text in (*named, one.catalog)
        ):
            yield f"{at}: names {one.table} that cannot be"


def _may_be_id(text: str) -> bool:
    """Whether a text can be an id in a column of whole numbers."""
    return text.isascii() and text.isdigit() and int(text) < 2**63
