"""How much of a kind is settled: one pass over the targets' rows, before anything of them is read.

Where nothing is left to do, no more is asked.
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.seen import have
from reconciler.sql.settled import same_key, settled, wanted, with_placement
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    all_of,
    column,
    equal,
    is_null,
    is_true,
    left,
    not_null,
    rows_of,
)


def census(
    questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...], *, sole: bool
) -> Statement:
    """A row of the template's by its id, the number of targets in which it is settled, whether a
    target has its key twice, and NULL for all that the template does not have: how many of those
    rows were placed by it.

    `sole` says that no target can have a key twice. A row that no target has is not told.
    """
    asked = Parameters()
    live = is_true(column("h", "live"))
    known = not_null(column("w", "row_id"))
    settled_there = all_of((known, settled(questions, kind, asked)))
    number = _count(settled_there, distinct=not sole)
    doubled: exp.Expr = exp.false()
    if not sole:
        doubled = exp.GT(this=_count(live), expression=_count(live.copy(), distinct=True))
    orphaned = all_of((is_null(column("w", "row_id")), live.copy(), _placed(kind, asked)))
    tree = (
        exp.select(column("w", "row_id"), number, doubled, _count(orphaned), copy=False)
        .from_(rows_of("living", "h"), copy=False)
        .join(left(rows_of("wanted", "w"), on=all_of(same_key(questions, kind, "h", "w"))))
    )
    if kind.history or (kind.owner is None and kind.installs is None):
        tree = tree.join(with_placement(questions, kind, asked), copy=False)
    tree = tree.group_by(column("w", "row_id"), copy=False)
    rows = have(questions, kind, unique, asked, living=True)
    tree = tree.with_("wanted", as_=wanted(questions, kind, asked), materialized=True, copy=False)
    tree = tree.with_("living", as_=rows, materialized=False, copy=False)
    return Statement(f"count settled {kind.name} rows", tree, asked.taken())


def _placed(kind: Kind, asked: Parameters) -> exp.Expr:
    """Whether a row `h` is of the template agent's own placing."""
    if kind.owner:
        return equal(column("h", "owner"), asked.add(Blank.AGENT, "text"))
    if kind.installs:
        return equal(column("h", "k1"), asked.add(Blank.AGENT, "text"))
    return equal(column("p", "row_id"), column("h", "row_id"))


def _count(condition: exp.Expr, *, distinct: bool = False) -> exp.Expr:
    """How many rows, or how many organisations, fulfil a condition."""
    what: exp.Expr = exp.Star()
    if distinct:
        what = exp.Distinct(expressions=[column("h", "organization_id")])
    return exp.Filter(this=exp.Count(this=what), expression=exp.Where(this=condition))
