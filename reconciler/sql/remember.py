"""What the ledger remembers of a row: which one it is, where it is, and its base values."""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.base import Noun
from reconciler.model.canonical import digest
from reconciler.model.kind import Kind
from reconciler.sql.contents import AnyChange, Contents, as_cte, base
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import Parameters, Statement, array, as_text, column, name

_KEY = ("organization_id", "kind", "key")
_TOLD = ("template_agent_id", "template_organization_id", "row_id", "content", "revision")


def place(changes: Contents, agent: str, organization: str, revision: int) -> Statement:
    """Tell the ledger which row is at each address, and with which content.

    It finds the rows by their addresses, once they are written; so its count also shows that
    there is exactly one live row at each.
    """
    kind = changes.kind
    asked = Parameters()
    contents = changes.select(
        asked, {"digest": [remembered(kind, change)[0] for change in changes.changes]}
    )
    keys = [column("c", key) for key in changes.sources.key_names(kind)]
    rows = (
        Resolver(changes.sources)
        .at(changes, asked)
        .select(
            column("p", "organization_id"),
            asked.add(kind.name, "text"),
            array(keys),
            asked.add(agent, "text"),
            asked.add(organization, "text"),
            as_text(column("t", kind.id)),
            column("c", "digest"),
            asked.add(revision, "bigint"),
            copy=False,
        )
    )
    inserted = exp.Insert(
        this=exp.Schema(
            this=exp.Table(this=name("placement"), db=name("reconcile")),
            expressions=[name(text) for text in (*_KEY, *_TOLD)],
        ),
        expression=rows,
        conflict=exp.OnConflict(
            conflict_keys=[name(text) for text in _KEY],
            action=exp.var("DO UPDATE"),
            expressions=[
                exp.EQ(this=exp.Column(this=name(text)), expression=column("excluded", text))
                for text in _TOLD
            ],
        ),
    )
    return Statement(
        f"remember {kind.name}", as_cte(inserted, contents), asked.taken(), changes.rows
    )


def remembered(kind: Kind, change: AnyChange) -> tuple[str, dict[str, object]]:
    """The base values of a change, with their digest."""
    values: dict[str, object] = {
        text: value.model_dump() if isinstance(value, Noun) else value
        for text, value in base(kind, change).items()
    }
    return digest(values), values
