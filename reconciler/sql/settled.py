"""What is settled: a target's row that is ours and equal to the template's, so that nothing of it
needs to travel.

    wanted   the template's rows
    living   the targets' live rows (`reconciler.sql.seen.have`)
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.history import is_placed
from reconciler.sql.questions import Questions
from reconciler.sql.seen import native_of, natives, ours
from reconciler.sql.tree import (
    Blank,
    Parameters,
    aliased,
    all_of,
    any_of,
    call,
    column,
    equal,
    left,
    table,
)
from reconciler.sql.wanted import current


def wanted(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    """The template's rows, each key once."""
    source = questions.sources.joined(kind, "t", "template")
    return (
        source.select()
        .select(
            *questions.keys(source),
            aliased(source.row_id(), "row_id"),
            aliased(current(questions.sources, source, asked), "current"),
            *natives(questions, source, "template", asked),
            copy=False,
        )
        .where(questions.of_template(source, asked), copy=False)
        .distinct(*source.keys, copy=False)
        .order_by(*source.keys, column("t", kind.id), copy=False)
    )


def same_key(questions: Questions, kind: Kind, one: str, other: str) -> list[exp.Expr]:
    """The conditions under which two rows have the same key."""
    return [
        equal(column(one, key), column(other, key)) for key in questions.sources.key_names(kind)
    ]


def with_placement(questions: Questions, kind: Kind, asked: Parameters) -> exp.Join:
    """The join with the placement `p` at the address of a row `h`."""
    keys = [column("h", key) for key in questions.sources.key_names(kind)]
    organization = column("h", "organization_id")
    return left(
        table("reconcile", "placement", "p"),
        on=questions.placement(kind, organization, keys, asked),
    )


def settled(questions: Questions, kind: Kind, asked: Parameters) -> exp.Expr:
    """Whether a row `h` of `living` is ours, by an owner that exists, and equal to the row `w` of
    `wanted` with the same key; of a history, it is what was placed, and `p` tells.
    """
    equal_rows = call(
        "record_image_eq",
        call("row", *(column("h", native_of(managed)) for managed in kind.compared)),
        call("row", *(column("w", native_of(managed)) for managed in kind.compared)),
    )
    found = [
        # An installation can be there and no longer be linked.
        column("h", "live"),
        ours(kind, asked),
        *([_owner_exists(asked)] if kind.owner else []),
        *([equal_rows] if kind.compared else []),
    ]
    if kind.history:
        keys = [column("h", key) for key in questions.sources.key_names(kind)]
        organization = column("h", "organization_id")
        row_id, placed = column("h", "row_id"), column("p", "row_id")
        found.append(is_placed(kind, keys, organization, row_id, placed))
    return all_of(found)


def _owner_exists(asked: Parameters) -> exp.Expr:
    owner = column("h", "owner")
    known = exp.Exists(
        this=exp.select(exp.Literal.number(1), copy=False)
        .from_(table("public", "agents", "x"), copy=False)
        .where(equal(column("x", "id"), owner.copy()), copy=False)
    )
    return any_of((equal(owner, asked.add(Blank.AGENT, "text")), known))
