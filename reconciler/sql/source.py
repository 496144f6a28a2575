"""Where a kind's rows come from: its table, its parents', and what it refers to.

A source turns one kind into the expressions that all statements share: the organisation that
a row lies in, its key as text, whether it is live, and each managed column as text. That a
plan compares and an apply checks exactly the same expressions is what keeps them in step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlglot import exp

from reconciler.kinds.order import key_width
from reconciler.kinds.predicate import parse_predicate
from reconciler.model.kind import Column, Kind
from reconciler.sql.history import is_placed, placement
from reconciler.sql.tree import (
    all_of,
    as_text,
    call,
    cast_to,
    column,
    differs,
    equal,
    inner,
    is_true,
    item,
    left,
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
    """A kind's rows under an alias, and the expressions on them.

    `attached` says that what a row belongs to is live, where that is not taken for granted.
    """

    kind: Kind
    alias: str
    table: exp.Table
    joins: tuple[Join, ...]
    scope: exp.Expr
    keys: tuple[exp.Expr, ...]
    live: exp.Expr
    included: exp.Expr
    of_kind: exp.Expr
    attached: exp.Expr

    def select(self) -> exp.Select:
        """`SELECT ... FROM` this source; the caller adds what is selected."""
        tree = exp.Select().from_(self.table, copy=False)
        for join in self.joins:
            how = left if join.optional else inner
            tree = tree.join(how(join.table, join.on), copy=False)
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
        of_kind = [with_alias(parse_predicate(kind.where), alias)] if kind.where else []
        alive = [with_alias(parse_predicate(kind.live), alias)] if kind.live else []
        live = all_of((*of_kind, *alive))
        included = [
            *of_kind,
            *(
                exp.not_(
                    call("starts_with", as_text(column(alias, e.column)), literal(e.prefix)),
                    copy=False,
                )
                for e in kind.exclude
            ),
        ]
        if kind.installs:
            key = kind.id if side == "template" else kind.installs.template
            keys: list[exp.Expr] = [as_text(column(alias, key))]
        else:
            keys = [as_text(column(alias, part)) for part in kind.key]
        scope = as_text(column(alias, kind.scope)) if kind.scope else None
        joins: tuple[Join, ...] = ()
        attached: exp.Expr = exp.true()
        if kind.parent is not None and kind.parent.by_key:
            keys.insert(0, as_text(column(alias, kind.parent.by_key)))
        elif kind.parent is not None:
            above = self.rows(self.kinds[kind.parent.kind], f"{alias}_up", side, orphaned=orphaned)
            same_row = equal(column(above.alias, above.kind.id), column(alias, kind.parent.column))
            conditions = [same_row, above.of_kind if orphaned else above.live]
            if scope is not None and kind.mirrored:
                # What hangs on a row of another organisation has no address in this one.
                conditions.append(equal(above.scope, as_text(column(alias, str(kind.scope)))))
            condition = all_of(conditions)
            if orphaned:
                attached = all_of((above.live, above.attached))
            joins = (Join(above.table, condition, optional=False), *above.joins)
            keys = [*above.keys, *keys]
            included.append(above.included)
            scope = scope or above.scope
        assert scope is not None
        return Source(
            kind,
            alias,
            own,
            joins,
            scope,
            tuple(keys),
            live,
            all_of(included),
            all_of(of_kind),
            attached,
        )

    def joined(self, kind: Kind, alias: str, side: Side, *, orphaned: bool = False) -> Source:
        """The kind's rows with their parents (see `rows`) and what they refer to, if it exists."""
        source = self.rows(kind, alias, side, orphaned=orphaned)
        joins = list(source.joins)
        for reference in kind.references:
            other = self._referred(reference, alias, side)
            joins.append(Join(other.table, _meant(reference, kind, alias, other), optional=True))
            joins.extend(Join(join.table, join.on, optional=True) for join in other.joins)
            if other.kind.history and side == "target":
                ledger = f"{other.alias}_placed"
                place, where = placement(other.kind, other.keys, source.scope, ledger)
                joins.append(Join(place, where, optional=True))
        return replace(source, joins=tuple(joins))

    def _referred(self, reference: Column, alias: str, side: Side) -> Source:
        assert reference.references is not None
        return self.rows(
            self.kinds[reference.references], f"{alias}_{reference.name}", side, orphaned=True
        )

    def value(self, source: Source, managed: Column, side: Side) -> exp.Expr:
        """A managed column as text, in the form in which it travels and is compared."""
        if managed.references:
            other = self._referred(managed, source.alias, side)
            outside = [exp.If(this=differs(other.scope, source.scope), true=other.scope)]
            row_id = column(other.alias, other.kind.id)
            if other.kind.history and side == "target":
                placed = column(f"{other.alias}_placed", "row_id")
                ours = is_placed(other.kind, other.keys, source.scope, as_text(row_id), placed)
                outside.append(exp.If(this=exp.not_(ours, copy=False), true=literal("")))
            named = [] if other.kind.installs else [not_null(key) for key in other.keys]
            there = all_of((not_null(row_id), *named))
            keys = list(other.keys)
            if other.kind.installs and side == "target":
                keys.append(_unlinked(other, source.scope))
                keys = [exp.Coalesce(this=keys[0], expressions=keys[1:])]
            found = when(there, _address(exp.Case(ifs=outside), keys))
            if managed.itself and side == "template":
                return exp.Coalesce(this=found, expressions=[_address(exp.null(), source.keys)])
            return found
        own = column(source.alias, managed.name)
        sql_type = self.shapes[source.kind.name][managed.name]
        text = as_text(cast_to(own, "jsonb")) if sql_type == "json" else as_text(own)
        if managed.sensitive:
            octets = call("convert_to", text, literal("UTF8"))
            return call("encode", call("sha256", octets), literal("hex"))
        return text

    def owner_of(self, source: Source) -> tuple[exp.Expr, exp.Expr] | None:
        """The tracking columns of the nearest row above, or of the row itself, that has some.

        What is above a row that is never mirrored says nothing of whose the row is.
        """
        kind, alias = source.kind, source.alias
        while kind.owner is None:
            if kind.parent is None or not kind.mirrored:
                return None
            kind, alias = self.kinds[kind.parent.kind], f"{alias}_up"
        return column(alias, kind.owner.agent), column(alias, kind.owner.organization)


