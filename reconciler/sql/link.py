"""References that had to wait, as statements: once all rows are written, they are set.

A pointer that is a flag on the row's own children goes down before it goes up again, since a
unique index may allow one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from reconciler.kinds.order import deferred
from reconciler.model.address import Address
from reconciler.model.change import Create
from reconciler.model.kind import Column, Kind
from reconciler.model.value import Ref
from reconciler.sql.contents import AnyChange, Contents, as_cte, referred
from reconciler.sql.proof import by_command, written
from reconciler.sql.tree import (
    Parameters,
    Statement,
    aliased,
    all_of,
    column,
    equal,
    inner,
    is_true,
    locked,
    table,
    updated,
)
from reconciler.sql.write import Writer


def links(writer: Writer, changes: Contents) -> Iterator[Statement]:
    """All references of a kind that are set once its rows are written."""
    kind = changes.kind
    waiting = deferred(kind, tuple(changes.sources.kinds.values()))
    for reference in kind.references:
        later = reference.name in waiting
        concerned = tuple(
            change
            for change in changes.changes
            if (aim := referred(change, reference.name)) is not None
            and (later or not isinstance(change, Create))
            # It points at itself from the moment of its creation.
            and not (reference.itself and aim == change.address)
        )
        if reference.flag:
            yield from _flag(writer, changes, reference, concerned)
        elif concerned:
            yield _link(writer, Contents(kind, concerned, changes.sources), reference)


def _link(writer: Writer, changes: Contents, reference: Column) -> Statement:
    asked = Parameters()
    contents = writer.contents(changes, asked, [reference])
    tree, found = writer.resolver.linked(reference, changes.placed(asked))
    return Statement(
        f"link {changes.kind.name}.{reference.name}",
        as_cte(writer.updating(changes, [(reference.name, found)], tree), contents),
        asked.taken(),
        changes.rows,
        written(changes),
    )


def lock_flagged(writer: Writer, updates: Contents) -> Iterator[Statement]:
    """Lock the children whose flag will go down, so that no other can get it meanwhile."""
    for reference in updates.kind.references:
        leaving = _leaving(updates, reference)
        if not reference.flag or not leaving.changes:
            continue
        child = _child(writer, reference)
        asked = Parameters()
        contents, places, conditions = _children(writer, leaving, reference, asked, up=False)
        conditions.append(is_true(column("t", str(reference.flag))))
        found = places.select(aliased(column("t", child.id), "id"), copy=False)
        found = found.join(
            inner(table(child.db_schema, child.table, "t"), all_of(conditions)), copy=False
        ).order_by(column("t", child.id), copy=False)
        serves = f"lock {updates.kind.name}.{reference.name}"
        yield Statement(serves, as_cte(locked(found), contents), asked.taken(), leaving.rows)


def _flag(
    writer: Writer, changes: Contents, reference: Column, concerned: tuple[AnyChange, ...]
) -> Iterator[Statement]:
    leaving = _leaving(changes, reference)
    if leaving.changes:
        yield _set(writer, leaving, reference, up=False)
    if concerned:
        some = Contents(changes.kind, concerned, changes.sources)
        yield _set(writer, some, reference, up=True)


def _leaving(changes: Contents, reference: Column) -> Contents:
    """The changes that take a flag away from a child."""
    leaving = tuple(change for change in changes.changes if _before(change, reference.name))
    return Contents(changes.kind, leaving, changes.sources)


def _child(writer: Writer, reference: Column) -> Kind:
    return writer.sources.kinds[str(reference.references)]


def _set(writer: Writer, changes: Contents, reference: Column, *, up: bool) -> Statement:
    """Put the flag up on the child that is meant, or take it down from the one that has it."""
    child = _child(writer, reference)
    asked = Parameters()
    contents, places, conditions = _children(writer, changes, reference, asked, up=up)
    if not up:
        conditions.append(is_true(column("t", str(reference.flag))))
    flag = [(str(reference.flag), exp.true() if up else exp.false())]
    return Statement(
        f"{'mark' if up else 'unmark'} {changes.kind.name}.{reference.name}",
        as_cte(
            updated(table(child.db_schema, child.table, "t"), flag, places, conditions), contents
        ),
        asked.taken(),
        changes.rows,
        _flagged(writer, changes, reference, up=up),
    )


def _flagged(writer: Writer, changes: Contents, reference: Column, *, up: bool) -> Statement:
    """What proves which children were given the flag, or lost it."""
    asked = Parameters()
    contents, places, conditions = _children(writer, changes, reference, asked, up=up)
    return by_command(_child(writer, reference), contents, places, conditions, asked)


def _children(
    writer: Writer, changes: Contents, reference: Column, asked: Parameters, *, up: bool
) -> tuple[exp.Select, exp.Select, list[exp.Expr]]:
    """The contents, the places, and which child `t` is meant: the next one, or the one before."""
    child = _child(writer, reference)
    aim = referred if up else _before
    own = len(child.key)
    names = [f"current{place}" for place in range(own)]
    carried = {
        text: [_part(aim(change, reference.name), place - own) for change in changes.changes]
        for place, text in enumerate(names)
    }
    contents = changes.select(asked, carried)
    places, within = writer.resolver.within(child, changes.placed(asked))
    conditions = [equal(column("t", text), value) for text, value in within]
    conditions += [
        equal(column("t", text), writer.resolver.typed(child, text, column("c", key)))
        for text, key in zip(child.key, names, strict=True)
    ]
    if up:
        conditions.append(writer.sources.rows(child, "t", "target").live)
    return contents, places, conditions


def _before(change: AnyChange, reference: str) -> Address | None:
    """What a reference pointed at that a change moves."""
    if isinstance(change, Create):
        return None
    moved = (field.before for field in change.fields if field.column == reference)
    value = next(moved, None)
    return value.ref if isinstance(value, Ref) else None


def _part(aim: Address | None, place: int) -> str | None:
    return aim.key[place] if aim else None
