"""Changes as statements: insert, update, link, and what the ledger remembers of the rows.

One statement a kind and step, whatever the number of rows and targets:

    insert   new rows; references to rows that may not exist yet stay NULL
    update   changed columns, owner where a row is adopted, stamps
    link     references that had to wait (cycles), once all rows exist
    place    where each row went, for the ledger
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from reconciler.kinds.order import deferred, key_width
from reconciler.model.base import Noun
from reconciler.model.canonical import digest
from reconciler.model.change import Adopt, Create
from reconciler.model.kind import Column, Kind, Stamp
from reconciler.model.value import Ref
from reconciler.sql.contents import (
    AnyChange,
    Contents,
    after,
    as_cte,
    base,
    changed,
    encode,
    part,
    typed,
)
from reconciler.sql.source import Source, Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    array,
    call,
    cast_to,
    column,
    equal,
    is_null,
    name,
    not_null,
    table,
)


@dataclass(frozen=True)
class Writer:
    """Builds the statements of one apply.

    agent and organization are the template's; user is the actor, None for an operator.
    """

    sources: Sources
    agent: str
    organization: str
    user: str | None

    def insert(self, creates: Contents) -> Statement:
        """Create rows."""
        kind = creates.kind
        asked = Parameters()
        waiting = self._waiting(kind)
        plain = [one for one in kind.columns if not one.references and not one.sensitive]
        linked = [one for one in kind.references if one.name not in waiting]
        contents = self._contents(creates, asked, plain, linked)
        values: list[tuple[str, exp.Expr]] = []
        if kind.mint is not None:
            values.append((kind.id, self._typed(kind, kind.id, column("p", "id"))))
        tree = _placed(creates, asked)
        tree, within = self._within(creates, tree)
        values.append(within)
        values += [
            (own, self._typed(kind, own, column("c", f"k{place}")))
            for own, place in self._own_keys(kind)
        ]
        values += [(one.name, column("c", one.name)) for one in plain]
        for one in linked:
            tree, found = self._linked(one, tree)
            values.append((one.name, found))
        values += [
            (one.name, self._copied(creates, one, asked)) for one in kind.columns if one.sensitive
        ]
        if kind.owner:
            values.append((kind.owner.agent, asked.add(self.agent, "text")))
            values.append((kind.owner.organization, asked.add(self.organization, "text")))
        values += [(one.column, self._stamp(kind, one, asked)) for one in kind.stamps]
        inserted = exp.Insert(
            this=exp.Schema(
                this=exp.Table(this=name(kind.table), db=name(kind.db_schema)),
                expressions=[name(text) for text, _ in values],
            ),
            expression=tree.select(*(value for _, value in values)),
        )
        return Statement(
            f"create {kind.name}", as_cte(inserted, contents), asked.taken(), creates.rows
        )

    def update(self, updates: Contents) -> Statement:
        """Change the columns that differ, take over what is adopted, set the stamps."""
        kind = updates.kind
        asked = Parameters()
        waiting = self._waiting(kind)
        moving = changed(updates.changes)
        plain = [
            one
            for one in kind.compared
            if one.name in moving and not one.references and not one.sensitive
        ]
        linked = [one for one in kind.references if one.name in moving - waiting]
        contents = self._contents(updates, asked, plain, linked)
        tree = _placed(updates, asked)
        assigned: list[tuple[str, exp.Expr]] = [(one.name, column("c", one.name)) for one in plain]
        assigned += [
            (one.name, self._copied(updates, one, asked))
            for one in kind.compared
            if one.sensitive and one.name in moving
        ]
        for one in linked:
            tree, found = self._linked(one, tree)
            assigned.append((one.name, found))
        if kind.owner and any(isinstance(change, Adopt) for change in updates.changes):
            taken = not_null(column("c", "adopted"))
            assigned += [
                (text, exp.Case(ifs=[exp.If(this=taken, true=ours)], default=column("t", text)))
                for text, ours in (
                    (kind.owner.agent, asked.add(self.agent, "text")),
                    (kind.owner.organization, asked.add(self.organization, "text")),
                )
            ]
        assigned += [
            (one.column, self._stamp(kind, one, asked)) for one in kind.stamps if one.on == "write"
        ]
        return Statement(
            f"update {kind.name}",
            as_cte(self._updating(updates, assigned, tree), contents),
            asked.taken(),
            updates.rows,
        )

    def link(self, changes: Contents, reference: Column) -> Statement | None:
        """Set a reference that had to wait, for the changes that have one to set."""
        kind = changes.kind
        concerned = tuple(change for change in changes.changes if _sets(change, reference.name))
        if not concerned:
            return None
        some = Contents(kind, concerned, changes.sources)
        asked = Parameters()
        contents = self._contents(some, asked, [], [reference])
        tree = _placed(some, asked)
        tree, found = self._linked(reference, tree)
        return Statement(
            f"link {kind.name}.{reference.name}",
            as_cte(self._updating(some, [(reference.name, found)], tree), contents),
            asked.taken(),
            some.rows,
        )

    def links(self, changes: Contents) -> Iterator[Statement]:
        """All references of a kind that had to wait."""
        waiting = self._waiting(changes.kind)
        for reference in changes.kind.references:
            if reference.name in waiting:
                statement = self.link(changes, reference)
                if statement is not None:
                    yield statement

    def place(self, changes: Contents, revision: int) -> Statement:
        """Tell the ledger which row is at each address, and with which content."""
        kind = changes.kind
        asked = Parameters()
        contents = changes.select(
            asked,
            {"digest": [remembered(kind, change)[0] for change in changes.changes]},
        )
        source = self.sources.rows(kind, "t", "target")
        keys = self.sources.key_names(kind)
        rows = (
            source.select()
            .select(
                source.scope,
                asked.add(kind.name, "text"),
                array(list(source.keys)),
                asked.add(self.agent, "text"),
                source.row_id(),
                column("c", "digest"),
                asked.add(revision, "bigint"),
            )
            .join(changes.placements(asked), on=equal(source.scope, column("p", "organization_id")))
            .join(
                exp.to_table("c"),
                on=all_of(
                    (
                        equal(column("c", "content"), column("p", "content")),
                        *(
                            equal(key, column("c", text))
                            for key, text in zip(source.keys, keys, strict=True)
                        ),
                    )
                ),
            )
            .where(source.live)
        )
        told = ("template_agent_id", "row_id", "content", "revision")
        inserted = exp.Insert(
            this=exp.Schema(
                this=exp.Table(this=name("placement"), db=name("reconcile")),
                expressions=[name(text) for text in ("organization_id", "kind", "key", *told)],
            ),
            expression=rows,
            conflict=exp.OnConflict(
                conflict_keys=[name(text) for text in ("organization_id", "kind", "key")],
                action=exp.var("DO UPDATE"),
                expressions=[
                    exp.EQ(this=exp.Column(this=name(text)), expression=column("excluded", text))
                    for text in told
                ],
            ),
        )
        return Statement(
            f"remember {kind.name}", as_cte(inserted, contents), asked.taken(), changes.rows
        )

    def _waiting(self, kind: Kind) -> frozenset[str]:
        return deferred(kind, tuple(self.sources.kinds.values()))

    def _contents(
        self, changes: Contents, asked: Parameters, plain: list[Column], linked: list[Column]
    ) -> exp.Select:
        """The contents with these columns, typed, and the key parts of these references."""
        kind = changes.kind
        carried = {
            one.name: [encode(after(change).get(one.name)) for change in changes.changes]
            for one in plain
        }
        for one in linked:
            for place in range(self._referred_width(one)):
                carried[_part(one, place)] = [
                    part(after(change).get(one.name), place) for change in changes.changes
                ]
        if any(isinstance(change, Adopt) for change in changes.changes):
            carried["adopted"] = changes.each(lambda c: "t" if isinstance(c, Adopt) else None)
        shape = self.sources.shapes[kind.name]
        return typed(changes.select(asked, carried), {one.name: shape[one.name] for one in plain})

    def _updating(
        self, changes: Contents, assigned: list[tuple[str, exp.Expr]], tree: exp.Select
    ) -> exp.Update:
        """UPDATE of the rows at the changes' addresses, within their organisations."""
        kind = changes.kind
        tree, (within, scope) = self._within(changes, tree)
        located = [
            equal(column("t", within), scope),
            *(
                equal(column("t", own), self._typed(kind, own, column("c", f"k{place}")))
                for own, place in self._own_keys(kind)
            ),
        ]
        live = self.sources.rows(kind, "t", "target").live
        conditions = [*located, live]
        if tree.args.get("where"):
            conditions.append(tree.args["where"].this)
        first = tree.args["from_"]
        joined = first.this
        joined.set("joins", tree.args.get("joins"))
        return exp.Update(
            this=table(kind.db_schema, kind.table, "t"),
            expressions=[
                exp.EQ(this=exp.Column(this=name(text)), expression=value)
                for text, value in assigned
            ],
            from_=exp.From(this=joined),
            where=exp.Where(this=all_of(conditions)),
        )

    def _within(
        self, changes: Contents, tree: exp.Select
    ) -> tuple[exp.Select, tuple[str, exp.Expr]]:
        """The column that puts a row into its organisation, and its value: scope or parent."""
        kind = changes.kind
        if kind.parent is None:
            assert kind.scope is not None
            return tree, (
                kind.scope,
                self._typed(kind, kind.scope, column("p", "organization_id")),
            )
        above = self.sources.rows(self.sources.kinds[kind.parent.kind], "up", "target")
        width = key_width(above.kind, self.sources.kinds)
        wanted = [column("c", f"k{place}") for place in range(1, width + 1)]
        return (
            _join(tree, above, wanted, "inner"),
            (kind.parent.column, column("up", "id")),
        )

    def _linked(self, reference: Column, tree: exp.Select) -> tuple[exp.Select, exp.Expr]:
        """Resolve a reference within the target; a row that cannot is left out, and counted."""
        assert reference.references is not None
        alias = f"to_{reference.name}"
        other = self.sources.rows(self.sources.kinds[reference.references], alias, "target")
        wanted = [
            column("c", _part(reference, place)) for place in range(self._referred_width(reference))
        ]
        found = column(alias, "id")
        tree = _join(tree, other, wanted, "left")
        return tree.where(any_of((is_null(wanted[0]), not_null(found)))), found

    def _referred_width(self, reference: Column) -> int:
        assert reference.references is not None
        return key_width(self.sources.kinds[reference.references], self.sources.kinds)

    def _own_keys(self, kind: Kind) -> list[tuple[str, int]]:
        """The key columns of the table itself, with their place in the address."""
        if kind.installs:
            return [(kind.installs.template, 1)]
        above = key_width(kind, self.sources.kinds) - len(kind.key)
        return [(own, above + place) for place, own in enumerate(kind.key, 1)]

    def _typed(self, kind: Kind, own: str, value: exp.Expr) -> exp.Expr:
        return cast_to(value, self.sources.shapes[kind.name][own])

    def _stamp(self, kind: Kind, stamp: Stamp, asked: Parameters) -> exp.Expr:
        value = call("now") if stamp.value == "now" else asked.add(self.user, "text")
        return self._typed(kind, stamp.column, value)

    def _copied(self, changes: Contents, managed: Column, asked: Parameters) -> exp.Expr:
        """A sensitive column, from the template's row: it never leaves the database."""
        kind = changes.kind
        source = self.sources.rows(kind, "from", "template")
        keys = self.sources.key_names(kind)
        return exp.Subquery(
            this=source.select()
            .select(column("from", managed.name))
            .where(
                equal(source.scope, asked.add(self.organization, "text")),
                source.live,
                *(
                    equal(key, column("c", text))
                    for key, text in zip(source.keys, keys, strict=True)
                ),
            )
        )


