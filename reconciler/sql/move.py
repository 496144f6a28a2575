"""Rows that get another name: they are found by the old one, and everything else goes by the new.

A row's parts go by its name, too, so the ledger's placements of all of them are renamed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from reconciler.model.change import Move
from reconciler.model.kind import Kind
from reconciler.sql.contents import Contents, as_cte
from reconciler.sql.history import is_placed, placement
from reconciler.sql.proof import written
from reconciler.sql.resolve import Resolver, join_rows
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    any_of,
    array,
    as_text,
    column,
    equal,
    in_list,
    is_null,
    is_ours,
    is_true,
    left,
    table,
    updated,
)
from reconciler.sql.write import Writer


def at_source(moves: Contents) -> Contents:
    """The same changes, at the addresses that the rows still have."""
    changes = tuple(
        change.model_copy(update={"address": change.source})
        for change in moves.changes
        if isinstance(change, Move)
    )
    return Contents(moves.kind, changes, moves.sources)


def not_there(moves: Contents, agent: str, organization: str) -> Statement:
    """organisation, number of the content: rows that are not there under the old name, or are
    not ours.
    """
    kind = moves.kind
    old = at_source(moves)
    asked = Parameters()
    contents = old.select(asked, {})
    source = moves.sources.rows(kind, "t", "target")
    keys = [column("c", text) for text in moves.sources.key_names(kind)]
    tree = join_rows(moves.sources, old.placed(asked), source, keys, optional=True)
    found = column("t", "id")
    if kind.owner:
        ours = is_ours(
            column("t", "owner"),
            column("t", "owner_organization"),
            asked.add(agent, "text"),
            asked.add(organization, "text"),
        )
    else:
        place = column("p", "organization_id")
        tree = tree.join(left(*placement(kind, keys, place, "l")), copy=False)
        ours = is_placed(kind, keys, place, as_text(found), column("l", "row_id"))
    wrong = any_of((is_null(found), exp.not_(is_true(ours), copy=False)))
    tree = tree.select(column("p", "organization_id"), column("c", "content"), copy=False).where(
        wrong, copy=False
    )
    return Statement(
        f"check that {kind.name} rows have their old names", as_cte(tree, contents), asked.taken()
    )


def rename(writer: Writer, moves: Contents) -> Statement:
    """Give rows their new keys."""
    kind = moves.kind
    old = at_source(moves)
    asked = Parameters()
    resolver = Resolver(moves.sources)
    new = {
        f"new{place}": [change.address.key[place - len(kind.key)] for change in moves.changes]
        for place in range(len(kind.key))
    }
    contents = old.select(asked, new)
    assigned = [
        (text, resolver.typed(kind, text, column("c", carried)))
        for text, carried in zip(kind.key, new, strict=True)
    ]
    assigned += writer.stamps(kind, asked)
    return Statement(
        f"rename {kind.name}",
        as_cte(writer.updating(old, assigned, old.placed(asked)), contents),
        asked.taken(),
        moves.rows,
        written(moves),
    )


def rename_placements(moves: Contents) -> Statement:
    """Tell the ledger the new names of rows, and of what belongs to them."""
    kind = moves.kind
    old = at_source(moves)
    asked = Parameters()
    names = moves.sources.key_names(kind)
    new = {
        f"new{place}": [change.address.key[place] for change in moves.changes]
        for place in range(len(names))
    }
    contents = old.select(asked, new)
    key = column("l", "key")
    first, last = exp.Literal.number(1), exp.Literal.number(len(names))
    beginning = exp.Bracket(this=key, expressions=[exp.Slice(this=first, expression=last)])
    rest = exp.Bracket(
        this=key.copy(), expressions=[exp.Slice(this=exp.Literal.number(len(names) + 1))]
    )
    was = array([column("c", text) for text in names])
    becomes = exp.DPipe(this=array([column("c", text) for text in new]), expression=rest)
    there = (
        equal(column("l", "organization_id"), column("p", "organization_id")),
        in_list(
            column("l", "kind"),
            asked.add([one.name for one in _family(moves.sources, kind)], "text[]"),
        ),
        equal(beginning, was),
    )
    placement = table("reconcile", "placement", "l")
    update = updated(placement, [("key", becomes)], old.placed(asked), there)
    return Statement(
        f"rename what the ledger knows of {kind.name}", as_cte(update, contents), asked.taken()
    )


def _family(sources: Sources, kind: Kind) -> Iterator[Kind]:
    """A kind, and all whose rows belong to its rows."""
    yield kind
    for child in sources.kinds.values():
        if child.parent and child.parent.kind == kind.name:
            yield from _family(sources, child)
