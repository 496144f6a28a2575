"""Sensitive columns: they travel as digests, and are copied inside the database."""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.change import Create
from reconciler.model.kind import Column
from reconciler.sql.contents import Contents
from reconciler.sql.source import Sources
from reconciler.sql.tree import Parameters, all_of, column, equal, not_null, when


def copied(
    sources: Sources,
    organization: str,
    changes: Contents,
    managed: Column,
    asked: Parameters,
    tree: exp.Select,
) -> tuple[exp.Select, exp.Expr]:
    """A sensitive column, from the template's row: it never leaves the database.

    Only what has the planned digest is copied; a row without it is left out, and missed
    when the rows are counted.
    """
    source = sources.rows(changes.kind, "from", "template")
    keys = sources.key_names(changes.kind)
    planned = column("c", digest_name(managed))
    found = (
        source.select()
        .select(column("from", managed.name), copy=False)
        .where(
            equal(source.scope, asked.add(organization, "text")),
            source.live,
            *(equal(key, column("c", text)) for key, text in zip(source.keys, keys, strict=True)),
            equal(sources.value(source, managed, "template"), planned),
            copy=False,
        )
        .limit(1, copy=False)
    )
    copied = when(not_null(planned), exp.Subquery(this=found))
    moved: exp.Expr = exp.true()
    if not isinstance(changes.changes[0], Create):
        moved = not_null(column("c", moves_name(managed)))
    stale = all_of((moved, not_null(planned), exp.not_(exp.Exists(this=found.copy()), copy=False)))
    return tree.where(exp.not_(stale, copy=False), copy=False), copied


def digest_name(managed: Column) -> str:
    """The name under which the digest of a sensitive column travels."""
    return f"{managed.name}:sha256"


def moves_name(managed: Column) -> str:
    """The name under which it travels whether a column changes."""
    return f"{managed.name}:moves"
