"""What would be in the way of a new row: other rows in the unique indexes of its table."""

from __future__ import annotations

from sqlglot import exp

from reconciler.kinds.predicate import columns_of, null_columns, parse_predicate
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    all_of,
    as_text,
    column,
    cross,
    equal,
    in_list,
    is_true,
    parsed,
    same,
    table,
    unnest,
    with_alias,
)
from reconciler.sql.uniqueness import holds_off, speaks_of


def collisions(questions: Questions, kind: Kind, index: UniqueIndex) -> Statement | None:
    """key parts, target, id and organisation of the row in the way, for one unique index.

    The template's own row, moved to the target, is held against all rows of the table.
    None where the index speaks of columns that get other values in a target, or where only
    the live row with the same key could be in the way.
    """
    if holds_off(kind, index):
        return None
    expressions = [parsed(text) for text in index.expressions]
    predicate = parsed(index.predicate) if index.predicate else None
    spoken = speaks_of(index)
    # A new row is live, as the template's is.
    carried = {managed.name for managed in kind.columns if not managed.references}
    carried.update(columns_of(kind.live) if kind.live else ())
    carried.update(null_columns(kind.where) if kind.where else ())
    own = (kind.installs.template,) if kind.installs else kind.key
    if kind.scope is None or not kind.mirrored or not spoken <= carried | {kind.scope, *own}:
        return None
    asked = Parameters()
    source = questions.sources.rows(kind, "t", "template")
    organization = column("g", "organization_id")
    there: dict[str, exp.Expr] = {kind.scope: organization}
    if kind.installs:
        there[kind.installs.template] = column("t", kind.id)
        if questions.named:
            there[kind.installs.name] = asked.add(Blank.NAME, "text")

    def moved(tree: exp.Expr) -> exp.Expr:
        return with_alias(tree, "t").transform(
            lambda node: there.get(node.name, node) if isinstance(node, exp.Column) else node
        )

    here = all_of(
        (
            equal(as_text(column("o", kind.scope)), organization),
            *(same(column("o", key), moved(column("t", key))) for key in own),
            *([with_alias(parse_predicate(kind.where), "o")] if kind.where else []),
        )
    )
    # Its own dead row may be in the way of a new one, too.
    still_alive = [is_true(with_alias(parse_predicate(kind.live), "o"))] if kind.live else []
    compared = same if index.nulls_equal else equal
    tree = (
        source.select()
        .select(
            *source.keys,
            organization,
            as_text(column("o", kind.id)),
            as_text(column("o", kind.scope)),
            copy=False,
        )
        .join(
            cross(unnest("g", [("organization_id", asked.add(Blank.TARGETS, "text[]"))])),
            copy=False,
        )
        .join(
            table(kind.db_schema, kind.table, "o"),
            on=all_of(compared(with_alias(tree, "o"), moved(tree)) for tree in expressions),
            copy=False,
        )
        .where(
            questions.of_template(source, asked),
            exp.not_(in_list(source.row_id(), asked.add(Blank.SETTLED, "text[]")), copy=False),
            exp.not_(all_of((here, *still_alive)), copy=False),
            *([with_alias(predicate, "o"), moved(predicate)] if predicate else []),
            copy=False,
        )
    )
    return Statement(f"look for {kind.name} rows in the way", tree, asked.taken())
