"""Rows of the targets' own data that follow: they point at the catalog's row instead of the
target's own, or the other way round. Nothing else of them is written.

    c   the vocabulary rows by their keys, each with the id of the catalog's
    p   the rows that follow: organisation, which of the contents, id
    x   the target's own vocabulary row
    t   the row that follows
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from reconciler.model.change import Repointed, Retire
from reconciler.model.kind import Kind, Pointer
from reconciler.sql.contents import AnyChange, as_cte
from reconciler.sql.proof import by_command
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    as_text,
    cast_to,
    column,
    differs,
    equal,
    in_list,
    inner,
    left,
    literal,
    locked,
    name,
    rows_of,
    table,
    unnest,
    updated,
)
from reconciler.sql.verify import Check


@dataclass(frozen=True)
class Following:
    """The rows of one table that follow in one way, because of some changes of a kind.

    `whole` says that nothing else may point where they point now.
    """

    kind: Kind
    pointer: Pointer
    way: str
    changes: tuple[AnyChange, ...]
    told: tuple[Repointed, ...]
    sources: Sources
    whole: bool

    @property
    def rows(self) -> int:
        """How many rows follow."""
        return sum(one.number for one in self.told)

    def contents(self, asked: Parameters) -> exp.Select:
        """The vocabulary rows: number, key parts, the id of the catalog's."""
        names = self.sources.key_names(self.kind)
        columns = [
            ("content", asked.add(list(range(len(self.changes))), "integer[]")),
            *(
                (text, asked.add([one.address.key[place] for one in self.changes], "text[]"))
                for place, text in enumerate(names)
            ),
            ("catalog", asked.add([one.catalog for one in self.told], "text[]")),
        ]
        return exp.select(*(column("u", text) for text, _ in columns), copy=False).from_(
            unnest("u", columns), copy=False
        )

    def placed(self, asked: Parameters, *, optional: bool = False) -> exp.Select:
        """`FROM c JOIN p JOIN x`: each row that follows, with the target's own vocabulary row."""
        lines = [
            (target, number, row)
            for number, (change, one) in enumerate(zip(self.changes, self.told, strict=True))
            for target, rows in zip(change.targets, one.rows, strict=True)
            for row in rows
        ]
        places = unnest(
            "p",
            [
                ("organization_id", asked.add([target for target, _, _ in lines], "text[]")),
                ("places", asked.add([number for _, number, _ in lines], "integer[]")),
                ("id", asked.add([row for *_, row in lines], "text[]")),
            ],
        )
        tree = (
            exp.select()
            .from_(rows_of("c"), copy=False)
            .join(inner(places, equal(column("p", "places"), column("c", "content"))), copy=False)
        )
        return self._with_own(tree, "p", optional=optional)

    def everywhere(self, asked: Parameters) -> exp.Select:
        """`FROM c JOIN g JOIN x`: the target's own vocabulary rows, whatever points at them."""
        lines = [(one, number) for number, c in enumerate(self.changes) for one in c.targets]
        places = unnest(
            "g",
            [
                ("organization_id", asked.add([one for one, _ in lines], "text[]")),
                ("places", asked.add([number for _, number in lines], "integer[]")),
            ],
        )
        on = equal(column("g", "places"), column("c", "content"))
        tree = exp.select().from_(rows_of("c"), copy=False).join(inner(places, on), copy=False)
        return self._with_own(tree, "g", optional=self.way == "copy")

    def _with_own(self, tree: exp.Select, at: str, *, optional: bool) -> exp.Select:
        source = self.sources.rows(self.kind, "x", "target")
        names = self.sources.key_names(self.kind)
        here = all_of(
            (
                equal(source.scope, column(at, "organization_id")),
                *(
                    equal(key, column("c", one))
                    for key, one in zip(source.keys, names, strict=True)
                ),
                source.live,
            )
        )
        return tree.join((left if optional else inner)(source.table, here), copy=False)

    @property
    def own(self) -> exp.Expr:
        """The target's own vocabulary row."""
        return cast_to(column("x", self.kind.id), self._type(self.pointer.column))

    @property
    def catalog(self) -> exp.Expr:
        """The catalog's."""
        return cast_to(column("c", "catalog"), self._type(self.pointer.column))

    @property
    def ends(self) -> tuple[exp.Expr, exp.Expr]:
        """What they point at now, and from now on."""
        return (self.own, self.catalog) if self.way == "reference" else (self.catalog, self.own)

    @property
    def follower(self) -> exp.Table:
        """The table of the rows that follow."""
        return table(self.pointer.db_schema, self.pointer.table, "t")

    @property
    def same_row(self) -> list[exp.Expr]:
        """The conditions under which `t` is the row that `p` names, in its organisation."""
        identity = cast_to(column("p", "id"), self._type(self.pointer.id))
        return [
            equal(column("t", self.pointer.scope), column("p", "organization_id")),
            equal(column("t", self.pointer.id), identity),
        ]

    def _type(self, text: str) -> str:
        return dict(self.pointer.types)[text]


