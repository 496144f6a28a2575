"""The comparison, made in the database: what each address looks like where it is not settled.

A target's row that is ours and equal to the template's is settled and does not travel. The
rest is grouped by what it looks like, so that equal states of many targets are one row:

    wanted   the template's rows
    have     the targets' rows at any key, live and dead
    rest     wanted x targets, less what is settled; of several dead rows the one that matters
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.history import is_placed
from reconciler.sql.questions import Questions
from reconciler.sql.seen import compared, have, native_of, ours, result, told
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    call,
    column,
    cross,
    equal,
    is_true,
    left,
    not_null,
    rows_of,
    table,
    unnest,
)
from reconciler.sql.wanted import current


def states(questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...]) -> Statement:
    """Every address of the template in every target where it is not settled.

    The result's columns are those of `reconciler.sql.seen.result`.
    """
    asked = Parameters()
    wanted = _wanted(questions, kind, asked)
    rows = have(questions, kind, unique, asked)
    rest = _rest(questions, kind, asked)
    ctes = (("wanted", wanted, True), ("have", rows, False), ("rest", rest, False))
    tree = result(questions, kind, *ctes)
    return Statement(f"compare {kind.name}", tree, asked.taken())


def _wanted(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    source = questions.sources.joined(kind, "t", "template")
    return (
        source.select()
        .select(
            *questions.keys(source),
            aliased(current(questions.sources, source, asked), "current"),
            *compared(questions, source, "template", asked),
            copy=False,
        )
        .where(questions.of_template(source, asked), copy=False)
        .distinct(*source.keys, copy=False)
        .order_by(*source.keys, column("t", kind.id), copy=False)
    )


def _settled(questions: Questions, kind: Kind, asked: Parameters) -> exp.Expr:
    """A row that is ours, by an owner that exists, and equal to the template's."""
    equal_rows = call(
        "record_image_eq",
        call("row", *(column("h", native_of(managed)) for managed in kind.compared)),
        call("row", *(column("w", native_of(managed)) for managed in kind.compared)),
    )
    settled = all_of(
        (
            column("h", "live"),
            column("h", "attached"),
            ours(kind, asked),
            *([_owner_exists(asked)] if kind.owner else []),
            *([equal_rows] if kind.compared else []),
        )
    )
    if kind.history:
        wanted = [column("w", key) for key in questions.sources.key_names(kind)]
        organization = column("g", "organization_id")
        placed = is_placed(kind, wanted, organization, column("h", "row_id"), column("p", "row_id"))
        settled = all_of((settled, placed))
    return settled


def _owner_exists(asked: Parameters) -> exp.Expr:
    owner = column("h", "owner")
    known = exp.Exists(
        this=exp.select(exp.Literal.number(1), copy=False)
        .from_(table("public", "agents", "x"), copy=False)
        .where(equal(column("x", "id"), owner.copy()), copy=False)
    )
    return any_of((equal(owner, asked.add(Blank.AGENT, "text")), known))


def _rest(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    keys = questions.sources.key_names(kind)
    organization = column("g", "organization_id")
    live = all_of((column("h", "live"), column("h", "attached")))
    this_row = equal(column("p", "row_id"), column("h", "row_id"))
    return (
        exp.select(*told(kind, organization, [column("w", key) for key in keys], asked), copy=False)
        .from_(rows_of("wanted", "w"), copy=False)
        .join(
            cross(unnest("g", [("organization_id", asked.add(Blank.TARGETS, "text[]"))])),
            copy=False,
        )
        .join(
            left(
                rows_of("have", "h"),
                on=all_of(
                    (
                        equal(column("h", "organization_id"), organization),
                        *(equal(column("h", key), column("w", key)) for key in keys),
                    )
                ),
            ),
            copy=False,
        )
        .join(
            left(
                table("reconcile", "placement", "p"),
                on=questions.placement(
                    kind, organization, [column("w", key) for key in keys], asked
                ),
            ),
            copy=False,
        )
        .where(
            exp.not_(is_true(_settled(questions, kind, asked)), copy=False),
            # An old version is mirrored only where it was placed while it was current.
            any_of((column("w", "current"), not_null(column("p", "row_id")))),
            any_of((is_true(live), exp.not_(_live_sibling(questions, kind), copy=False))),
            copy=False,
        )
        .distinct(organization, *(column("w", key) for key in keys), copy=False)
        .order_by(
            organization,
            *(column("w", key) for key in keys),
            *(
                exp.Ordered(this=is_true(flag), desc=True)
                for flag in (live, ours(kind, asked), this_row, column("h", "blocks"))
            ),
            column("h", "row_id"),
            copy=False,
        )
    )


def _live_sibling(questions: Questions, kind: Kind) -> exp.Expr:
    """A dead row does not matter where a live one, which may be settled, has the same key."""
    keys = questions.sources.key_names(kind)
    sibling = questions.sources.rows(kind, "s", "target")
    return exp.Exists(
        this=sibling.select()
        .select(exp.Literal.number(1), copy=False)
        .where(
            equal(sibling.scope, column("g", "organization_id")),
            *(equal(key, column("w", text)) for key, text in zip(sibling.keys, keys, strict=True)),
            sibling.live,
            copy=False,
        )
    )
