"""Addresses to ids, within the target: the only place where an id is looked up.

In every statement `p` is the placement and `c` the content (see `reconciler.sql.contents`).
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.kinds.order import key_width
from reconciler.model.kind import Column, Kind
from reconciler.sql.contents import Contents, at_place
from reconciler.sql.source import Source, Sources
from reconciler.sql.tree import (
    Parameters,
    aliased,
    all_of,
    any_of,
    cast_to,
    column,
    equal,
    inner,
    is_null,
    left,
    name,
    not_null,
    table,
)


class Resolver:
    """Puts rows into their organisation and resolves what they refer to."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def within(self, kind: Kind, tree: exp.Select) -> tuple[exp.Select, list[tuple[str, exp.Expr]]]:
        """The columns that put a row into its organisation, and their values: scope, parent."""
        found: list[tuple[str, exp.Expr]] = []
        if kind.scope is not None:
            organization = self.typed(kind, kind.scope, column("p", "organization_id"))
            found.append((kind.scope, organization))
        if kind.parent is not None:
            above = self.sources.rows(self.sources.kinds[kind.parent.kind], "up", "target")
            wanted = [column("c", key) for key in self.sources.key_names(above.kind)]
            tree = join_rows(self.sources, tree, above, wanted)
            found.append((kind.parent.column, column("up", "id")))
        return tree, found

    def located(self, kind: Kind, tree: exp.Select) -> tuple[exp.Select, list[exp.Expr]]:
        """The conditions under which `t` is the live row of the content at the placement."""
        tree, within = self.within(kind, tree)
        return tree, [
            *(equal(column("t", own), value) for own, value in within),
            *(equal(column("t", own), at_place(value)) for own, value in self.own_keys(kind)),
            self.sources.rows(kind, "t", "target").live,
        ]

    def at(self, changes: Contents, asked: Parameters) -> exp.Select:
        """The live rows `t` at the changes' addresses, whatever they hold."""
        kind = changes.kind
        tree, located = self.located(kind, changes.placed(asked))
        return tree.join(table(kind.db_schema, kind.table, "t"), on=all_of(located), copy=False)

    def linked(self, reference: Column, tree: exp.Select) -> tuple[exp.Select, exp.Expr]:
        """The id that a reference means; a row that cannot be resolved is left out, and missed
        when the rows are counted.
        """
        tree, found = self.referred(reference, tree)
        empty = is_null(column("c", self.parts(reference)[0]))
        return tree.where(any_of((empty, not_null(found))), copy=False), found

    def referred(self, reference: Column, tree: exp.Select) -> tuple[exp.Select, exp.Expr]:
        """The id of the row that is referred to, NULL where there is none."""
        assert reference.references is not None
        alias = f"to_{reference.name}"
        other = self.sources.rows(self.sources.kinds[reference.references], alias, "target")
        wanted = [column("c", part) for part in self.parts(reference)]
        return join_rows(self.sources, tree, other, wanted, optional=True), column(alias, "id")

    def parts(self, reference: Column) -> list[str]:
        """The names under which the parts of a reference's key travel."""
        assert reference.references is not None
        width = key_width(self.sources.kinds[reference.references], self.sources.kinds)
        return [f"{reference.name}:{place}" for place in range(width)]

    def own_keys(self, kind: Kind) -> list[tuple[str, exp.Expr]]:
        """The key columns of the table itself, with their values."""
        names = self.sources.key_names(kind)
        own = (kind.installs.template,) if kind.installs else kind.key
        return [
            (text, self.typed(kind, text, column("c", key)))
            for text, key in zip(own, names[-len(own) :], strict=True)
        ]

    def typed(self, kind: Kind, own: str, value: exp.Expr) -> exp.Expr:
        """The value in the type of a column of the kind."""
        return cast_to(value, self.sources.shapes[kind.name][own])


def join_rows(
    sources: Sources,
    tree: exp.Select,
    source: Source,
    keys: list[exp.Column],
    *,
    optional: bool = False,
) -> exp.Select:
    """Join a live row of a kind in the placement's organisation, by its key."""
    names = [f"k{place}" for place in range(1, len(source.keys) + 1)]
    owner = sources.owner_of(source)
    owned = zip(owner or (), ("owner", "owner_organization"), strict=False)
    rows = (
        source.select()
        .select(
            aliased(column(source.alias, source.kind.id), "id"),
            aliased(source.scope, "organization_id"),
            *(aliased(value, text) for value, text in owned),
            *(aliased(key, text) for key, text in zip(source.keys, names, strict=True)),
            copy=False,
        )
        .where(source.live, copy=False)
    )
    condition = all_of(
        (
            equal(column(source.alias, "organization_id"), column("p", "organization_id")),
            *(
                equal(column(source.alias, text), at_place(wanted))
                for text, wanted in zip(names, keys, strict=True)
            ),
        )
    )
    how = left if optional else inner
    return tree.join(how(rows.subquery(name(source.alias), copy=False), condition), copy=False)
