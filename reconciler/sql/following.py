"""Which rows of the tenants' own data point at vocabulary, theirs or a catalog's, and would follow
where it is had in another way.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.address import Address
from reconciler.model.kind import Kind, Pointer
from reconciler.sql.source import Sources
from reconciler.sql.standing import listed
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    as_text,
    cast_to,
    column,
    equal,
    in_list,
    inner,
    table,
)


def in_catalogs(sources: Sources, kind: Kind, catalogs: Sequence[str]) -> Statement:
    """key parts, id: the live rows that these catalogs offer."""
    asked = Parameters()
    source = sources.rows(kind, "x", "template")
    here = in_list(source.scope, asked.add(list(catalogs), "text[]"))
    tree = (
        source.select()
        .select(*source.keys, source.row_id(), copy=False)
        .where(all_of((source.live, source.included, here)), copy=False)
    )
    return Statement(f"look for {kind.name} rows of catalogs", tree, asked.taken())


def at_own(
    sources: Sources, kind: Kind, pointer: Pointer, places: Sequence[tuple[str, Address]]
) -> Statement:
    """key parts, organisation, whose rows, ids: what points at live rows at these places."""
    asked = Parameters()
    names = sources.key_names(kind)
    source = sources.rows(kind, "x", "target")
    here = all_of(
        (
            equal(source.scope, column("g", "organization_id")),
            *(equal(key, column("g", text)) for key, text in zip(source.keys, names, strict=True)),
        )
    )
    tree = source.select().join(inner(listed(names, asked, places), here), copy=False)
    tree = tree.where(source.live, copy=False)
    place = [*(column("g", text) for text in names), column("g", "organization_id")]
    return _grouped(kind, pointer, tree, place, asked)


def at_catalog(
    sources: Sources, kind: Kind, pointer: Pointer, rows: Sequence[str], targets: Sequence[str]
) -> Statement:
    """id of the catalog's row, whose rows, ids: what points at these rows of a catalog."""
    asked = Parameters()
    wanted = asked.add(list(rows), f"{sources.shapes[kind.name][kind.id]}[]")
    source = sources.rows(kind, "x", "template")
    tree = source.select().where(in_list(column("x", kind.id), wanted), copy=False)
    whose = in_list(_scope(pointer), asked.add(list(targets), "text[]"))
    return _grouped(kind, pointer, tree.where(whose, copy=False), [source.row_id()], asked)


def pointing_now(pointer: Pointer, rows: Sequence[str]) -> Statement:
    """id, whose it is, what it points at: these rows, as they are now."""
    asked = Parameters()
    wanted = asked.add(list(rows), f"{dict(pointer.types)[pointer.id]}[]")
    tree = (
        exp.select(
            as_text(column("d", pointer.id)),
            _scope(pointer),
            as_text(column("d", pointer.column)),
            copy=False,
        )
        .from_(table(pointer.db_schema, pointer.table, "d"), copy=False)
        .where(in_list(column("d", pointer.id), wanted), copy=False)
    )
    return Statement(f"look at {pointer.table}", tree, asked.taken())


def _grouped(
    kind: Kind, pointer: Pointer, tree: exp.Select, place: Sequence[exp.Expr], asked: Parameters
) -> Statement:
    points = equal(column("d", pointer.column), column("x", kind.id))
    rows = table(pointer.db_schema, pointer.table, "d")
    in_order = exp.Order(
        this=as_text(column("d", pointer.id)),
        expressions=[exp.Ordered(this=column("d", pointer.id))],
    )
    found = (
        tree.join(inner(rows, points), copy=False)
        .select(*place, _scope(pointer), exp.ArrayAgg(this=in_order), copy=False)
        .group_by(*(one.copy() for one in place), _scope(pointer), copy=False)
    )
    return Statement(f"look for {pointer.table} of {kind.name} rows", found, asked.taken())


def _scope(pointer: Pointer) -> exp.Expr:
    return cast_to(column("d", pointer.scope), "text")
