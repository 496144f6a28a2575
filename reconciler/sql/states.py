"""The comparison, made in the database: what each address looks like where it is not settled.

What is settled (see `reconciler.sql.settled`) does not travel. The rest is grouped by what it
looks like, so that equal states of many targets are one row:

    wanted   the template's rows
    have     the targets' rows at any key, live and dead
    living   the live ones among them
    open     wanted x targets, less what is settled
    beside   have and
    known    the ledger's placements, at those keys of wanted that are not settled everywhere
    rest     what there is where it is open; of several dead rows the one that matters

The census (see `reconciler.sql.census`) tells what is settled everywhere, and what nowhere: so one
changed row costs one more pass over a table, and all that is kept at a time is of that row.
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.seen import have, ours, result, told
from reconciler.sql.settled import same_key, settled, wanted, with_placement
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    all_of,
    any_of,
    array,
    column,
    cross,
    equal,
    in_list,
    inner,
    is_true,
    left,
    name,
    not_null,
    rows_of,
    table,
    unnest,
)


def states(questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...]) -> Statement:
    """Every address of the template in every target where it is not settled.

    What is settled everywhere is not looked at. The result's columns are those of
    `reconciler.sql.seen.result`.
    """
    asked = Parameters()
    tree = result(
        questions,
        kind,
        ("wanted", wanted(questions, kind, asked), True),
        ("have", have(questions, kind, unique, asked), False),
        ("living", have(questions, kind, unique, asked, living=True), False),
        ("open", _open(questions, kind, asked), False),
        ("beside", _beside(questions, kind, asked), False),
        ("known", _known(questions, kind, asked), False),
        ("rest", _rest(questions, kind, asked), False),
        everywhere=asked.add(Blank.TARGETS, "text[]"),
    )
    return Statement(f"compare {kind.name}", tree, asked.taken())


def _open(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    organization = column("g", "organization_id")
    keys = [column("v", key) for key in questions.sources.key_names(kind)]
    there = (
        exp.select(exp.Literal.number(1), copy=False)
        .from_(rows_of("living", "h"), copy=False)
        .join(inner(rows_of("wanted", "w"), on=all_of(same_key(questions, kind, "h", "w"))))
    )
    if kind.history:
        there = there.join(with_placement(questions, kind, asked), copy=False)
    there = there.where(
        in_list(column("w", "row_id"), asked.add(Blank.PARTLY, "text[]")),
        settled(questions, kind, asked),
        equal(column("h", "organization_id"), organization),
        equal(column("w", "row_id"), column("v", "row_id")),
        copy=False,
    )
    return (
        exp.select(organization.copy(), column("v", "current"), *keys, copy=False)
        .from_(rows_of("wanted", "v"), copy=False)
        .join(
            cross(unnest("g", [("organization_id", asked.add(Blank.TARGETS, "text[]"))])),
            copy=False,
        )
        .where(
            _not_everywhere("v", asked), exp.not_(exp.Exists(this=there), copy=False), copy=False
        )
    )


def _not_everywhere(alias: str, asked: Parameters) -> exp.Expr:
    """Whether a row of the template is not settled in all targets."""
    known = in_list(column(alias, "row_id"), asked.add(Blank.SETTLED, "text[]"))
    return exp.not_(known, copy=False)


def _beside(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    return (
        exp.select(exp.Column(this=exp.Star(), table=name("h")), copy=False)
        .from_(rows_of("have", "h"), copy=False)
        .join(inner(rows_of("wanted", "w"), on=all_of(same_key(questions, kind, "h", "w"))))
        .where(_not_everywhere("w", asked), copy=False)
    )


def _known(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    keys = [column("w", key) for key in questions.sources.key_names(kind)]
    return (
        exp.select(exp.Column(this=exp.Star(), table=name("p")), copy=False)
        .from_(table("reconcile", "placement", "p"), copy=False)
        .join(inner(rows_of("wanted", "w"), on=equal(column("p", "key"), array(keys))))
        .where(
            equal(column("p", "kind"), asked.add(kind.name, "text")),
            _not_everywhere("w", asked),
            copy=False,
        )
    )


def _rest(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    keys = [column("o", key) for key in questions.sources.key_names(kind)]
    organization = column("o", "organization_id")
    live = all_of((column("h", "live"), column("h", "attached")))
    this_row = equal(column("p", "row_id"), column("h", "row_id"))
    return (
        exp.select(*told(kind, organization, keys, asked), copy=False)
        .from_(rows_of("open", "o"), copy=False)
        .join(
            left(
                rows_of("beside", "h"),
                on=all_of(
                    (
                        equal(column("h", "organization_id"), organization),
                        *same_key(questions, kind, "h", "o"),
                    )
                ),
            ),
            copy=False,
        )
        .join(
            left(
                rows_of("known", "p"),
                on=questions.placement(kind, organization, keys, asked),
            ),
            copy=False,
        )
        # An old version is mirrored only where it was placed while it was current.
        .where(any_of((column("o", "current"), not_null(column("p", "row_id")))), copy=False)
        .distinct(organization, *keys, copy=False)
        .order_by(
            organization,
            *keys,
            *(
                exp.Ordered(this=is_true(flag), desc=True)
                for flag in (live, ours(kind, asked), this_row, column("h", "blocks"))
            ),
            column("h", "row_id"),
            copy=False,
        )
    )