def following(
    kind: Kind, changes: Sequence[AnyChange], sources: Sources, *, undone: bool
) -> Iterator[Following]:
    """What follows because of these changes of a kind, a table and way at a time.

    Nothing else may point at what is retired; what points at a catalog's row since something was
    applied may go on when that is `undone`.
    """
    for pointer in kind.pointers:
        found: dict[tuple[str, bool], list[tuple[AnyChange, Repointed]]] = defaultdict(list)
        for change in changes:
            for one in change.repointed:
                if (one.table, one.column) == (pointer.table, pointer.column):
                    whole = isinstance(change, Retire) or (one.way == "copy" and not undone)
                    found[one.way, whole].append((change, one))
        for (way, whole), told in found.items():
            some, those = zip(*told, strict=True)
            yield Following(kind, pointer, way, some, those, sources, whole)


def giving_way(kind: Kind, retires: Sequence[Retire], sources: Sources) -> Iterator[Statement]:
    """Locks on rows that are retired and that tenants' own data may begin to point at meanwhile."""
    if kind.pointers and retires:
        pointer = kind.pointers[0]
        none = Repointed(
            table=pointer.table, column=pointer.column, way="reference", catalog="", rows=()
        )
        told = (none,) * len(retires)
        yield _lock_own(Following(kind, pointer, "reference", tuple(retires), told, sources, True))


def locks(rows: Following) -> Iterator[Statement]:
    """Locks on what follows."""
    yield _lock_followers(rows)


def checks(rows: Following, organization: str) -> Iterator[Check]:
    """What must still hold, once they are held."""
    others = "other {} point at it than when the plan was made"
    yield Check(_moved_on(rows), rows.changes, others)
    if rows.whole:
        yield Check(_begun(rows), rows.changes, others, again=True)
    yield Check(_not_offered(rows, organization), rows.changes, "is not what the catalog offers")


def _lock_followers(rows: Following) -> Statement:
    """Lock the rows that follow, in the order of their ids; gives how many there are."""
    asked = Parameters()
    contents = rows.contents(asked)
    found = (
        rows.placed(asked, optional=True)
        .select(column("t", rows.pointer.id), copy=False)
        .join(inner(rows.follower, all_of(rows.same_row)), copy=False)
        .order_by(column("t", rows.pointer.id), copy=False)
    )
    serves = f"lock {rows.pointer.table} of {rows.kind.name} rows"
    return Statement(serves, as_cte(locked(found), contents), asked.taken())


def _lock_own(rows: Following) -> Statement:
    """Lock the vocabulary rows that give way, so that nothing more begins to point at them."""
    asked = Parameters()
    contents = rows.contents(asked)
    found = rows.everywhere(asked).select(column("x", rows.kind.id), copy=False)
    found = found.order_by(column("x", rows.kind.id), copy=False)
    found.set("locks", [exp.Lock(update=True, expressions=[rows_of("x")])])
    tree = exp.select(exp.Count(this=exp.Star()), copy=False).from_(
        found.subquery(name("locked"), copy=False), copy=False
    )
    return Statement(f"lock {rows.kind.name} rows", as_cte(tree, contents), asked.taken())


def _moved_on(rows: Following) -> Statement:
    """organisation, number of the content, table: rows that do not point where they did."""
    asked = Parameters()
    contents = rows.contents(asked)
    before, _ = rows.ends
    tree = (
        rows.placed(asked, optional=rows.way == "copy")
        .select(
            column("p", "organization_id"),
            column("c", "content"),
            literal(rows.pointer.table),
            copy=False,
        )
        .join(left(rows.follower, all_of(rows.same_row)), copy=False)
        .where(differs(column("t", rows.pointer.column), before), copy=False)
    )
    serves = f"check that {rows.pointer.table} point at {rows.kind.name} rows as they did"
    return Statement(serves, as_cte(tree, contents), asked.taken())


