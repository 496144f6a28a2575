"""References that had to wait, as statements: once all rows are written, they are set.

A pointer that is a flag on the row's own children goes down before it goes up again, since a
unique index may allow one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from reconciler.kinds.order import deferred
from reconciler.model.change import Create
from reconciler.model.kind import Column, Kind
from reconciler.sql.contents import AnyChange, Contents, as_cte, changed, referred
from reconciler.sql.tree import Parameters, Statement, column, equal, is_true
from reconciler.sql.write import Writer, updated


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
    )


def _flag(
    writer: Writer, changes: Contents, reference: Column, concerned: tuple[AnyChange, ...]
) -> Iterator[Statement]:
    assert reference.references is not None
    child = writer.sources.kinds[reference.references]
    moved = tuple(
        change
        for change in changes.changes
        if not isinstance(change, Create) and reference.name in changed((change,))
    )
    if moved:
        some = Contents(changes.kind, moved, changes.sources)
        yield _set(writer, some, reference, child, up=False)
    if concerned:
        some = Contents(changes.kind, concerned, changes.sources)
        yield _set(writer, some, reference, child, up=True)


def _set(
    writer: Writer, changes: Contents, reference: Column, child: Kind, *, up: bool
) -> Statement:
    """Take the flag of all children of these rows down, or put it up on the one that is meant."""
    assert reference.flag is not None
    asked = Parameters()
    own = len(child.key)
    wanted = [f"current{place}" for place in range(own)]
    carried = {
        text: [_aimed(change, reference, place - own) for change in changes.changes]
        for place, text in enumerate(wanted)
    }
    contents = changes.select(asked, carried if up else {})
    places, within = writer.resolver.within(child, changes.placed(asked))
    conditions = [equal(column("t", text), value) for text, value in within]
    if up:
        conditions += [
            equal(column("t", text), writer.resolver.typed(child, text, column("c", key)))
            for text, key in zip(child.key, wanted, strict=True)
        ]
        conditions.append(writer.sources.rows(child, "t", "target").live)
    else:
        conditions.append(is_true(column("t", reference.flag)))
    tree = updated(child, [(reference.flag, exp.true() if up else exp.false())], places, conditions)
    return Statement(
        f"{'mark' if up else 'unmark'} {changes.kind.name}.{reference.name}",
        as_cte(tree, contents),
        asked.taken(),
        changes.rows if up else None,
    )


def _aimed(change: AnyChange, reference: Column, place: int) -> str | None:
    aim = referred(change, reference.name)
    return aim.key[place] if aim else None
