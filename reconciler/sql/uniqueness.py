"""What the unique indexes of a table say: which columns they speak of, and what they hold off."""

from __future__ import annotations

from sqlglot import exp

from reconciler.kinds.predicate import null_columns
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.tree import any_of, parsed, with_alias


def blocks(kind: Kind, unique: tuple[UniqueIndex, ...]) -> exp.Expr:
    """Whether a dead row occupies its key: it still is in an index over scope or parent and key."""
    scope = {kind.scope} if kind.scope else set()
    parent = {kind.parent.column} if kind.parent else set()
    keys = [set(kind.key) | place for place in (scope, parent, scope | parent) if place]
    always_null = null_columns(kind.where) if kind.where else frozenset()
    found = []
    for index in unique:
        columns = {
            found.name for text in index.expressions for found in parsed(text).find_all(exp.Column)
        }
        # Where NULLs are distinct, an index over a column that is always NULL holds nothing off.
        if columns & always_null and not index.nulls_equal:
            continue
        if columns - always_null in keys:
            predicate = parsed(index.predicate) if index.predicate else None
            found.append(with_alias(predicate, "t") if predicate else exp.true())
    return any_of(found)


def speaks_of(index: UniqueIndex) -> frozenset[str]:
    """The columns that an index depends on."""
    texts = (*index.expressions, *([index.predicate] if index.predicate else []))
    return frozenset(column.name for text in texts for column in parsed(text).find_all(exp.Column))