def _begun(rows: Following) -> Statement:
    """organisation, number of the content, table: rows that point there, and were not known to.

    Of what gives way nobody else may have a row that points there, either.
    """
    asked = Parameters()
    contents = rows.contents(asked)
    before, _ = rows.ends
    known = asked.add(
        [row for one in rows.told for row in (r for rs in one.rows for r in rs)], "text[]"
    )
    there = [equal(column("t", rows.pointer.column), before)]
    if rows.way == "copy":
        there.append(equal(column("t", rows.pointer.scope), column("g", "organization_id")))
    listed = in_list(as_text(column("t", rows.pointer.id)), known)
    tree = (
        rows.everywhere(asked)
        .select(
            column("g", "organization_id"),
            column("c", "content"),
            literal(rows.pointer.table),
            copy=False,
        )
        .join(inner(rows.follower, all_of(there)), copy=False)
        .where(exp.not_(listed, copy=False), copy=False)
    )
    serves = f"check that no other {rows.pointer.table} point at {rows.kind.name} rows"
    return Statement(serves, as_cte(tree, contents), asked.taken())


def _not_offered(rows: Following, organization: str) -> Statement:
    """organisation, number of the content: what is no row of the catalog's by this name; and, where
    something is to point there, what is retired, or not public, now.
    """
    asked = Parameters()
    contents = rows.contents(asked)
    source = rows.sources.rows(rows.kind, "y", "template")
    offered = exp.Exists(
        this=source.select()
        .select(exp.Literal.number(1), copy=False)
        .join(
            inner(
                table("public", "organization", "o"),
                all_of(
                    (
                        equal(column("o", "id"), source.scope),
                        equal(column("o", "id"), asked.add(organization, "text")),
                        *(
                            [equal(column("o", "visibility"), literal("public")), source.live]
                            if rows.way == "reference"
                            else []
                        ),
                    )
                ),
            ),
            copy=False,
        )
        .where(
            all_of(
                (
                    equal(source.row_id(), column("c", "catalog")),
                    *(
                        equal(key, column("c", one))
                        for key, one in zip(
                            source.keys, rows.sources.key_names(rows.kind), strict=True
                        )
                    ),
                )
            ),
            copy=False,
        )
    )
    lines = [(one, number) for number, c in enumerate(rows.changes) for one in c.targets]
    places = unnest(
        "g",
        [
            ("organization_id", asked.add([one for one, _ in lines], "text[]")),
            ("places", asked.add([number for _, number in lines], "integer[]")),
        ],
    )
    tree = (
        exp.select(column("g", "organization_id"), column("c", "content"), copy=False)
        .from_(rows_of("c"), copy=False)
        .join(inner(places, equal(column("g", "places"), column("c", "content"))), copy=False)
        .where(exp.not_(offered, copy=False), copy=False)
    )
    serves = f"check that the catalog offers {rows.kind.name} rows"
    return Statement(serves, as_cte(tree, contents), asked.taken())


def repoint(rows: Following) -> Statement:
    """Point the rows elsewhere."""
    asked = Parameters()
    contents = rows.contents(asked)
    before, after = rows.ends
    conditions = [*rows.same_row, equal(column("t", rows.pointer.column), before)]
    tree = updated(rows.follower, [(rows.pointer.column, after)], rows.placed(asked), conditions)
    return Statement(
        f"point {rows.pointer.table} at {rows.kind.name} rows",
        as_cte(tree, contents),
        asked.taken(),
        rows.rows,
        _proof(rows),
    )


def _proof(rows: Following) -> Statement:
    """command, rows: what this transaction has written of the rows that follow."""
    asked = Parameters()
    (follower,) = [
        one
        for one in rows.kind.followers
        if (one.db_schema, one.table) == (rows.pointer.db_schema, rows.pointer.table)
    ]
    contents = rows.contents(asked)
    tree = rows.placed(asked, optional=True)
    found = by_command(follower, contents, tree, rows.same_row, asked)
    return replace(found, rows=None)
