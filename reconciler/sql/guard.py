"""The scope guard: no statement leaves that could write what the plan may not.

It reads the text that is about to be sent, and shares nothing with the code that built it.
Whatever it does not know, it refuses: other kinds of statement, other parts of speech, other
tables (schema included), other columns, other functions, and writes that are not bound to the
plan's own organisations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from reconciler.errors import ScopeError
from reconciler.model.kind import Kind
from reconciler.sql.bounds import Bounds, bare, conditions_of, equalities, sources_of
from reconciler.sql.tree import DIALECT, Statement

_FUNCTIONS: Final = frozenset({"convert_to", "jsonb_build_array", "pg_current_xact_id"})
_SPEECH: Final = frozenset(
    {
        exp.Alias, exp.And, exp.Any, exp.Array, exp.ArrayOverlaps, exp.Boolean, exp.Bracket,
        exp.Case, exp.Cast, exp.Coalesce, exp.Column, exp.ConcatWs, exp.Count, exp.CTE,
        exp.CurrentTimestamp, exp.DataType, exp.DataTypeParam, exp.DPipe, exp.Encode, exp.EQ,
        exp.Exists, exp.From, exp.Group, exp.GT, exp.GTE, exp.Identifier, exp.If, exp.In,
        exp.Insert, exp.IntervalSpan, exp.Is, exp.Join, exp.Limit, exp.Literal, exp.Lock, exp.LT,
        exp.LTE, exp.NEQ, exp.Not, exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ, exp.OnConflict,
        exp.Or, exp.Order, exp.Ordered, exp.Parameter, exp.Paren, exp.Returning, exp.Schema,
        exp.Select, exp.SHA2Digest, exp.Slice, exp.Star, exp.Subquery, exp.Table, exp.TableAlias,
        exp.Unnest, exp.Update, exp.Var, exp.Where, exp.With,
    }
)  # fmt: skip
LEDGER: Final = "reconcile"
_LEDGER_INSERTS: Final = frozenset({"approval", "content", "placement", "revision", "target"})
# What may change in a placement: its name, and what is told of it.
_PLACEMENT: Final = frozenset(
    {
        "key", "template_agent_id", "template_organization_id", "content", "revision", "state",
        "kept",
    }
)  # fmt: skip
_PLATFORM: Final = frozenset({"agents", "member", "organization", "user"})


@dataclass(frozen=True)
class Scope:
    """What a plan may touch: its kinds' tables and columns, in its targets."""

    kinds: Mapping[str, Kind]
    targets: frozenset[str]

    @classmethod
    def of(cls, kinds: tuple[Kind, ...], targets: frozenset[str]) -> Scope:
        """The scope of these kinds and targets."""
        written = (*kinds, *(one for kind in kinds for one in kind.followers))
        return cls({kind.name: kind for kind in written}, targets)

    def guard(self, statement: Statement) -> Statement:
        """The statement itself, if it is within the scope; raises ScopeError otherwise."""
        try:
            wrong = list(self._wrong(statement))
        except SqlglotError:
            wrong = ["it cannot be read"]
        if wrong:
            raise ScopeError(
                f"the scope guard stopped a statement ({statement.serves}): {'; '.join(wrong)}",
                hint="Nothing was sent to the database. Please report this: it is a defect, or "
                "an edited installation.",
            )
        return statement

    def _wrong(self, statement: Statement) -> Iterator[str]:
        # The text is what is sent, so the text is what is judged: a leaf of the tree that
        # holds more than one leaf comes apart here.
        reading = _read(statement.sql)
        tree = reading.tree
        if tree is None:
            yield "only one SELECT, INSERT or UPDATE is allowed"
            return
        for one in reading.noticed:
            if isinstance(one, exp.Table):
                yield from self._table(one)
            else:
                yield one
        bounds = Bounds(self.kinds, self.targets, statement.parameters)
        if isinstance(tree, exp.Insert):
            yield from self._insert(tree, bounds)
        elif isinstance(tree, exp.Update):
            yield from self._update(tree, bounds)

    def _table(self, node: exp.Table) -> Iterator[str]:
        if not isinstance(node.this, exp.Identifier) or node.catalog:
            yield f"{node.sql(DIALECT)} is not a table that is declared"
        elif not node.db:
            if node.name != "c" or node.alias_or_name != "c":
                yield f"the table {node.name} has no schema"
        elif not (
            self._kinds(node)
            or self._audited(node)
            or (node.db == LEDGER and node.name in _LEDGER_INSERTS)
            or (node.db == "public" and node.name in _PLATFORM)
        ):
            yield f"the table {node.db}.{node.name} is not declared"

    def _kinds(self, table: exp.Table) -> list[Kind]:
        """The kinds whose rows stand in a table: a table may hold several."""
        return [
            kind
            for kind in self.kinds.values()
            if (kind.db_schema, kind.table) == (table.db, table.name)
        ]

    def _audited(self, table: exp.Table) -> list[Kind]:
        """The kinds whose changes an audit table is told."""
        return [
            kind
            for kind in self.kinds.values()
            if kind.audit and (kind.audit.db_schema, kind.audit.table) == (table.db, table.name)
        ]

    def _written(self, table: exp.Table) -> list[Kind]:
        return [kind for kind in self._kinds(table) if kind.mirrored]

    def _insert(self, tree: exp.Insert, bounds: Bounds) -> Iterator[str]:
        schema, rows = tree.this, tree.expression
        if not isinstance(schema, exp.Schema) or not isinstance(rows, exp.Select):
            yield "an insert must name its columns and select its rows"
            return
        table = schema.this
        columns = [column.name for column in schema.expressions]
        values = dict(zip(columns, rows.expressions, strict=False))
        if len(columns) != len(rows.expressions):
            yield "the columns and the values are not as many"
        if table.db == LEDGER:
            yield from self._remember(table.name, values, rows, bounds)
            return
        if tree.args.get("conflict") or tree.args.get("returning"):
            yield "an insert of a row may not do anything else"
        if audited := self._audited(table):
            yield from _as_some_kind(
                table, audited, lambda kind: tuple(_told(kind, values, rows, bounds))
            )
            return
        yield from _as_some_kind(
            table,
            [kind for kind in self._written(table) if not kind.follows],
            lambda kind: (
                *_undeclared(columns, kind.written, kind),
                *bounds.placed(values, kind, sources_of(rows)),
            ),
        )

    def _remember(
        self, table: str, values: Mapping[str, exp.Expr], rows: exp.Select, bounds: Bounds
    ) -> Iterator[str]:
        """The ledger may be told of the plan's targets only."""
        sources = sources_of(rows)
        match table:
            case "placement":
                organization = values.get("organization_id")
                if not isinstance(organization, exp.Column) or organization.table != "p":
                    yield "the ledger is told of another organisation than the placement's"
                yield from bounds.placements(sources)
            case "target":
                lists = [one for one in sources if isinstance(one, exp.Unnest)]
                if (
                    len(sources) != 1
                    or not lists
                    or not bounds.are_targets(lists[0].expressions[0])
                ):
                    yield "the ledger is told of other organisations than the targets"
            case "approval" | "revision" | "content":
                pass
            case _:
                yield f"the ledger's table {table} may not be written"

    def _update(self, tree: exp.Update, bounds: Bounds) -> Iterator[str]:
        table = tree.this
        columns = [one.this.name for one in tree.expressions]
        if tree.args.get("returning"):
            yield "an update may not do anything else"
        conditions = {
            (one.this.table, one.this.name): one.expression
            for one in conditions_of(tree)
            if isinstance(one, exp.EQ) and isinstance(one.this, exp.Column)
        }
        if (table.db, table.name) == (LEDGER, "target"):
            bound = conditions.get((table.alias, "organization_id"))
            listed = bound.this if isinstance(bound, exp.Any) else None
            listed = listed.this if isinstance(listed, exp.Paren) else listed
            if listed is None or not bounds.are_targets(listed):
                yield "the ledger's update is not bound to the targets"
            return
        if (table.db, table.name) == (LEDGER, "placement"):
            place = conditions.get((table.alias, "organization_id"))
            if not isinstance(place, exp.Column) or place.table != "p":
                yield "the ledger is told of another organisation than the placement's"
            if not _PLACEMENT.issuperset(columns):
                yield "the ledger's placements stay where they are"
            yield from bounds.placements(sources_of(tree))
            return
        own = {
            column: value for (alias, column), value in conditions.items() if alias == table.alias
        }
        yield from _as_some_kind(
            table,
            self._written(table),
            lambda kind: (
                *_undeclared(columns, _updated(tree, kind), kind),
                *bounds.placed(own, kind, sources_of(tree)),
            ),
        )


