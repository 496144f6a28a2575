"""The comparison, made in the database: what each address looks like where it is not settled.

A target's row that is ours and equal to the template's is settled and does not travel. The
rest is grouped by what it looks like, so that equal states of many targets are one row:

    wanted   the template's rows
    have     the targets' rows at any key, live and dead
    rest     wanted x targets, less what is settled; of several dead rows the one that matters
    result   rest, grouped, with what the ledger and the platform know of it
"""

from __future__ import annotations

from sqlglot import exp

from reconciler.model.kind import Column, Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.history import is_placed
from reconciler.sql.questions import Questions
from reconciler.sql.source import Side, Source
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    as_text,
    call,
    column,
    cross,
    equal,
    is_ours,
    is_true,
    left,
    not_null,
    rows_of,
    table,
    unnest,
    when,
)
from reconciler.sql.uniqueness import blocks
from reconciler.sql.wanted import current

# The fixed columns of the result, between the key's parts and the compared values.
FIXED = (
    "live",
    "blocks",
    "placed",
    "owner",
    "owner_organization",
    "owner_name",
    "owner_exists",
    "author",
    "author_label",
    "authored_at",
    "base",
)


def states(questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...]) -> Statement:
    """Every address of the template in every target where it is not settled.

    The result's columns: key parts, FIXED, the compared columns as text, and the array of
    organisations. `live` is NULL where the row is absent.
    """
    asked = Parameters()
    keys = questions.sources.key_names(kind)
    wanted = _wanted(questions, kind, asked)
    have = _have(questions, kind, unique, asked)
    rest = _rest(questions, kind, asked)
    shown = [
        *(column("r", key) for key in keys),
        *(column("r", text) for text in FIXED[:5]),
        column("a", "name"),
        not_null(column("a", "id")),
        column("r", "author"),
        exp.Coalesce(this=column("u", "email"), expressions=[column("r", "author")]),
        column("r", "authored_at"),
        as_text(column("b", "values")),
        *(column("r", _text(managed)) for managed in kind.compared),
    ]
    tree = (
        exp.select(*shown, exp.ArrayAgg(this=column("r", "organization_id")), copy=False)
        .from_(rows_of("rest", "r"), copy=False)
        .join(
            left(table("public", "agents", "a"), on=equal(column("a", "id"), column("r", "owner"))),
            copy=False,
        )
        .join(
            left(table("public", "user", "u"), on=equal(column("u", "id"), column("r", "author"))),
            copy=False,
        )
        .join(
            left(
                table("reconcile", "content", "b"),
                on=equal(column("b", "digest"), column("r", "content")),
            ),
            copy=False,
        )
        .group_by(*(exp.Literal.number(number) for number in range(1, len(shown) + 1)), copy=False)
        .with_("wanted", as_=wanted, materialized=True, copy=False)
        .with_("have", as_=have, copy=False)
        .with_("rest", as_=rest, copy=False)
    )
    return Statement(f"compare {kind.name}", tree, asked.taken())


def _text(managed: Column) -> str:
    return f"{managed.name}:text"


def _native(managed: Column) -> str:
    # A foreign key has no meaning outside its organisation: what is compared is the address.
    return _text(managed) if managed.references else f"{managed.name}:native"


def _compared(
    questions: Questions, source: Source, side: Side, asked: Parameters
) -> list[exp.Expr]:
    """Each compared column as it travels and, where that is not the same, as it is."""
    texts = [
        aliased(questions.value(source, managed, side, asked), _text(managed))
        for managed in source.kind.compared
    ]
    natives = [
        aliased(column(source.alias, managed.name), _native(managed))
        for managed in source.kind.compared
        if not managed.references
    ]
    return [*texts, *natives]


