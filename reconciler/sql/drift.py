"""What was placed, as it is now: every managed column beside the values that were last applied."""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.questions import Questions
from reconciler.sql.tree import (
    Parameters,
    Statement,
    as_text,
    column,
    equal,
    inner,
    literal,
    table,
)


def placed(questions: Questions, kind: Kind) -> Statement:
    """key parts, the base values, the columns that are kept, every managed column as text, and the
    organisations: live rows that a plan placed and that are the template's still, grouped by what
    they look like.
    """
    asked = Parameters()
    source = questions.sources.joined(kind, "t", "target")
    shown = [
        *source.keys,
        as_text(column("b", "values")),
        column("p", "kept"),
        *(questions.value(source, managed, "target", asked) for managed in kind.columns),
    ]
    ledger = questions.placement(kind, source.scope, source.keys, asked)
    tree = (
        source.select()
        .select(*shown, exp.ArrayAgg(this=source.scope), copy=False)
        .join(inner(table("reconcile", "placement", "p"), ledger), copy=False)
        .join(
            inner(
                table("reconcile", "content", "b"),
                equal(column("b", "digest"), column("p", "content")),
            ),
            copy=False,
        )
        .where(
            questions.of_targets(source, asked),
            source.live,
            equal(column("p", "row_id"), source.row_id()),
            equal(column("p", "state"), literal("placed")),
            copy=False,
        )
        .group_by(*(exp.Literal.number(number) for number in range(1, len(shown) + 1)), copy=False)
    )
    return Statement(f"look for drift of {kind.name}", tree, asked.taken())