def _updated(tree: exp.Update, kind: Kind) -> frozenset[str]:
    """What an update may set: values, or a row's name to a new one, but not both at once."""
    stamps = {stamp.column for stamp in kind.stamps if stamp.on == "write"}
    named = {
        one.this.name
        for one in tree.expressions
        if bare(one.expression).sql(DIALECT).startswith('"c"."new')
    }
    columns = {one.this.name for one in tree.expressions}
    renames = named == set(kind.key) and columns <= {*kind.key, *stamps}
    if renames and kind.key and not (kind.history or kind.installs or kind.provides):
        return frozenset(columns)
    return kind.updated


def _told(
    kind: Kind, values: Mapping[str, exp.Expr], rows: exp.Select, bounds: Bounds
) -> Iterator[str]:
    """What is wrong with telling an audit table of a row: it must be one at the placements."""
    assert kind.audit is not None
    yield from _undeclared(list(values), frozenset(kind.audit.columns), kind)
    row = values.get(kind.audit.row)
    if not isinstance(row, exp.Column) or (row.table, row.name) != ("t", kind.id):
        yield "the audit table is told of another row than the one that is written"
    own: dict[str, exp.Expr] = {}
    for join in rows.args.get("joins") or ():
        if join.this.alias_or_name == "t" and not join.side:
            own = equalities(join.args.get("on"), "t")
    yield from bounds.placed(own, kind, sources_of(rows))


