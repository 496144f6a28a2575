"""What rows hang on must still be there: parents of ours, and whatever they refer to.

Rows that the plan itself creates or takes over are not asked for: they are not there yet.
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Column
from reconciler.model.value import Ref
from reconciler.sql.contents import Contents, after, as_cte, part
from reconciler.sql.history import is_placed, placement
from reconciler.sql.resolve import Resolver, join_rows
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    any_of,
    as_text,
    column,
    is_null,
    is_ours,
    is_true,
    left,
)


def parents(children: Contents, agent: str, organization: str) -> Statement:
    """organisation, number of the content: rows whose parent is gone, or is not ours."""
    kind = children.kind
    assert kind.parent is not None
    asked = Parameters()
    contents = children.select(asked, {})
    sources = children.sources
    above = sources.rows(sources.kinds[kind.parent.kind], "up", "target")
    wanted = [column("c", key) for key in sources.key_names(above.kind)]
    missing = is_null(column("up", "id"))
    if sources.owner_of(above):
        ours = is_ours(
            column("up", "owner"),
            column("up", "owner_organization"),
            asked.add(agent, "text"),
            asked.add(organization, "text"),
        )
        missing = any_of((missing, exp.not_(is_true(ours), copy=False)))
    tree = (
        join_rows(sources, children.placed(asked), above, wanted, optional=True)
        .select(column("p", "organization_id"), column("c", "content"), copy=False)
        .where(missing, copy=False)
    )
    return Statement(
        f"check what {kind.name} rows belong to", as_cte(tree, contents), asked.taken()
    )


def references(changes: Contents, reference: Column) -> Statement:
    """organisation, number of the content: rows that refer to a row that is gone."""
    asked = Parameters()
    resolver = Resolver(changes.sources)
    values = [after(one).get(reference.name) for one in changes.changes]
    carried: dict[str, list[str | None]] = {
        text: [part(value, place) for value in values]
        for place, text in enumerate(resolver.parts(reference))
    }
    # An undo brings a pointer back to a version that the tenant published.
    carried["own"] = ["t" if isinstance(one, Ref) and one.own else None for one in values]
    contents = changes.select(asked, carried)
    tree, found = resolver.referred(reference, changes.placed(asked))
    missing = is_null(found)
    other = changes.sources.kinds[str(reference.references)]
    if other.history:
        # The number may be the same, and the version another one: the tenant's.
        organization = column("p", "organization_id")
        keys = [column("c", text) for text in resolver.parts(reference)]
        tree = tree.join(left(*placement(other, keys, organization, "placed")), copy=False)
        placed = column("placed", "row_id")
        ours = is_placed(other, keys, organization, as_text(found), placed)
        theirs = all_of((is_null(column("c", "own")), exp.not_(ours, copy=False)))
        missing = any_of((missing, theirs))
    tree = tree.select(column("p", "organization_id"), column("c", "content"), copy=False).where(
        missing, copy=False
    )
    return Statement(
        f"check what {changes.kind.name} rows refer to", as_cte(tree, contents), asked.taken()
    )
