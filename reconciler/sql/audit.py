"""The platform's own audit table: each change of a row writes one there, too.

What a person reads there is what the plan says: the managed columns by name, references as
addresses, and whose the row is; never what is sensitive.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from reconciler.model.base import Noun
from reconciler.model.canonical import canonical
from reconciler.model.change import Adopt, Create, Move, Retire
from reconciler.model.kind import Audit
from reconciler.model.value import Digest, Json, Ref, Value, Values
from reconciler.sql.contents import AnyChange, Contents, after, as_cte, owner_after, typed
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import Parameters, Statement, column, name
from reconciler.sql.write import Writer

_ACTIONS: Final = {"create": "create", "retire": "delete"}


def audit(writer: Writer, declared: Audit, changes: Contents) -> Statement:
    """One row in the audit table for each row that is written, or is about to be retired."""
    kind = changes.kind
    asked = Parameters()
    carried = changes.select(
        asked,
        {
            "action": changes.each(lambda one: _ACTIONS.get(one.action, "update")),
            "before": changes.each(lambda one: _before(writer, changes, one)),
            "after": changes.each(lambda one: _after(writer, changes, one)),
        },
    )
    contents = typed(carried, {"before": "jsonb", "after": "jsonb"})
    actor = asked.add(writer.user, "text")
    told = {
        declared.row: column("t", kind.id),
        declared.action: column("c", "action"),
        declared.actor: actor,
        declared.before: column("c", "before"),
        declared.after: column("c", "after"),
    }
    rows = Resolver(changes.sources).at(changes, asked).select(*told.values(), copy=False)
    inserted = exp.Insert(
        this=exp.Schema(
            this=exp.Table(this=name(declared.table), db=name(declared.db_schema)),
            expressions=[name(text) for text in told],
        ),
        expression=rows,
    )
    return Statement(f"audit {kind.name}", as_cte(inserted, contents), asked.taken(), changes.rows)


def _before(writer: Writer, changes: Contents, change: AnyChange) -> str | None:
    if isinstance(change, Create):
        return None
    owner: str | None = writer.agent
    if isinstance(change, Adopt):
        owner = change.owner.agent if change.owner else None
    was = change.source.key if isinstance(change, Move) else change.address.key
    return _payload(changes, was, change.before, owner)


def _after(writer: Writer, changes: Contents, change: AnyChange) -> str | None:
    if isinstance(change, Retire):
        return None
    owner, _ = owner_after(change, writer.agent, writer.organization)
    return _payload(changes, change.address.key, after(change), owner)


def _payload(changes: Contents, key: tuple[str, ...], values: Values, owner: str | None) -> str:
    kind = changes.kind
    told: dict[str, object] = dict(zip(kind.key, key[-len(kind.key) :], strict=False))
    told |= {text: _plain(value) for text, value in values.items() if not isinstance(value, Digest)}
    if kind.owner:
        told[kind.owner.agent] = owner
    return canonical(told)


def _plain(value: Value) -> object:
    match value:
        case Json():
            return value.parsed()
        case Ref():
            return str(value.ref)
        case Noun():
            return None
        case _:
            return value
