"""Changes as statements: insert, update, link.

One statement a kind and step, whatever the number of rows and targets:

    insert   new rows; references to rows that may not exist yet stay NULL
    update   changed columns, owner where a row is adopted, stamps
    link     references that had to wait (cycles), once all rows exist
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reconciler.kinds.order import deferred
from reconciler.model.change import Adopt, Create
from reconciler.model.kind import Column, Kind, Stamp
from reconciler.model.value import Digest, Ref
from reconciler.sql.contents import (
    AnyChange,
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
        secret = [one for one in kind.columns if one.sensitive]
        contents = self._contents(creates, asked, [*plain, *linked, *secret])
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
        for one in secret:
            tree, copied = self._copied(creates, one, asked, tree)
            values.append((one.name, copied))
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
        moving = [one for one in kind.compared if one.name in changed(updates.changes)]
        plain = [one for one in moving if not one.references and not one.sensitive]
        secret = [one for one in moving if one.sensitive]
        emptied = [one for one in moving if one.references]
        flags = {
            _moves(one): [
                "t" if _changes(change, one, waiting) else None for change in updates.changes
            ]
            for one in moving
        }
        contents = self._contents(updates, asked, [*plain, *secret], flags)
        tree = updates.placed(asked)
        assigned: list[tuple[str, exp.Expr]] = [
            (one.name, _if_moved(one, column("c", one.name))) for one in plain
        ]
        for one in secret:
            tree, copied = self._copied(updates, one, asked, tree)
            assigned.append((one.name, _if_moved(one, copied)))
        # What it pointed at may contradict the new values (a CHECK of the table), and what it
        # will point at may not exist yet: until all rows are written it points at nothing.
        assigned += [(one.name, _if_moved(one, exp.null())) for one in emptied]
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
        waiting = reference.name in self._waiting(kind)
        concerned = tuple(
            change
            for change in changes.changes
            if referred(change, reference.name) and (waiting or not isinstance(change, Create))
        )
        if not concerned:
            return None
        some = Contents(kind, concerned, changes.sources)
        asked = Parameters()
        contents = self._contents(some, asked, [reference])
        tree = some.placed(asked)
        tree, found = self.resolver.linked(reference, tree)
        return Statement(
            f"link {kind.name}.{reference.name}",
            as_cte(self._updating(some, [(reference.name, found)], tree), contents),
            asked.taken(),
            some.rows,
        )

    def links(self, changes: Contents) -> Iterator[Statement]:
        """All references of a kind that are set once its rows are written."""
        for reference in changes.kind.references:
            statement = self.link(changes, reference)
            if statement is not None:
                yield statement

    def _waiting(self, kind: Kind) -> frozenset[str]:
        return deferred(kind, tuple(self.sources.kinds.values()))

    def _contents(
        self,
        changes: Contents,
        asked: Parameters,
        columns: Sequence[Column],
        flags: Mapping[str, Sequence[str | None]] | None = None,
    ) -> exp.Select:
        """The contents with these columns: typed, or the key parts of a reference, or the digest
        of what is sensitive; and with flags of one's own.
        """
        kind = changes.kind
        carried: dict[str, Sequence[str | None]] = dict(flags or {})
        types = {}
        for one in columns:
            values = [after(change).get(one.name) for change in changes.changes]
            if one.references:
                for place, text in enumerate(self.resolver.parts(one)):
                    carried[text] = [part(value, place) for value in values]
            elif one.sensitive:
                carried[_digest(one)] = [
                    value.sha256 if isinstance(value, Digest) else None for value in values
                ]
            else:
                carried[one.name] = [encode(value) for value in values]
                types[one.name] = self.sources.shapes[kind.name][one.name]
        if any(isinstance(change, Adopt) for change in changes.changes):
            carried["adopted"] = changes.each(lambda c: "t" if isinstance(c, Adopt) else None)
        return typed(changes.select(asked, carried), types)

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

    def _copied(
        self, changes: Contents, managed: Column, asked: Parameters, tree: exp.Select
    ) -> tuple[exp.Select, exp.Expr]:
        """A sensitive column, from the template's row: it never leaves the database.

        Only what has the planned digest is copied; a row without it is left out, and missed
        when the rows are counted.
        """
        source = self.sources.rows(changes.kind, "from", "template")
        keys = self.sources.key_names(changes.kind)
        planned = column("c", _digest(managed))
        found = (
            source.select()
            .select(column("from", managed.name))
            .where(
                equal(source.scope, asked.add(self.organization, "text")),
                source.live,
                *(
                    equal(key, column("c", text))
                    for key, text in zip(source.keys, keys, strict=True)
                ),
                equal(self.sources.value(source, managed, "template"), planned),
            )
            .limit(1)
        )
        copied = when(not_null(planned), exp.Subquery(this=found))
        moved: exp.Expr = exp.true()
        if not isinstance(changes.changes[0], Create):
            moved = not_null(column("c", _moves(managed)))
        stale = all_of((moved, not_null(planned), exp.not_(exp.Exists(this=found.copy()))))
        return tree.where(exp.not_(stale)), copied


def _digest(managed: Column) -> str:
    return f"{managed.name}:sha256"


def _changes(change: AnyChange, managed: Column, waiting: frozenset[str]) -> bool:
    """Whether an update writes a column in its first step: a reference only to empty it."""
    if managed.name not in changed((change,)):
        return False
    emptied = not isinstance(after(change)[managed.name], Ref)
    return not managed.references or managed.name in waiting or emptied


def _if_moved(managed: Column, value: exp.Expr) -> exp.Expr:
    """The value for the rows in which the column changes; all others keep their own."""
    kept = exp.If(this=is_null(column("c", _moves(managed))), true=column("t", managed.name))
    return exp.Case(ifs=[kept], default=value)


def _moves(reference: Column) -> str:
    return f"{reference.name}:moves"
