"""Where a kind's rows come from: its table, its parents', and what it refers to.

A source turns one kind into the expressions that all statements share: the organisation that
a row lies in, its key as text, whether it is live, and each managed column as text. That a
plan compares and an apply checks exactly the same expressions is what keeps them in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from reconciler.kinds.order import key_width
from reconciler.kinds.predicate import parse_predicate
from reconciler.model.kind import Column, Kind
from reconciler.sql.tree import (
    all_of,
    as_text,
    call,
    cast_to,
    column,
    differs,
    equal,
    literal,
    not_null,
    table,
    when,
    with_alias,
)

# The installed kind's key is the template's id: in the template the row's own id, in a
# target the column that says what it was installed from.
Side = Literal["template", "target"]


@dataclass(frozen=True)
class Join:
    """A join of a source: the table and its condition."""

    table: exp.Table
    on: exp.Expr
    optional: bool


@dataclass(frozen=True)
class Source:
    """A kind's rows under an alias, and the expressions on them."""

    kind: Kind
    alias: str
    table: exp.Table
    joins: tuple[Join, ...]
    scope: exp.Expr
    keys: tuple[exp.Expr, ...]
    live: exp.Expr
    included: exp.Expr

    def select(self) -> exp.Select:
        """`SELECT ... FROM` this source; the caller adds what is selected."""
        tree = exp.Select().from_(self.table)
        for join in self.joins:
            tree = tree.join(join.table, on=join.on, join_type="left" if join.optional else "inner")
        return tree

    def row_id(self) -> exp.Expr:
        """The row's id as text."""
        return as_text(column(self.alias, self.kind.id))


class Sources:
    """Builds the sources of fitted kinds."""

    def __init__(self, kinds: tuple[Kind, ...], shapes: Mapping[str, Mapping[str, str]]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.shapes = shapes

    def key_names(self, kind: Kind) -> tuple[str, ...]:
        """The names `k1`, `k2`, ... for the key's parts, a parent's first."""
        return tuple(f"k{number}" for number in range(1, key_width(kind, self.kinds) + 1))

    def rows(self, kind: Kind, alias: str, side: Side, *, orphaned: bool = False) -> Source:
        """The kind's rows with their live parents, without references.

        `orphaned` also gives those whose parent is dead: something may still point at them.
        """
        own = table(kind.db_schema, kind.table, alias)
        live = with_alias(parse_predicate(kind.live), alias) if kind.live else exp.true()
        included = all_of(
            exp.not_(call("starts_with", as_text(column(alias, e.column)), literal(e.prefix)))
            for e in kind.exclude
        )
        if kind.installs:
            key = kind.id if side == "template" else kind.installs.template
            keys: tuple[exp.Expr, ...] = (as_text(column(alias, key)),)
        else:
            keys = tuple(as_text(column(alias, part)) for part in kind.key)
        if kind.parent is None:
            assert kind.scope is not None
            scope: exp.Expr = as_text(column(alias, kind.scope))
            return Source(kind, alias, own, (), scope, keys, live, included)
        above = self.rows(self.kinds[kind.parent.kind], f"{alias}_up", side, orphaned=orphaned)
        joined = Join(
            above.table,
            all_of(
                (
                    equal(
                        column(above.alias, above.kind.id),
                        column(alias, kind.parent.column),
                    ),
                    *(() if orphaned else (above.live,)),
                )
            ),
            optional=False,
        )
        return Source(
            kind,
            alias,
            own,
            (joined, *above.joins),
            above.scope,
            (*above.keys, *keys),
            live,
            all_of((included, above.included)),
        )

    def joined(self, kind: Kind, alias: str, side: Side) -> Source:
        """The kind's rows with their live parents and, where they exist, what they refer to."""
        source = self.rows(kind, alias, side)
        joins = list(source.joins)
        for reference in kind.references:
            other = self._referred(reference, alias, side)
            joins.append(
                Join(
                    other.table,
                    equal(column(other.alias, other.kind.id), column(alias, reference.name)),
                    optional=True,
                )
            )
            joins.extend(Join(join.table, join.on, optional=True) for join in other.joins)
        return Source(
            kind,
            alias,
            source.table,
            tuple(joins),
            source.scope,
            source.keys,
            source.live,
            source.included,
        )

    def _referred(self, reference: Column, alias: str, side: Side) -> Source:
        assert reference.references is not None
        return self.rows(
            self.kinds[reference.references], f"{alias}_{reference.name}", side, orphaned=True
        )

    def value(self, source: Source, managed: Column, side: Side) -> exp.Expr:
        """A managed column as text, in the form in which it travels and is compared."""
        own = column(source.alias, managed.name)
        if managed.references:
            other = self._referred(managed, source.alias, side)
            outside = when(differs(other.scope, source.scope), other.scope)
            return when(
                not_null(column(other.alias, other.kind.id)),
                as_text(
                    call(
                        "jsonb_build_array",
                        outside,
                        *(exp.Coalesce(this=key, expressions=[literal("")]) for key in other.keys),
                    )
                ),
            )
        sql_type = self.shapes[source.kind.name][managed.name]
        text = as_text(cast_to(own, "jsonb")) if sql_type == "json" else as_text(own)
        if managed.sensitive:
            octets = call("convert_to", text, literal("UTF8"))
            return call("encode", call("sha256", octets), literal("hex"))
        return text

    def owner_of(self, source: Source) -> tuple[exp.Expr, exp.Expr] | None:
        """The tracking columns of the nearest row above, or of the row itself, that has some."""
        kind, alias = source.kind, source.alias
        while kind.owner is None:
            if kind.parent is None:
                return None
            kind, alias = self.kinds[kind.parent.kind], f"{alias}_up"
        return column(alias, kind.owner.agent), column(alias, kind.owner.organization)