@dataclass(frozen=True)
class _Reading:
    """What a text says, whatever may be touched.

    tree     the statement, None where it is not one that is allowed
    noticed  what is wrong with its words, and its tables, in the order in which they stand
    """

    tree: exp.Expr | None
    noticed: tuple[str | exp.Table, ...]


@lru_cache(maxsize=512)
def _read(text: str) -> _Reading:
    """The statement in a text; it is only looked at, and a text always says the same."""
    trees = parse(text, dialect=DIALECT)
    tree = trees[0]
    if len(trees) != 1 or not isinstance(tree, exp.Select | exp.Insert | exp.Update):
        return _Reading(None, ())
    return _Reading(tree, tuple(one for node in tree.walk() for one in _noticed(node, tree)))


def _noticed(node: exp.Expr, tree: exp.Expr) -> Iterator[str | exp.Table]:
    if isinstance(node, exp.Anonymous):
        if node.name.lower() not in _FUNCTIONS:
            yield f"the function {node.name} is not allowed"
    elif isinstance(node, exp.Dot) and isinstance(node.parent, exp.DataType):
        return
    elif type(node) not in _SPEECH:
        yield f"{type(node).__name__} is not allowed"
    elif isinstance(node, exp.Insert | exp.Update):
        if node is not tree:
            yield "a write inside another statement is not allowed"
    elif isinstance(node, exp.With):
        names = [cte.alias for cte in node.expressions]
        if node.parent is not tree or names != ["c"] or any(node.find_all(exp.Table)):
            yield "only the contents may stand before the statement"
    elif isinstance(node, exp.Table) and not isinstance(node.parent, exp.Lock):
        yield node


def _as_some_kind(
    table: exp.Table, kinds: Sequence[Kind], wrong: Callable[[Kind], tuple[str, ...]]
) -> tuple[str, ...]:
    """What is wrong with a write, if no kind of the table could write it."""
    found = [wrong(kind) for kind in kinds]
    if not found:
        return (f"{table.db}.{table.name} may not be written",)
    return min(found, key=len)


def _undeclared(columns: list[str], declared: frozenset[str], kind: Kind) -> Iterator[str]:
    for column in columns:
        if column not in declared:
            yield f"column {column} of {kind.table} may not be written"
