"""What the unique indexes of a table say: which columns they speak of, and what they hold off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from reconciler.kinds.predicate import null_columns
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.tree import DIALECT, any_of, name, parsed, with_alias


def blocks(kind: Kind, unique: tuple[UniqueIndex, ...]) -> exp.Expr:
    """Whether a dead row occupies its key: it still is in an index over scope or parent and key."""
    scope = {kind.scope} if kind.scope else set()
    parent = {kind.parent.column} if kind.parent else set()
    keys = [set(kind.key) | place for place in (scope, parent, scope | parent) if place]
    always_null = null_columns(kind.where) if kind.where else frozenset()
    found = []
    for index in unique:
        columns = columns_in(index.expressions)
        # Where NULLs are distinct, an index over a column that is always NULL holds nothing off.
        if columns & always_null and not index.nulls_equal:
            continue
        if columns - always_null in keys:
            predicate = parsed(index.predicate) if index.predicate else None
            found.append(with_alias(predicate, "t") if predicate else exp.true())
    return any_of(found)


def speaks_of(index: UniqueIndex) -> frozenset[str]:
    """The columns that an index depends on."""
    return columns_in((*index.expressions, *([index.predicate] if index.predicate else [])))


def columns_in(expressions: Iterable[str]) -> frozenset[str]:
    """The columns that expressions of the catalog's speak of."""
    return frozenset(
        column.name for text in expressions for column in parsed(text).find_all(exp.Column)
    )


def one_a_key(
    kind: Kind, kinds: Mapping[str, Kind], unique: Mapping[str, tuple[UniqueIndex, ...]]
) -> bool:
    """Whether the database itself sees to it that no two live rows have the same key.

    `unique` has the unique indexes of each kind's table.
    """
    fixed = _key(kind)
    if kind.parent is not None and kind.parent.by_key is None:
        if not one_a_key(kinds[kind.parent.kind], kinds, unique):
            return False
        fixed |= {kind.parent.column}
    # Rows without a key have no address.
    live = {*_conditions(kind.live, kind.where), *map(_present, fixed)}
    return any(
        index.whole and _columns(index) <= fixed and set(_conditions(index.predicate)) <= live
        for index in unique[kind.name]
    )


def holds_off(kind: Kind, index: UniqueIndex) -> bool:
    """Whether an index is but the key's own, over live rows alone: nothing but the live row with
    the same key can be in the way of a new one.
    """
    columns = _columns(index)
    return (
        index.whole
        and kind.parent is None
        and _key(kind) <= columns
        and "" not in columns
        and set(_conditions(kind.live, kind.where)) <= set(_conditions(index.predicate))
    )


def _key(kind: Kind) -> set[str]:
    """The columns that make a row's key, its parent's aside."""
    by_key = kind.parent.by_key if kind.parent else None
    own = (kind.installs.template,) if kind.installs else kind.key
    return {*own, *(one for one in (kind.scope, by_key) if one)}


def _columns(index: UniqueIndex) -> set[str]:
    """The columns of an index; '' for what is no plain column."""
    trees = map(parsed, index.expressions)
    return {tree.name if isinstance(tree, exp.Column) else "" for tree in trees}


def _conditions(*predicates: str | None) -> Iterable[str]:
    """What must hold for predicates to hold, each condition in one spelling."""
    for text in predicates:
        if text is not None:
            tree = parsed(text).unnest()
            for one in tree.flatten() if isinstance(tree, exp.And) else (tree,):
                yield _spelled(one)


def _present(text: str) -> str:
    return f"{exp.Column(this=name(text)).sql(DIALECT)} IS NOT NULL"


def _spelled(condition: exp.Expr) -> str:
    def plain(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Paren):
            return node.unnest()
        # The catalog casts constants to the column's type.
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
            return node.this
        if isinstance(node, exp.Column):
            return exp.Column(this=name(node.name))
        return node

    return condition.transform(plain).sql(DIALECT)
