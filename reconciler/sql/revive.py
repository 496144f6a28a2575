"""Retired rows that come back, found by their ids; and rows of ours that are retired.

What comes back is alive before anything else is checked, so that what belongs to it, or refers
to it, is there; what is retired goes last, once everything else is written.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from reconciler.model.address import Address
from reconciler.model.kind import Retire
from reconciler.sql.contents import Contents, as_cte
from reconciler.sql.history import placement
from reconciler.sql.proof import retired, written
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import (
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    as_text,
    call,
    column,
    equal,
    inner,
    is_null,
    is_ours,
    is_true,
    left,
    literal,
    locked,
    not_null,
    table,
    updated,
)
from reconciler.sql.write import Writer


def lock_retired(restores: Contents) -> Statement:
    """Lock the rows that will come back, in the order of their ids; gives how many there are."""
    kind = restores.kind
    asked = Parameters()
    found = (
        restores.placed(asked)
        .select(aliased(column("t", kind.id), "id"), copy=False)
        .join(inner(table(kind.db_schema, kind.table, "t"), _same_row(restores)), copy=False)
        .order_by(column("t", kind.id), copy=False)
    )
    return Statement(
        f"lock retired {kind.name} rows",
        as_cte(locked(found), restores.select(asked, {})),
        asked.taken(),
        restores.rows,
    )


def not_retired(
    restores: Contents, agent: str, organization: str, asked_for: Collection[Address] | None
) -> Statement:
    """organisation, number of the content: rows that are not the retired ones that they were.

    Each must be ours, by its own columns or by the ledger, and retired by a plan; unless a person
    `asked_for` it by name, or everything is (None).
    """
    kind = restores.kind
    asked = Parameters()
    contents = restores.select(
        asked,
        {
            "asked": restores.each(
                lambda c: "t" if asked_for is None or c.address in asked_for else None
            )
        },
    )
    tree = (
        restores.placed(asked)
        .select(column("p", "organization_id"), column("c", "content"), copy=False)
        .join(left(table(kind.db_schema, kind.table, "t"), _same_row(restores)), copy=False)
    )
    keys = [column("c", text) for text in restores.sources.key_names(kind)]
    tree = tree.join(left(*placement(kind, keys, column("p", "organization_id"), "l")), copy=False)
    alive = restores.sources.rows(kind, "t", "target").live
    placed = equal(column("l", "row_id"), as_text(column("t", kind.id)))
    ours = placed
    if kind.installs:
        alive = exp.not_(is_null(column("t", kind.installs.template)), copy=False)
    elif kind.owner:
        tracked = is_ours(
            column("t", kind.owner.agent),
            column("t", kind.owner.organization),
            asked.add(agent, "text"),
            asked.add(organization, "text"),
        )
        ours = any_of((placed, tracked))
    retired = all_of((placed.copy(), equal(column("l", "state"), literal("retired"))))
    wanted = all_of((ours, any_of((not_null(column("c", "asked")), retired))))
    wrong = (
        is_null(column("t", kind.id)),
        is_true(alive),
        exp.not_(is_true(wanted), copy=False),
    )
    return Statement(
        f"check that {kind.name} rows are still retired",
        as_cte(tree.where(any_of(wrong), copy=False), contents),
        asked.taken(),
    )


def revive(writer: Writer, restores: Contents) -> Statement:
    """Bring rows back to life, as they are."""
    kind = restores.kind
    asked = Parameters()
    contents = restores.select(asked, {})
    back = [(one.column, _value(writer, restores, one)) for one in kind.revive]
    if kind.installs:
        template = asked.add(writer.agent, "text")
        back = [
            (kind.installs.template, writer.resolver.typed(kind, kind.installs.template, template))
        ]
    assigned = [*back, *writer.stamps(kind, asked)]
    resolver = Resolver(restores.sources)
    tree, within = resolver.within(kind, restores.placed(asked))
    named = [] if kind.installs else resolver.own_keys(kind)
    conditions = [equal(column("t", own), value) for own, value in (*within, *named)]
    conditions.append(_identity(restores))
    return Statement(
        f"restore {kind.name}",
        as_cte(
            updated(table(kind.db_schema, kind.table, "t"), assigned, tree, conditions), contents
        ),
        asked.taken(),
        restores.rows,
        written(restores),
    )


def retire(writer: Writer, retires: Contents) -> Statement:
    """Take live rows out of use."""
    kind = retires.kind
    asked = Parameters()
    contents = retires.select(asked, {})
    gone = [(one.column, _value(writer, retires, one)) for one in kind.retired]
    assigned = [*gone, *writer.stamps(kind, asked)]
    return Statement(
        f"retire {kind.name}",
        as_cte(writer.updating(retires, assigned, retires.placed(asked)), contents),
        asked.taken(),
        retires.rows,
        retired(retires),
    )


def _value(writer: Writer, changes: Contents, one: Retire) -> exp.Expr:
    if one.value is None:
        return exp.null()
    if one.value == "now":
        return writer.resolver.typed(changes.kind, one.column, call("now"))
    return writer.resolver.typed(changes.kind, one.column, literal(one.value))


def _same_row(changes: Contents) -> exp.Expr:
    """The row `t` with the id at the placement, if it lies in the organisation by itself."""
    kind = changes.kind
    conditions = [_identity(changes)]
    if kind.scope is not None:
        organization = column("p", "organization_id")
        conditions.append(equal(as_text(column("t", kind.scope)), organization))
    return all_of(conditions)


def _identity(changes: Contents) -> exp.Expr:
    resolver = Resolver(changes.sources)
    kind = changes.kind
    return equal(column("t", kind.id), resolver.typed(kind, kind.id, column("p", "id")))
