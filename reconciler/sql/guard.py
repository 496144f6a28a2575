"""The scope guard: no statement leaves that could write what the plan may not.

It looks at the finished tree, and shares nothing with the code that built it. Whatever it does
not know, it refuses: other kinds of statement, other tables (schema included), other columns,
other functions, and writes that are not bound to the plan's own organisations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from reconciler.errors import ScopeError
from reconciler.model.kind import Kind
from reconciler.sql.tree import Statement

Name = tuple[str, str]

_FUNCTIONS: Final = frozenset(
    {
        "concat_ws",
        "convert_to",
        "encode",
        "jsonb_build_array",
        "now",
        "record_image_eq",
        "row",
        "sha256",
        "starts_with",
    }
)
# Functions that sqlglot knows by a class of their own.
_KNOWN: Final = (
    exp.And,
    exp.Or,
    exp.Array,
    exp.ArrayAgg,
    exp.Case,
    exp.Cast,
    exp.Coalesce,
    exp.Count,
    exp.CurrentTimestamp,
    exp.Exists,
    exp.If,
    exp.Unnest,
)
_LEDGER: Final = frozenset(
    ("reconcile", table) for table in ("content", "placement", "revision", "setting", "target")
)
_PLATFORM: Final = frozenset(
    ("public", table) for table in ("agents", "member", "organization", "user")
)


@dataclass(frozen=True)
class Scope:
    """What a plan may touch: its kinds' tables and columns, in its targets."""

    kinds: Mapping[Name, Kind]
    targets: frozenset[str]

    @classmethod
    def of(cls, kinds: tuple[Kind, ...], targets: frozenset[str]) -> Scope:
        """The scope of these kinds and targets."""
        return cls({(kind.db_schema, kind.table): kind for kind in kinds}, targets)

    def guard(self, statement: Statement) -> Statement:
        """The statement itself, if it is within the scope; raises ScopeError otherwise."""
        wrong = list(self._wrong(statement))
        if wrong:
            raise ScopeError(
                f"the scope guard stopped a statement ({statement.serves}): {'; '.join(wrong)}",
                hint="Nothing was sent to the database. Please report this: it is a defect, or "
                "an edited installation.",
            )
        return statement

    def _wrong(self, statement: Statement) -> Iterator[str]:
        tree = statement.tree
        if not isinstance(tree, exp.Select | exp.Insert | exp.Update):
            yield f"{type(tree).__name__} is not allowed"
            return
        inner = [node for node in tree.walk() if isinstance(node, exp.DML) and node is not tree]
        if inner:
            yield "a write inside another statement is not allowed"
        ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
        for node in tree.walk():
            if isinstance(node, exp.Command):
                yield "it holds a command that was not understood"
            elif isinstance(node, exp.Table):
                yield from self._table(node, ctes)
            elif isinstance(node, exp.Anonymous):
                if node.name.lower() not in _FUNCTIONS:
                    yield f"the function {node.name} is not allowed"
            elif isinstance(node, exp.Func) and not isinstance(node, _KNOWN):
                yield f"the function {node.sql_name()} is not allowed"
        if isinstance(tree, exp.Insert):
            yield from self._insert(tree, statement)
        elif isinstance(tree, exp.Update):
            yield from self._update(tree, statement)

    def _table(self, node: exp.Table, ctes: set[str]) -> Iterator[str]:
        if not node.db:
            if node.name not in ctes and not _is_lock_target(node):
                yield f"the table {node.name} has no schema"
            return
        name = (node.db, node.name)
        if node.catalog or name not in self.kinds.keys() | _LEDGER | _PLATFORM:
            yield f"the table {node.db}.{node.name} is not declared"

    def _insert(self, tree: exp.Insert, statement: Statement) -> Iterator[str]:
        schema = tree.this
        if not isinstance(schema, exp.Schema) or not isinstance(tree.expression, exp.Select):
            yield "an insert must name its columns and select its rows"
            return
        name = (schema.this.db, schema.this.name)
        columns = [column.name for column in schema.expressions]
        if name in _LEDGER:
            return
        if tree.args.get("conflict") or tree.args.get("returning"):
            yield "an insert of a row may not do anything else"
        kind = self.kinds.get(name)
        if kind is None:
            yield f"{name} may not be written"
            return
        yield from _columns(kind, columns)
        within = kind.parent.column if kind.parent else kind.scope
        values = tree.expression.expressions
        if within not in columns or len(columns) != len(values):
            yield "the row is not put into an organisation"
            return
        yield from self._bound(values[columns.index(within)], kind, tree.expression, statement)

    def _update(self, tree: exp.Update, statement: Statement) -> Iterator[str]:
        name = (tree.this.db, tree.this.name)
        if name in _LEDGER:
            return
        kind = self.kinds.get(name)
        if kind is None:
            yield f"{name} may not be written"
            return
        yield from _columns(kind, [one.this.name for one in tree.expressions])
        where = tree.args.get("where")
        conditions = list(where.this.flatten()) if where and isinstance(where.this, exp.And) else []
        within = kind.parent.column if kind.parent else kind.scope
        alias = tree.this.alias
        bounds = [
            one.expression
            for one in conditions
            if isinstance(one, exp.EQ)
            and isinstance(one.this, exp.Column)
            and (one.this.table, one.this.name) == (alias, within)
        ]
        if not bounds:
            yield "the rows are not bound to an organisation"
            return
        yield from self._bound(bounds[0], kind, tree, statement)

    def _bound(
        self, value: exp.Expr, kind: Kind, tree: exp.Expr, statement: Statement
    ) -> Iterator[str]:
        """The organisation must be the placement's, and the placements the plan's targets."""
        if isinstance(value, exp.Cast):
            value = value.this
        if not isinstance(value, exp.Column):
            yield "the organisation is not a column of the placements"
            return
        bound = _joined_organization(tree, value.table) if kind.parent is not None else value
        if not isinstance(bound, exp.Column) or (bound.table, bound.name) != (
            "p",
            "organization_id",
        ):
            yield "the organisation is not the placement's"
            return
        placements = [node for node in tree.find_all(exp.Unnest) if node.alias == "p"]
        if len(placements) != 1:
            yield "there must be one list of placements"
            return
        organizations = _parameter(placements[0].expressions[0], statement)
        if not isinstance(organizations, list) or not self.targets.issuperset(organizations):
            yield "a placement is outside the plan's targets"


def _columns(kind: Kind, columns: list[str]) -> Iterator[str]:
    for column in columns:
        if column not in kind.written:
            yield f"column {column} of {kind.table} is not declared"


def _joined_organization(tree: exp.Expr, alias: str) -> exp.Expr | None:
    """What the organisation of the joined parent `alias` must equal, if it must."""
    for join in tree.find_all(exp.Join):
        on = join.args.get("on")
        if join.this.alias != alias or join.side or not isinstance(on, exp.And):
            continue
        for condition in on.flatten():
            if (
                isinstance(condition, exp.EQ)
                and isinstance(condition.this, exp.Column)
                and (condition.this.table, condition.this.name) == (alias, "organization_id")
            ):
                found: exp.Expr = condition.expression
                return found
    return None


def _parameter(node: exp.Expr, statement: Statement) -> object:
    found = node.find(exp.Parameter)
    if found is None:
        return None
    return statement.parameters[int(found.this.name) - 1]


def _is_lock_target(node: exp.Table) -> bool:
    return isinstance(node.parent, exp.Lock)
