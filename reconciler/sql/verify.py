"""What must still hold before a row is written: it is exactly its `before`, or still absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reconciler.model.canonical import canonical
from reconciler.model.change import Adopt
from reconciler.model.value import Digest, Ref, Value
from reconciler.sql.contents import AnyChange, Contents, as_cte, at_place, encode, typed
from reconciler.sql.remember import known
from reconciler.sql.resolve import Resolver
from reconciler.sql.tree import (
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    array,
    as_text,
    column,
    differs,
    equal,
    inner,
    is_null,
    is_ours,
    left,
    locked,
    name,
    not_null,
    rows_of,
    same,
    table,
    unnest,
)


@dataclass(frozen=True)
class Check:
    """A statement that must find nothing, and the changes that its numbers speak of.

    `wrong` says what is the matter with what it finds; {} is where the statement itself tells
    which columns differ, or tells nothing because the row is gone. `again` says that it adds
    nothing to what was said of a row before.
    """

    statement: Statement
    changes: tuple[AnyChange, ...]
    wrong: str
    again: bool = False

    def says(self, told: Sequence[str | None]) -> str:
        """What is wrong with one of the rows found."""
        if not told:
            return self.wrong
        return self.wrong.format(told[0]) if told[0] else "is gone: it was deleted or retired"


def present(creates: Contents) -> Statement:
    """organisation, number of the content: rows that are there by now, and must not be."""
    asked = Parameters()
    contents = creates.select(asked, {})
    tree = (
        Resolver(creates.sources)
        .at(creates, asked)
        .select(column("p", "organization_id"), column("c", "content"), copy=False)
    )
    return Statement(
        f"check that {creates.kind.name} rows are still absent",
        as_cte(tree, contents),
        asked.taken(),
    )


def placed_since(changes: Contents, since: Mapping[str, int], organization: str) -> Statement:
    """organisation, number of the content, revision: what the template has placed, or changed,
    there, after the plan was made, whatever has become of it. `since` are the revisions that the
    plan saw.
    """
    asked = Parameters()
    contents = changes.select(asked, {})
    placed, seen = table("reconcile", "placement", "l"), column("s", "organization_id")
    targets = (
        ("organization_id", asked.add(list(since), "text[]")),
        ("revision", asked.add(list(since.values()), "bigint[]")),
    )
    keys = [at_place(column("c", key)) for key in changes.sources.key_names(changes.kind)]
    there = (
        equal(column("l", "organization_id"), column("p", "organization_id")),
        equal(column("l", "kind"), asked.add(changes.kind.name, "text")),
        equal(column("l", "key"), array(keys)),
        equal(column("l", "template_organization_id"), asked.add(organization, "text")),
        exp.GT(this=column("l", "revision"), expression=column("s", "revision")),
    )
    tree = (
        changes.placed(asked)
        .select(
            column("p", "organization_id"),
            column("c", "content"),
            as_text(column("l", "revision")),
            copy=False,
        )
        .join(inner(unnest("s", targets), equal(seen, column("p", "organization_id"))), copy=False)
        .join(inner(placed, all_of(there)), copy=False)
    )
    return Statement(
        f"check that {changes.kind.name} rows were not placed since",
        as_cte(tree, contents),
        asked.taken(),
    )


def lock(updates: Contents) -> Statement:
    """Lock the rows that will be updated, in the order of their ids; gives how many there are."""
    asked = Parameters()
    contents = updates.select(asked, {})
    found = (
        Resolver(updates.sources)
        .at(updates, asked)
        .select(aliased(column("t", updates.kind.id), "id"), copy=False)
        .order_by(column("t", updates.kind.id), copy=False)
    )
    return Statement(
        f"lock {updates.kind.name} rows",
        as_cte(locked(found), contents),
        asked.taken(),
        updates.rows,
    )


def stale(updates: Contents, agent: str, organization: str) -> Statement:
    """organisation, number of the content, what is the matter: rows that are not as planned.

    The third column is NULL where the row is gone, else the names of the columns that differ.
    """
    kind = updates.kind
    asked = Parameters()
    carried = {
        f"{managed.name}:before": [_before(one, managed.name) for one in updates.changes]
        for managed in kind.compared
    }
    carried["owner:before"] = updates.each(
        lambda c: (c.owner.agent if c.owner else None) if isinstance(c, Adopt) else agent
    )
    carried["adopted"] = updates.each(lambda c: "t" if isinstance(c, Adopt) else None)
    carried["known"] = updates.each(lambda c: "t" if known(c) else None)
    contents = _comparable(updates, updates.select(asked, carried))
    source = updates.sources.joined(kind, "t", "target")
    keys = updates.sources.key_names(kind)
    wanted = [at_place(column("c", key)) for key in keys]
    owner = kind.owner
    now = (
        source.select()
        .select(
            aliased(source.scope, "organization_id"),
            *(aliased(key, text) for key, text in zip(source.keys, keys, strict=True)),
            aliased(source.row_id(), "row_id"),
            *(
                aliased(updates.sources.value(source, managed, "target"), managed.name)
                for managed in kind.compared
            ),
            aliased(column("t", owner.agent) if owner else as_text(exp.null()), "owner:agent"),
            aliased(
                column("t", owner.organization) if owner else as_text(exp.null()),
                "owner:organization",
            ),
            copy=False,
        )
        .where(source.live, copy=False)
    )
    wrong: list[tuple[str, exp.Expr]] = [
        (
            managed.name,
            differs(column("n", managed.name), column("c", f"{managed.name}:before")),
        )
        for managed in kind.compared
    ]
    if owner:
        theirs = column("n", "owner:agent")
        ours = is_ours(
            theirs,
            column("n", "owner:organization"),
            asked.add(agent, "text"),
            asked.add(organization, "text"),
        )
        expected = exp.Case(
            ifs=[
                exp.If(
                    this=not_null(column("c", "adopted")),
                    true=same(theirs, column("c", "owner:before")),
                )
            ],
            default=ours,
        )
        wrong.append(
            (
                owner.agent,
                exp.not_(exp.Coalesce(this=expected, expressions=[exp.false()]), copy=False),
            )
        )
    placed = same(column("l", "row_id"), column("n", "row_id"))
    other: exp.Expr = exp.not_(placed, copy=False)
    if (not kind.parent or owner) and not kind.provides:
        # The ledger is told of a row that it knows by its address alone. A child has no owner of
        # its own, and neither has a member: it is ours if it is the very row that we placed.
        other = all_of((not_null(column("c", "known")), other))
    wrong.append(("not the template's row", other))
    names = exp.Anonymous(
        this="concat_ws",
        expressions=[
            exp.Literal.string(", "),
            *(
                exp.Case(ifs=[exp.If(this=condition, true=exp.Literal.string(text))])
                for text, condition in wrong
            ),
        ],
    )
    gone = is_null(column("n", "row_id"))
    tree = (
        exp.select(
            column("p", "organization_id"),
            column("c", "content"),
            exp.Case(ifs=[exp.If(this=exp.not_(gone, copy=False), true=names)]),
            copy=False,
        )
        .from_(rows_of("c"), copy=False)
        .join(updates.everywhere(asked), copy=False)
        .join(
            left(
                now.subquery(name("n"), copy=False),
                on=all_of(
                    (
                        equal(column("n", "organization_id"), column("p", "organization_id")),
                        *(
                            equal(column("n", key), one)
                            for key, one in zip(keys, wanted, strict=True)
                        ),
                    )
                ),
            ),
            copy=False,
        )
        .join(
            left(
                table("reconcile", "placement", "l"),
                on=all_of(
                    (
                        equal(column("l", "organization_id"), column("p", "organization_id")),
                        equal(column("l", "kind"), asked.add(kind.name, "text")),
                        equal(column("l", "key"), array([one.copy() for one in wanted])),
                    )
                ),
            ),
            copy=False,
        )
        .where(any_of((gone, *(condition for _, condition in wrong))), copy=False)
    )
    return Statement(
        f"check that {kind.name} rows are as they were", as_cte(tree, contents), asked.taken()
    )


def _before(change: AnyChange, column_name: str) -> str | None:
    value: Value = getattr(change, "before", {}).get(column_name)
    if isinstance(value, Ref):
        return canonical(["" if value.own else value.organization, *value.ref.key])
    return value.sha256 if isinstance(value, Digest) else encode(value)


def _comparable(updates: Contents, contents: exp.Select) -> exp.Select:
    """The planned texts in the database's own spelling, so that only meaning is compared."""
    shape = updates.sources.shapes[updates.kind.name]
    spelled = {
        f"{one.name}:before"
        for one in updates.kind.compared
        if not one.references and not one.sensitive and shape[one.name] in ("json", "jsonb")
    }
    found = typed(contents, dict.fromkeys(spelled, "jsonb"))
    return typed(found, dict.fromkeys(spelled, "text"))
