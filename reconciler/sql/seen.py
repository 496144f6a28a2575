"""What is seen of targets' rows, whatever is asked about them: one shape for all answers.

    have     the targets' rows, live and dead, under live parents and dead ones, by their keys
    rest     those that a question is about, with what the ledger knows of each
    result   rest, grouped by what it looks like, with what the platform knows of it

A question (`reconciler.sql.states`, `reconciler.sql.standing`) says what `rest` is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.kinds.predicate import parse_predicate, revived
from reconciler.model.kind import Column, Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.source import Side, Source
from reconciler.sql.tree import (
    Blank,
    Parameters,
    aliased,
    all_of,
    any_of,
    as_text,
    call,
    cast_to,
    column,
    equal,
    is_null,
    is_ours,
    is_true,
    left,
    literal,
    not_null,
    rows_of,
    table,
    when,
    with_alias,
)
from reconciler.sql.uniqueness import blocks

# The fixed columns of the result, between the key's parts and the compared values.
FIXED = (
    "live",
    "attached",
    "blocks",
    "revivable",
    "ledger",
    "kept",
    "owner",
    "owner_organization",
    "owner_name",
    "owner_exists",
    "author",
    "author_label",
    "authored_at",
    "revision",
    "base",
)


def result(
    questions: Questions,
    kind: Kind,
    *ctes: tuple[str, exp.Select, bool],
    everywhere: exp.Expr | None = None,
) -> exp.Select:
    """key parts, FIXED, the compared columns as text, the organisations and their rows' ids.

    `live` is NULL where there is no row, and so are then the ids. The organisations are NULL where
    they are as many as those that are asked about, `everywhere`: a first install would list ten
    thousand of them once a row. The CTEs come with their names, in the order in which they read
    each other, and whether they are to be made once; the last one is `rest`.
    """
    keys = questions.sources.key_names(kind)
    shown = [
        *(column("r", key) for key in keys),
        *(column("r", text) for text in FIXED[:8]),
        column("a", "name"),
        not_null(column("a", "id")),
        column("r", "author"),
        exp.Coalesce(this=column("u", "email"), expressions=[column("r", "author")]),
        column("r", "authored_at"),
        column("r", "revision"),
        as_text(column("b", "values")),
        *(column("r", text_of(managed)) for managed in kind.compared),
    ]
    tree = (
        exp.select(
            *shown,
            when(_fewer(everywhere), _listed("organization_id")),
            when(not_null(column("r", "live")), _listed("row_id")),
            copy=False,
        )
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
    )
    for cte, rows, once in ctes:
        tree = tree.with_(cte, as_=rows, materialized=once, copy=False)
    return tree


def _fewer(everywhere: exp.Expr | None) -> exp.Expr:
    if everywhere is None:
        return exp.true()
    return exp.NEQ(this=exp.Count(this=exp.Star()), expression=call("cardinality", everywhere))


def _listed(text: str) -> exp.Expr:
    """The values of a column, in the order of the organisations."""
    order = exp.Ordered(this=column("r", "organization_id"))
    return exp.ArrayAgg(this=exp.Order(this=column("r", text), expressions=[order]))


def text_of(managed: Column) -> str:
    """The name under which a compared column travels."""
    return f"{managed.name}:text"


def native_of(managed: Column) -> str:
    """The name under which a compared column is compared.

    A foreign key has no meaning outside its organisation: what is compared is the address.
    """
    return text_of(managed) if managed.references else f"{managed.name}:native"


def natives(questions: Questions, source: Source, side: Side, asked: Parameters) -> list[exp.Expr]:
    """Each compared column as it is compared."""
    return [
        aliased(
            questions.value(source, managed, side, asked)
            if managed.references
            else column(source.alias, managed.name),
            native_of(managed),
        )
        for managed in source.kind.compared
    ]


def texts(questions: Questions, source: Source, side: Side, asked: Parameters) -> list[exp.Expr]:
    """Each compared column as it travels, where that is not as it is compared."""
    return [
        aliased(questions.value(source, managed, side, asked), text_of(managed))
        for managed in source.kind.compared
        if not managed.references
    ]


def have(
    questions: Questions,
    kind: Kind,
    unique: tuple[UniqueIndex, ...],
    asked: Parameters,
    *,
    keyed: bool = True,
    living: bool = False,
) -> exp.Select:
    """The targets' rows; without `keyed` also those that have no key (any more).

    `living` means live rows under live parents only, to be compared and not to travel.
    """
    source = questions.sources.joined(kind, "t", "target", orphaned=not living)
    created = {stamp.value: stamp.column for stamp in kind.stamps if stamp.on == "create"}
    author, at = created.get("actor"), created.get("now")
    owner = kind.owner
    # What is linked to no template is no installation (any more).
    linked = [not_null(column("t", kind.installs.template))] if kind.installs else []
    return (
        source.select()
        .select(
            aliased(source.scope, "organization_id"),
            *questions.keys(source),
            aliased(source.row_id(), "row_id"),
            aliased(is_true(all_of((source.live, *linked))), "live"),
            aliased(is_true(source.attached), "attached"),
            aliased(blocks(kind, unique), "blocks"),
            aliased(_revivable(kind), "revivable"),
            aliased(column("t", owner.agent) if owner else _none(), "owner"),
            aliased(column("t", owner.organization) if owner else _none(), "owner_organization"),
            aliased(as_text(column("t", author) if author else exp.null()), "author"),
            aliased(as_text(column("t", at) if at else exp.null()), "authored_at"),
            *natives(questions, source, "target", asked),
            *(() if living else texts(questions, source, "target", asked)),
            copy=False,
        )
        .where(
            questions.of_targets(source, asked, keyed=keyed),
            *([source.live] if living else []),
            copy=False,
        )
    )


def _none() -> exp.Expr:
    return as_text(exp.null())


def _revivable(kind: Kind) -> exp.Expr:
    """Whether a row would be live, if it had the values without which none can be live."""
    if kind.live is None:
        return exp.true() if kind.installs else exp.false()
    values = revived(kind.live)

    def alive(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column) or node.name not in values:
            return node
        value = values[node.name]
        return exp.null() if value is None else _constant(value)

    return is_true(with_alias(parse_predicate(kind.live).transform(alive), "t"))


def _constant(value: str) -> exp.Expr:
    return exp.Boolean(this=value == "true") if value in ("true", "false") else literal(value)


def ours(kind: Kind, asked: Parameters) -> exp.Expr:
    """`h` was placed by this template agent, or by another agent of the same organisation."""
    if kind.owner is None:
        return exp.true()
    return is_ours(
        column("h", "owner"),
        column("h", "owner_organization"),
        asked.add(Blank.AGENT, "text"),
        asked.add(Blank.ORGANIZATION, "text"),
    )


def told(
    kind: Kind,
    organization: exp.Expr,
    keys: Sequence[exp.Expr],
    asked: Parameters,
    *,
    revision: bool = False,
) -> list[exp.Expr]:
    """The columns of `rest`, from a row `h` of `have` and the ledger's placement `p`.

    `keys` are selected under their own names; `revision` says whether it matters when.
    """
    live = column("h", "live")
    foreign = is_true(all_of((live, exp.not_(is_true(ours(kind, asked)), copy=False))))
    dead = is_true(exp.not_(live, copy=False))
    this_row = equal(column("p", "row_id"), column("h", "row_id"))
    # Of a row that was placed the ledger tells, and of one that is gone; not of another one that
    # has the same key by now, be it dead.
    placed = all_of(
        (
            not_null(column("p", "row_id")),
            any_of((is_null(column("h", "row_id")), is_true(this_row))),
        )
    )
    somebodys = any_of((foreign, dead))
    if kind.owner is None and kind.parent is not None:
        # A child that was not placed is somebody's own.
        somebodys = any_of((somebodys, exp.not_(is_true(this_row.copy()), copy=False)))
    state = column("p", "state")
    released = exp.If(this=equal(state, literal("released")), true=literal("released"))
    ledger = exp.Case(ifs=[released, exp.If(this=placed, true=state.copy())])
    at = column("p", "revision") if revision else cast_to(exp.null(), "bigint")
    return [
        aliased(organization, "organization_id"),
        *(aliased(key, f"k{place}") for place, key in enumerate(keys, 1)),
        aliased(column("h", "row_id"), "row_id"),
        aliased(live, "live"),
        aliased(column("h", "attached"), "attached"),
        aliased(column("h", "blocks"), "blocks"),
        aliased(column("h", "revivable"), "revivable"),
        aliased(ledger, "ledger"),
        aliased(when(placed.copy(), column("p", "kept")), "kept"),
        aliased(column("h", "owner"), "owner"),
        aliased(column("h", "owner_organization"), "owner_organization"),
        # Who wrote a row of ours is no reason to tell equal rows apart.
        aliased(when(somebodys, column("h", "author")), "author"),
        aliased(when(somebodys.copy(), column("h", "authored_at")), "authored_at"),
        aliased(at, "revision"),
        aliased(when(placed.copy(), column("p", "content")), "content"),
        *(aliased(column("h", text_of(managed)), text_of(managed)) for managed in kind.compared),
    ]