def remembered(kind: Kind, change: AnyChange) -> tuple[str, dict[str, object]]:
    """The base values of a change, with their digest."""
    values: dict[str, object] = {
        text: value.model_dump() if isinstance(value, Noun) else value
        for text, value in base(kind, change).items()
    }
    return digest(values), values


def _placed(changes: Contents, asked: Parameters) -> exp.Select:
    """Each content at each of its places; the caller adds what is selected."""
    return (
        exp.select()
        .from_(exp.to_table("c"))
        .join(
            changes.placements(asked),
            on=equal(column("c", "content"), column("p", "content")),
        )
    )


def _sets(change: AnyChange, reference: str) -> bool:
    if isinstance(change, Create):
        return isinstance(change.values.get(reference), Ref)
    return any(field.column == reference for field in change.fields)


def _part(reference: Column, place: int) -> str:
    return f"{reference.name}:{place}"


def _join(tree: exp.Select, source: Source, keys: list[exp.Column], how: str) -> exp.Select:
    """Join a live row of a kind in the placement's organisation, by its key."""
    names = [f"k{place}" for place in range(1, len(source.keys) + 1)]
    rows = (
        source.select()
        .select(
            aliased(column(source.alias, source.kind.id), "id"),
            aliased(source.scope, "organization_id"),
            *(aliased(key, text) for key, text in zip(source.keys, names, strict=True)),
        )
        .where(source.live)
    )
    condition = all_of(
        (
            equal(column(source.alias, "organization_id"), column("p", "organization_id")),
            *(
                equal(column(source.alias, text), wanted)
                for text, wanted in zip(names, keys, strict=True)
            ),
        )
    )
    return tree.join(rows.subquery(name(source.alias)), on=condition, join_type=how)
