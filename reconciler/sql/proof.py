"""The rows that a statement has written, looked for where the plan says: what proves an apply.

Each row names the transaction that wrote it last (`xmin`) and the command within it (`cmin`), and
each statement is a command of its own. So the rows at a statement's places that a new command wrote
are those that the statement wrote there; and where they are as many as it wrote at all, it wrote no
others.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.contents import Contents, as_cte
from reconciler.sql.history import placement
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    as_text,
    call,
    cast_to,
    column,
    equal,
    inner,
    table,
)


def written(changes: Contents) -> Statement:
    """command, rows: what this transaction has written at the changes' addresses."""
    asked = Parameters()
    contents = changes.select(asked, {})
    tree, located = Resolver(changes.sources).located(changes.kind, changes.placed(asked))
    return by_command(changes.kind, contents, tree, located, asked)


def retired(retires: Contents) -> Statement:
    """The same for rows that are live no more: they have the ids that the ledger was just told."""
    kind = retires.kind
    asked = Parameters()
    contents = retires.select(asked, {})
    resolver = Resolver(retires.sources)
    tree, within = resolver.within(kind, retires.placed(asked))
    keys = [column("c", text) for text in retires.sources.key_names(kind)]
    tree = tree.join(inner(*placement(kind, keys, column("p", "organization_id"), "l")), copy=False)
    conditions = [equal(column("t", own), value) for own, value in within]
    identity = resolver.typed(kind, kind.id, column("l", "row_id"))
    conditions.append(equal(column("t", kind.id), identity))
    return by_command(kind, contents, tree, conditions, asked)


def by_command(
    kind: Kind,
    contents: exp.Select,
    places: exp.Select,
    conditions: Iterable[exp.Expr],
    asked: Parameters,
) -> Statement:
    """command, rows: the rows `t` of a kind at these places that this transaction has written."""
    ours = equal(column("t", "xmin"), cast_to(call("pg_current_xact_id"), "xid"))
    rows = inner(table(kind.db_schema, kind.table, "t"), all_of((*conditions, ours)))
    command = as_text(column("t", "cmin"))
    tree = (
        places.select(command, exp.Count(this=exp.Star()), copy=False)
        .join(rows, copy=False)
        .group_by(command.copy(), copy=False)
    )
    return Statement(
        f"prove what was written of {kind.name}", as_cte(tree, contents), asked.taken()
    )
