"""Which of the template's rows are wanted: of a history, the versions that something refers to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from reconciler.model.kind import Column, Kind
from reconciler.sql.source import Source, Sources
from reconciler.sql.tree import Blank, Parameters, any_of, column, equal, is_true


def current(sources: Sources, source: Source, asked: Parameters) -> exp.Expr:
    """Whether a row of the template is wanted in every target, and not only where it was before."""
    kind = source.kind
    if kind.history is None or kind.history.keep == "all":
        return exp.true()
    flagged = [is_true(column(source.alias, flag)) for flag in kind.flags]
    pointing = [
        _points(sources, other, reference, source, asked.add(Blank.ORGANIZATION, "text"))
        for other in sources.kinds.values()
        for reference in other.references
        if reference.references == kind.name and not reference.flag
    ]
    return any_of((*flagged, *pointing))


def _points(
    sources: Sources, kind: Kind, reference: Column, at: Source, organization: exp.Expr
) -> exp.Expr:
    """Whether a live row of the template's organisation points at a row."""
    pointing = sources.rows(kind, "r", "template")
    return _any(
        pointing,
        (
            equal(column("r", reference.name), column(at.alias, at.kind.id)),
            equal(pointing.scope, organization),
            pointing.included,
        ),
    )


def pointed_at(sources: Sources, source: Source) -> exp.Expr:
    """Whether something that is mirrored belongs to, or refers to, a row that is not."""
    referring = (
        _any(
            sources.rows(other, "b", "template"),
            (equal(column("b", reference.name), column(source.alias, source.kind.id)),),
        )
        for other in sources.kinds.values()
        for reference in other.references
        if reference.references == source.kind.name and not reference.flag
    )
    children = (
        _any(
            sources.rows(child, "b", "template", orphaned=True),
            (equal(column("b", child.parent.column), column(source.alias, source.kind.id)),),
        )
        for child in sources.kinds.values()
        if child.parent and child.parent.kind == source.kind.name
    )
    return any_of((*children, *referring))


def _any(rows: Source, conditions: Iterable[exp.Expr]) -> exp.Expr:
    found = (
        rows.select()
        .select(exp.Literal.number(1), copy=False)
        .where(rows.live, *conditions, copy=False)
    )
    return exp.Exists(this=found)
