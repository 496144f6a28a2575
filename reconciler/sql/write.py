"""Changes as statements: insert, update, link.

One statement a kind and step, whatever the number of rows and targets:

    insert   new rows; references to rows that may not exist yet stay NULL
    update   changed columns, owner where a row is adopted, stamps
    link     references that had to wait (cycles), once all rows exist
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reconciler.kinds.order import deferred
from reconciler.model.change import Adopt
from reconciler.model.kind import Column, Kind, Stamp
from reconciler.sql.contents import (
    Contents,
    after,
    as_cte,
    changed,
    encode,
    part,
    referred,
    typed,
)
from reconciler.sql.resolve import Resolver
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    call,
    column,
    equal,
    is_null,
    name,
    not_null,
    table,
    when,
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

    @property
    def resolver(self) -> Resolver:
        """Where ids are looked up."""
        return Resolver(self.sources)

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
            values.append((kind.id, self.resolver.typed(kind, kind.id, column("p", "id"))))
        tree = creates.placed(asked)
        tree, within = self.resolver.within(kind, tree)
        values.append(within)
        values += self.resolver.own_keys(kind)
        values += [(one.name, column("c", one.name)) for one in plain]
        for one in linked:
            tree, found = self.resolver.linked(one, tree)
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
        emptied = [one for one in kind.references if one.name in moving & waiting]
        contents = self._contents(updates, asked, plain, linked, emptied)
        tree = updates.placed(asked)
        assigned: list[tuple[str, exp.Expr]] = [(one.name, column("c", one.name)) for one in plain]
        assigned += [
            (one.name, self._copied(updates, one, asked))
            for one in kind.compared
            if one.sensitive and one.name in moving
        ]
        for one in linked:
            tree, found = self.resolver.linked(one, tree)
            assigned.append((one.name, found))
        # What it pointed at may contradict the new values (a CHECK of the table), and what it
        # will point at may not exist yet: until all rows are written it points at nothing.
        assigned += [
            (
                one.name,
                when(is_null(column("c", _moves(one))), column("t", one.name)),
            )
            for one in emptied
        ]
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
        concerned = tuple(change for change in changes.changes if referred(change, reference.name))
        if not concerned:
            return None
        some = Contents(kind, concerned, changes.sources)
        asked = Parameters()
        contents = self._contents(some, asked, [], [reference])
        tree = some.placed(asked)
        tree, found = self.resolver.linked(reference, tree)
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

    def _waiting(self, kind: Kind) -> frozenset[str]:
        return deferred(kind, tuple(self.sources.kinds.values()))

    def _contents(
        self,
        changes: Contents,
        asked: Parameters,
        plain: list[Column],
        linked: list[Column],
        emptied: Sequence[Column] = (),
    ) -> exp.Select:
        """The contents with these columns, typed, the key parts of these references, and which
        of the references to be emptied change.
        """
        kind = changes.kind
        carried = {
            one.name: [encode(after(change).get(one.name)) for change in changes.changes]
            for one in plain
        }
        for one in linked:
            for place, text in enumerate(self.resolver.parts(one)):
                carried[text] = [
                    part(after(change).get(one.name), place) for change in changes.changes
                ]
        for one in emptied:
            carried[_moves(one)] = [
                "t" if one.name in changed((change,)) else None for change in changes.changes
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
        tree, located = self.resolver.located(kind, tree)
        resolved = tree.args.get("where")
        contents = tree.args["from_"].this
        contents.set("joins", tree.args.get("joins"))
        return exp.Update(
            this=table(kind.db_schema, kind.table, "t"),
            expressions=[
                exp.EQ(this=exp.Column(this=name(text)), expression=value)
                for text, value in assigned
            ],
            from_=exp.From(this=contents),
            where=exp.Where(this=all_of((*located, *([resolved.this] if resolved else [])))),
        )

    def _stamp(self, kind: Kind, stamp: Stamp, asked: Parameters) -> exp.Expr:
        value = call("now") if stamp.value == "now" else asked.add(self.user, "text")
        return self.resolver.typed(kind, stamp.column, value)

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


def _moves(reference: Column) -> str:
    return f"{reference.name}:moves"