def _unlinked(installation: Source, organization: exp.Expr) -> exp.Expr:
    """The template that an installation had, where a plan has unlinked it."""
    found = (
        exp.select(item(column("s", "key"), 0), copy=False)
        .from_(table("reconcile", "placement", "s"), copy=False)
        .where(
            equal(column("s", "organization_id"), organization),
            equal(column("s", "kind"), literal(installation.kind.name)),
            equal(column("s", "row_id"), installation.row_id()),
            equal(column("s", "state"), literal("retired")),
            copy=False,
        )
        .limit(1, copy=False)
    )
    return exp.Subquery(this=found)


def _meant(reference: Column, kind: Kind, alias: str, other: Source) -> exp.Expr:
    """Which row a reference means: the one that it points at, or the child with the flag."""
    if reference.flag is None:
        return equal(column(other.alias, other.kind.id), column(alias, reference.name))
    assert other.kind.parent is not None
    return all_of(
        (
            equal(column(other.alias, other.kind.parent.column), column(alias, kind.id)),
            is_true(column(other.alias, reference.flag)),
        )
    )


def _address(outside: exp.Expr, keys: Sequence[exp.Expr]) -> exp.Expr:
    """An address as text: the organisation where it is another one, and the key's parts.

    '' stands in the organisation's place for a version of the tenant's own.
    """
    parts = (exp.Coalesce(this=key, expressions=[literal("")]) for key in keys)
    return as_text(call("jsonb_build_array", outside, *parts))
