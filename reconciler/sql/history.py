"""Whose a version is: the template's, if it is the very row that was placed at its address.

A tenant can publish a version with the same number, and even with the same content.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.tree import (
    all_of,
    any_of,
    array,
    column,
    equal,
    is_null,
    is_true,
    item,
    literal,
    table,
)


def placement(
    kind: Kind, keys: Sequence[exp.Expr], organization: exp.Expr, alias: str
) -> tuple[exp.Table, exp.Expr]:
    """The ledger's placement at a version's address, and the condition to join it."""
    condition = all_of(
        (
            equal(column(alias, "organization_id"), organization),
            equal(column(alias, "kind"), literal(kind.name)),
            equal(column(alias, "key"), array(list(keys))),
        )
    )
    return table("reconcile", "placement", alias), condition


def is_placed(
    kind: Kind,
    keys: Sequence[exp.Expr],
    organization: exp.Expr,
    row_id: exp.Expr,
    placed: exp.Expr,
) -> exp.Expr:
    """Whether a version's row is the one that was `placed` at its address.

    Where the ledger knows no version of the same parent, they were mirrored before there was a
    ledger, and whatever is equal to the template's counts as placed.
    """
    unknown = all_of((is_null(placed), exp.not_(_known(kind, keys, organization), copy=False)))
    return any_of((is_true(equal(placed, row_id)), unknown))


def _known(kind: Kind, keys: Sequence[exp.Expr], organization: exp.Expr) -> exp.Expr:
    """Whether the ledger knows any version of the same parent."""
    above = keys[: -len(kind.key)]
    found = (
        exp.select(exp.Literal.number(1), copy=False)
        .from_(table("reconcile", "placement", "s"), copy=False)
        .where(
            equal(column("s", "organization_id"), organization),
            equal(column("s", "kind"), literal(kind.name)),
            *(equal(item(column("s", "key"), place), key) for place, key in enumerate(above)),
            copy=False,
        )
    )
    return exp.Exists(this=found)
