"""What the ledger remembers of a row: which one it is, where it is, and its base values."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.base import Noun
from reconciler.model.canonical import canonical, digest_of
from reconciler.model.change import Create, Release, Retire
from reconciler.model.kind import Kind
from reconciler.model.snapshot import Standing
from reconciler.sql.contents import AnyChange, Contents, as_cte, base, owner_after
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import (
    Parameters,
    Statement,
    array,
    as_text,
    cast_to,
    column,
    equal,
    name,
    table,
)

_KEY = ("organization_id", "kind", "key")
_TOLD = (
    "template_agent_id",
    "template_organization_id",
    "row_id",
    "content",
    "revision",
    "state",
    "kept",
)


def place(
    changes: Contents,
    digests: Sequence[str],
    agent: str,
    organization: str,
    plan_id: str,
    *,
    fresh: bool,
) -> Statement:
    """Tell the ledger which row is at each address, and with which content.

    `digests` are those of the contents, one a change. `fresh` says that it knows nothing of the
    targets yet, so that it need not look.

    It finds the rows by their addresses, once they are written; so its count also shows that
    there is exactly one live row at each.
    """
    kind = changes.kind
    asked = Parameters()
    contents = changes.select(
        asked,
        {
            "digest": digests,
            "agent": [owner_after(one, agent, organization)[0] or agent for one in changes.changes],
            "state": changes.each(_state),
            "kept": changes.each(_kept),
        },
    )
    keys = [column("c", key) for key in changes.sources.key_names(kind)]
    rows = (
        Resolver(changes.sources)
        .at(changes, asked)
        .select(
            column("p", "organization_id"),
            asked.add(kind.name, "text"),
            array(keys),
            column("c", "agent"),
            asked.add(organization, "text"),
            as_text(column("t", kind.id)),
            column("c", "digest"),
            revised_by(plan_id, asked),
            column("c", "state"),
            cast_to(column("c", "kept"), "text[]"),
            copy=False,
        )
        # As the index has them: it then grows at one place at a time, and stays a fifth smaller.
        .order_by(column("p", "organization_id"), copy=False)
    )
    inserted = exp.Insert(
        this=exp.Schema(
            this=exp.Table(this=name("placement"), db=name("reconcile")),
            expressions=[name(text) for text in (*_KEY, *_TOLD)],
        ),
        expression=rows,
        conflict=None
        if fresh
        else exp.OnConflict(
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


def revised_by(plan_id: str, asked: Parameters) -> exp.Expr:
    """The number of the revision that applies a plan: it is written before."""
    return exp.paren(
        exp.select(column("r", "id"), copy=False)
        .from_(table("reconcile", "revision", "r"), copy=False)
        .where(equal(column("r", "plan_id"), asked.add(plan_id, "text")), copy=False)
    )


def remembered(kind: Kind, change: AnyChange) -> tuple[str, str]:
    """The base values of a change as canonical JSON, after their digest."""
    values: dict[str, object] = {
        text: value.model_dump() if isinstance(value, Noun) else value
        for text, value in base(kind, change).items()
    }
    text = canonical(values)
    return digest_of(text), text


def _state(change: AnyChange) -> Standing:
    """What becomes of the row."""
    if isinstance(change, Create):
        return "placed"
    if change.becomes is not None:
        return change.becomes
    if isinstance(change, Release) and change.to is None:
        # What was adopted and is given back is in the way again; what was given away is not.
        return "retired" if change.because == "undone" else "released"
    return "retired" if isinstance(change, Retire) else "placed"


def _kept(change: AnyChange) -> str:
    """The template's columns that keep the tenant's values, as PostgreSQL writes an array."""
    names = () if isinstance(change, Create) else change.pinned
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in quoted) + "}"