def _wanted(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    source = questions.sources.joined(kind, "t", "template")
    return (
        source.select()
        .select(
            *questions.keys(source),
            aliased(current(questions.sources, source, asked), "current"),
            *_compared(questions, source, "template", asked),
            copy=False,
        )
        .where(questions.of_template(source, asked), copy=False)
        .distinct(*source.keys, copy=False)
        .order_by(*source.keys, column("t", kind.id), copy=False)
    )


def _have(
    questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...], asked: Parameters
) -> exp.Select:
    source = questions.sources.joined(kind, "t", "target")
    created = {stamp.value: stamp.column for stamp in kind.stamps if stamp.on == "create"}
    author, at = created.get("actor"), created.get("now")
    owner = kind.owner
    return (
        source.select()
        .select(
            aliased(source.scope, "organization_id"),
            *questions.keys(source),
            aliased(source.row_id(), "row_id"),
            aliased(is_true(source.live), "live"),
            aliased(blocks(kind, unique), "blocks"),
            aliased(column("t", owner.agent) if owner else _none(), "owner"),
            aliased(column("t", owner.organization) if owner else _none(), "owner_organization"),
            aliased(as_text(column("t", author) if author else exp.null()), "author"),
            aliased(as_text(column("t", at) if at else exp.null()), "authored_at"),
            *_compared(questions, source, "target", asked),
            copy=False,
        )
        .where(questions.of_targets(source, asked), copy=False)
    )


def _none() -> exp.Expr:
    return as_text(exp.null())


def _ours(kind: Kind, asked: Parameters) -> exp.Expr:
    """Placed by this template agent, or by another agent of the same organisation."""
    if kind.owner is None:
        return exp.true()
    return is_ours(
        column("h", "owner"),
        column("h", "owner_organization"),
        asked.add(Blank.AGENT, "text"),
        asked.add(Blank.ORGANIZATION, "text"),
    )


def _rest(questions: Questions, kind: Kind, asked: Parameters) -> exp.Select:
    keys = questions.sources.key_names(kind)
    organization = column("g", "organization_id")
    live = column("h", "live")
    ours = _ours(kind, asked)
    equal_rows = call(
        "record_image_eq",
        call("row", *(column("h", _native(managed)) for managed in kind.compared)),
        call("row", *(column("w", _native(managed)) for managed in kind.compared)),
    )
    settled = all_of((live, ours, *([equal_rows] if kind.compared else [])))
    if kind.history:
        wanted = [column("w", key) for key in keys]
        known = is_placed(kind, wanted, organization, column("h", "row_id"), column("p", "row_id"))
        settled = all_of((settled, known))
    dead = is_true(exp.not_(live, copy=False))
    foreign = is_true(all_of((live, exp.not_(is_true(ours), copy=False))))
    this_row = equal(column("p", "row_id"), column("h", "row_id"))
    placed = all_of(
        (
            not_null(column("p", "row_id")),
            any_of((exp.not_(is_true(live), copy=False), is_true(this_row))),
        )
    )
    told = any_of((foreign, dead))
    if kind.owner is None and kind.parent is not None:
        # A child that was not placed is somebody's own.
        told = any_of((told, exp.not_(is_true(this_row.copy()), copy=False)))
    return (
        exp.select(
            aliased(organization, "organization_id"),
            *(aliased(column("w", key), key) for key in keys),
            aliased(live, "live"),
            aliased(column("h", "blocks"), "blocks"),
            aliased(placed, "placed"),
            aliased(column("h", "owner"), "owner"),
            aliased(column("h", "owner_organization"), "owner_organization"),
            # Who wrote a row of ours is no reason to tell equal rows apart.
            aliased(when(told, column("h", "author")), "author"),
            aliased(when(told, column("h", "authored_at")), "authored_at"),
            aliased(when(all_of((live, placed)), column("p", "content")), "content"),
            *(aliased(column("h", _text(managed)), _text(managed)) for managed in kind.compared),
            copy=False,
        )
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
            exp.not_(is_true(settled), copy=False),
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
                for flag in (live, ours, column("h", "blocks"))
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
