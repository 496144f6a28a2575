"""Live rows by whom they belong to, and by their keys: what there is, whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.questions import Questions
from reconciler.sql.tree import (
    Parameters,
    Statement,
    column,
    equal,
    in_list,
    not_null,
)


def owned(questions: Questions, kind: Kind, organizations: Sequence[str] | None) -> Statement:
    """organisation, agent, rows: the live rows of a kind that bear a tag."""
    assert kind.owner is not None
    asked = Parameters()
    source = questions.sources.rows(kind, "t", "target")
    agent = column("t", kind.owner.agent)
    here = (
        [in_list(source.scope, asked.add(list(organizations), "text[]"))]
        if organizations is not None
        else []
    )
    tree = (
        source.select()
        .select(source.scope, agent, exp.Count(this=exp.Star()), copy=False)
        .where(not_null(agent.copy()), source.live, source.included, *here, copy=False)
        .group_by(source.scope.copy(), agent.copy(), copy=False)
    )
    return Statement(f"count {kind.name} rows by owner", tree, asked.taken())


def keys(questions: Questions, kind: Kind, organization: str, limit: int) -> Statement:
    """key parts of the live rows of a kind in an organisation."""
    asked = Parameters()
    source = questions.sources.rows(kind, "t", "target")
    tree = (
        source.select()
        .select(*source.keys, copy=False)
        .where(
            equal(source.scope, asked.add(organization, "text")),
            source.live,
            source.included,
            *(not_null(key.copy()) for key in source.keys),
            copy=False,
        )
        .limit(limit, copy=False)
    )
    return Statement(f"list {kind.name} rows", tree, asked.taken())
