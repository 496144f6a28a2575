"""Is a write bound to the plan's targets? The guard's question, asked of the tree alone.

A row lies in an organisation by a column of its own (scope), or by its parent. Bound means: that
column comes from, or must equal, the placements `p`, and `p` is exactly a list of targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from reconciler.model.kind import Kind

_PLACEMENTS: Final = [
    ["organization_id"],
    ["organization_id", "places"],
    ["organization_id", "id"],
    ["organization_id", "places", "id"],
]


@dataclass(frozen=True)
class Bounds:
    """Asks for one statement, whose parameters are these."""

    kinds: Mapping[str, Kind]
    targets: frozenset[str]
    parameters: tuple[object, ...]

    def placed(
        self, values: Mapping[str, exp.Expr], kind: Kind, sources: list[exp.Expr]
    ) -> Iterator[str]:
        """What is wrong with the columns that put a row into its organisation, scope and parent.

        `values` are what a row is given, or what it must equal, by column.
        """
        bound: list[exp.Expr | None] = []
        if kind.scope is not None:
            bound.append(bare(values[kind.scope]) if kind.scope in values else None)
        if kind.parent is not None:
            value = bare(values.get(kind.parent.column, exp.null()))
            parent = self.kinds[kind.parent.kind]
            found = self._parents(value, parent, sources) if isinstance(value, exp.Column) else None
            bound.append(found)
        for one in bound:
            if not isinstance(one, exp.Column) or _named(one) != ("p", "organization_id"):
                yield "the row is not bound to the placement's organisation"
        yield from self.placements(sources)

    def placements(self, sources: list[exp.Expr]) -> Iterator[str]:
        """What is wrong with `p`: it must be a list of targets, and nothing besides."""
        found = [source for source in sources if source.alias_or_name == "p"]
        if len(found) != 1 or not isinstance(found[0], exp.Unnest):
            yield "there must be one list of placements"
            return
        names = [column.name for column in found[0].args["alias"].columns]
        if names not in _PLACEMENTS:
            yield "the placements are not organisations, in the order that is known"
        elif not self.are_targets(found[0].expressions[0]):
            yield "a placement is outside the plan's targets"

    def are_targets(self, value: exp.Expr) -> bool:
        """Whether this is a parameter, and its value a list of the plan's targets."""
        if not isinstance(value, exp.Cast) or not isinstance(value.this, exp.Parameter):
            return False
        given = self.parameters[int(value.this.name) - 1]
        return isinstance(given, list) and self.targets.issuperset(given)

    def _parents(self, value: exp.Column, parent: Kind, sources: list[exp.Expr]) -> exp.Expr | None:
        """What the organisation of the joined parent must equal, if `value` is its id."""
        found = [source for source in sources if source.alias_or_name == value.table]
        if len(found) != 1 or not isinstance(found[0], exp.Subquery) or value.name != "id":
            return None
        join, rows = found[0].parent, found[0].this
        if not isinstance(join, exp.Join) or join.side or join.kind not in ("", "INNER"):
            return None
        if not isinstance(rows, exp.Select) or not self._are_rows(rows, parent):
            return None
        for condition in _conjuncts(join.args.get("on")):
            if (
                isinstance(condition, exp.EQ)
                and isinstance(condition.this, exp.Column)
                and _named(condition.this) == (value.table, "organization_id")
            ):
                other: exp.Expr = condition.expression
                return other
        return None

    def _are_rows(self, rows: exp.Select, kind: Kind) -> bool:
        """Whether a subquery gives rows of this kind, by their own id and organisation."""
        first = rows.args["from_"].this
        given = {one.alias_or_name: bare(one.unalias()) for one in rows.expressions}
        organization = given.get("organization_id")
        identity = given.get("id")
        return (
            isinstance(first, exp.Table)
            and _is_table(first, kind)
            and isinstance(identity, exp.Column)
            and _named(identity) == (first.alias, kind.id)
            and isinstance(organization, exp.Column)
            and self._lies_in(organization, kind, first.alias, rows)
        )

    def _lies_in(self, organization: exp.Column, kind: Kind, alias: str, rows: exp.Select) -> bool:
        """Whether this column is the organisation of the rows under `alias`."""
        if kind.scope is not None:
            return _named(organization) == (alias, kind.scope)
        assert kind.parent is not None
        parent = self.kinds[kind.parent.kind]
        for join in rows.args.get("joins") or ():
            table = join.this
            if join.side or not isinstance(table, exp.Table) or not _is_table(table, parent):
                continue
            for condition in _conjuncts(join.args.get("on")):
                if (
                    isinstance(condition, exp.EQ)
                    and isinstance(condition.this, exp.Column)
                    and isinstance(condition.expression, exp.Column)
                    and _named(condition.this) == (table.alias, parent.id)
                    and _named(condition.expression) == (alias, kind.parent.column)
                ):
                    return self._lies_in(organization, parent, table.alias, rows)
        return False


def sources_of(tree: exp.Expr) -> list[exp.Expr]:
    """What a SELECT or an UPDATE reads from, at its own level."""
    first = tree.args.get("from_")
    if first is None:
        return []
    joins = (tree.args.get("joins") or []) + (first.this.args.get("joins") or [])
    return [first.this, *(join.this for join in joins)]


def conditions_of(tree: exp.Expr) -> list[exp.Expr]:
    """What must hold for a row, each condition by itself."""
    where = tree.args.get("where")
    return list(_conjuncts(where.this if where else None))


def equalities(condition: exp.Expr | None, alias: str) -> dict[str, exp.Expr]:
    """What the columns of an alias must equal, by column."""
    return {
        one.this.name: one.expression
        for one in _conjuncts(condition)
        if isinstance(one, exp.EQ) and isinstance(one.this, exp.Column) and one.this.table == alias
    }


def _conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.this)
        yield from _conjuncts(condition.expression)
    elif condition is not None:
        yield condition


def bare(value: exp.Expr) -> exp.Expr:
    """A value without its casts."""
    while isinstance(value, exp.Cast):
        value = value.this
    return value


def _named(column: exp.Column) -> tuple[str, str]:
    return column.table, column.name


def _is_table(table: exp.Table, kind: Kind) -> bool:
    return (table.catalog, table.db, table.name) == ("", kind.db_schema, kind.table)
