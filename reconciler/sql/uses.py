"""What uses rows of ours that may be retired, and is not the template's itself.

A row is used by what its kind declares (`dependents`), by rows of the tenant's own that belong
to it, and by rows of the tenant's own that refer to it; and what uses its parts uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from reconciler.kinds.predicate import parse_predicate
from reconciler.model.address import Address
from reconciler.model.kind import Dependent, Kind
from reconciler.sql.source import Source, Sources
from reconciler.sql.standing import listed
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    all_of,
    array,
    column,
    equal,
    inner,
    is_ours,
    is_true,
    literal,
    table,
    with_alias,
)

Places = Sequence[tuple[str, Address]]


def uses(sources: Sources, kind: Kind, places: Places) -> Iterator[tuple[str, Statement]]:
    """The tables whose rows could use those at these (organisation, address), each with the
    question how many do: key parts, organisation, number.
    """
    for part in _parts(sources, kind):
        for dependent in part.dependents:
            yield dependent.table, _declared(sources, kind, part, dependent, places)
        if part is not kind:
            yield part.table, _belonging(sources, kind, part, places)
        for other in sources.kinds.values():
            # Members are entities, and those are counted as what belongs to their type.
            for reference in other.references if part.provides or not other.provides else ():
                if reference.references == part.name and not reference.flag:
                    found = _referring(sources, kind, part, other, reference.name, places)
                    yield other.table, found


def _parts(sources: Sources, kind: Kind) -> Iterator[Kind]:
    """A kind, and those whose rows belong to its rows; what is the tenant's has no parts."""
    yield kind
    for child in sources.kinds.values():
        if kind.mirrored and child.parent and child.parent.kind == kind.name:
            yield from _parts(sources, child)


def _declared(
    sources: Sources, kind: Kind, part: Kind, dependent: Dependent, places: Places
) -> Statement:
    asked = Parameters()
    _, tree = _at(sources, kind, part, places, asked)
    conditions = [equal(column("d", dependent.column), column("x", part.id))]
    if dependent.live:
        conditions.append(is_true(with_alias(parse_predicate(dependent.live), "d")))
    user = table(dependent.db_schema, dependent.table, "d")
    return _counted(sources, kind, tree.join(inner(user, all_of(conditions)), copy=False), asked)


def _belonging(sources: Sources, kind: Kind, part: Kind, places: Places) -> Statement:
    asked = Parameters()
    source, tree = _at(sources, kind, part, places, asked)
    return _counted(sources, kind, tree.where(_not_ours(source, asked), copy=False), asked)


def _referring(
    sources: Sources, kind: Kind, part: Kind, other: Kind, reference: str, places: Places
) -> Statement:
    asked = Parameters()
    _, tree = _at(sources, kind, part, places, asked)
    rows = sources.rows(other, "r", "target")
    points = all_of((equal(column("r", reference), column("x", part.id)), rows.live))
    tree = tree.join(inner(rows.table, points), copy=False)
    for join in rows.joins:
        tree = tree.join(inner(join.table, join.on), copy=False)
    tree = tree.where(_not_ours(rows, asked), copy=False)
    if other is part:
        itself = equal(column("r", other.id), column("x", part.id))
        tree = tree.where(exp.not_(itself, copy=False), copy=False)
    return _counted(sources, kind, tree, asked)


def _at(
    sources: Sources, kind: Kind, part: Kind, places: Places, asked: Parameters
) -> tuple[Source, exp.Select]:
    """The live rows `x` of a part that belong to the rows at these places `g`."""
    names = sources.key_names(kind)
    source = sources.rows(part, "x", "target")
    scope = source.scope
    if not part.mirrored and kind.scope and source.joins:
        # Whoever's it is, it uses the row that it belongs to.
        scope = column("x_up", kind.scope)
    here = all_of(
        (
            equal(scope, column("g", "organization_id")),
            *(equal(key, column("g", text)) for key, text in zip(source.keys, names, strict=False)),
        )
    )
    tree = source.select().join(inner(listed(names, asked, places), here), copy=False)
    return source, tree.where(source.live, copy=False)


def _counted(sources: Sources, kind: Kind, tree: exp.Select, asked: Parameters) -> Statement:
    shown = [
        *(column("g", text) for text in sources.key_names(kind)),
        column("g", "organization_id"),
    ]
    counted = tree.select(*shown, exp.Count(this=exp.Star()), copy=False).group_by(
        *(one.copy() for one in shown), copy=False
    )
    return Statement(f"count what uses {kind.name} rows", counted, asked.taken())


def _not_ours(source: Source, asked: Parameters) -> exp.Expr:
    """Whether a row is not the template's, by its tag or, where it has none, by the ledger."""
    kind = source.kind
    if not kind.mirrored:
        return exp.true()
    if kind.owner:
        ours = is_ours(
            column(source.alias, kind.owner.agent),
            column(source.alias, kind.owner.organization),
            asked.add(Blank.AGENT, "text"),
            asked.add(Blank.ORGANIZATION, "text"),
        )
        return exp.not_(is_true(ours), copy=False)
    known = exp.Exists(
        this=exp.select(exp.Literal.number(1), copy=False)
        .from_(table("reconcile", "placement", "p"), copy=False)
        .where(
            equal(column("p", "organization_id"), source.scope),
            equal(column("p", "kind"), literal(kind.name)),
            equal(column("p", "key"), array(list(source.keys))),
            equal(column("p", "row_id"), source.row_id()),
            copy=False,
        )
    )
    return exp.not_(known, copy=False)
