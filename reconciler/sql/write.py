"""Changes as statements: insert, update, link.

One statement a kind and step, whatever the number of rows and targets:

    insert   new rows; references to rows that may not exist yet stay NULL
    update   changed columns, owner where a row is adopted, stamps
    link     references that had to wait (cycles), once all rows exist (`reconciler.sql.link`)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from reconciler.kinds.order import deferred
from reconciler.model.change import Adopt, Release
from reconciler.model.kind import Column, Kind, NextRun, Stamp
from reconciler.model.value import Digest, Ref
from reconciler.sql.contents import (
    AnyChange,
    Contents,
    after,
    as_cte,
    changed,
    encode,
    owner_after,
    part,
    typed,
)
from reconciler.sql.proof import written
from reconciler.sql.resolve import Resolver
from reconciler.sql.secret import copied, digest_name, moves_name
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    any_of,
    call,
    column,
    is_null,
    name,
    not_null,
    table,
    updated,
)


@dataclass(frozen=True)
class Writer:
    """Builds the statements of one apply.

    agent and organization are the template's; user is the actor, None for an operator;
    next_run gives the time when a cron schedule runs next, as text.
    """

    sources: Sources
    agent: str
    organization: str
    user: str | None
    next_run: Callable[[str], str | None]

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
        contents = self.contents(creates, asked, [*plain, *linked, *secret])
        identity = self.resolver.typed(kind, kind.id, column("p", "id"))
        values: list[tuple[str, exp.Expr]] = []
        if creates.ids:
            values.append((kind.id, identity))
        tree = creates.placed(asked)
        tree, within = self.resolver.within(kind, tree)
        values += within
        values += self.resolver.own_keys(kind)
        values += [(one.name, identity) for one in kind.references if one.itself]
        values += [(flag, exp.false()) for flag in kind.flags]
        values += [(one.column, column("c", one.column)) for one in kind.next_run]
        values += [(one.name, column("c", one.name)) for one in plain]
        for one in linked:
            tree, found = self.resolver.linked(one, tree)
            values.append((one.name, found))
        for one in secret:
            tree, found = copied(self.sources, self.organization, creates, one, asked, tree)
            values.append((one.name, found))
        if kind.owner:
            values.append((kind.owner.agent, asked.add(self.agent, "text")))
            values.append((kind.owner.organization, asked.add(self.organization, "text")))
        values += [(one.column, self.stamp(kind, one, asked)) for one in kind.stamps]
        inserted = exp.Insert(
            this=exp.Schema(
                this=exp.Table(this=name(kind.table), db=name(kind.db_schema)),
                expressions=[name(text) for text, _ in values],
            ),
            expression=tree.select(*(value for _, value in values), copy=False),
        )
        return Statement(
            f"create {kind.name}",
            as_cte(inserted, contents),
            asked.taken(),
            creates.rows,
            written(creates),
        )

    def update(self, updates: Contents) -> Statement | None:
        """Change the columns that differ, take over what is adopted, set the stamps.

        None where nothing is to be written before the links.
        """
        kind = updates.kind
        asked = Parameters()
        waiting = self._waiting(kind)
        named = changed(updates.changes)
        moving = [one for one in kind.compared if one.name in named and not one.flag]
        plain = [one for one in moving if not one.references and not one.sensitive]
        secret = [one for one in moving if one.sensitive]
        emptied = [one for one in moving if one.references]
        flags = {
            moves_name(one): [
                "t" if _changes(change, one, waiting) else None for change in updates.changes
            ]
            for one in moving
        }
        contents = self.contents(updates, asked, [*plain, *secret], flags)
        tree = updates.placed(asked)
        assigned: list[tuple[str, exp.Expr]] = [
            (one.name, _if_moved(one, column("c", one.name))) for one in plain
        ]
        for one in secret:
            tree, found = copied(self.sources, self.organization, updates, one, asked, tree)
            assigned.append((one.name, _if_moved(one, found)))
        # What it pointed at may contradict the new values (a CHECK of the table), and what it
        # will point at may not exist yet: until all rows are written it points at nothing.
        assigned += [
            (one.name, _if_moved(one, column("t", kind.id) if one.itself else exp.null()))
            for one in emptied
        ]
        assigned += [(one.column, _next_run(one)) for one in kind.next_run if one.schedule in named]
        if kind.owner and any(map(_changes_hands, updates.changes)):
            hands = not_null(column("c", "hands"))
            assigned += [
                (own, exp.Case(ifs=[exp.If(this=hands, true=new)], default=column("t", own)))
                for own, new in (
                    (kind.owner.agent, column("c", "owner:agent")),
                    (kind.owner.organization, column("c", "owner:organization")),
                )
            ]
        assigned += self.stamps(kind, asked)
        if not assigned:
            return None
        return Statement(
            f"update {kind.name}",
            as_cte(self.updating(updates, assigned, tree), contents),
            asked.taken(),
            updates.rows,
            written(updates),
        )

    def _waiting(self, kind: Kind) -> frozenset[str]:
        return deferred(kind, tuple(self.sources.kinds.values()))

    def contents(
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
                carried[digest_name(one)] = [
                    value.sha256 if isinstance(value, Digest) else None for value in values
                ]
            else:
                carried[one.name] = [encode(value) for value in values]
                types[one.name] = self.sources.shapes[kind.name][one.name]
        for computed in kind.next_run:
            if computed.schedule in carried:
                carried[computed.column] = [
                    self.next_run(text) if text else None for text in carried[computed.schedule]
                ]
                types[computed.column] = self.sources.shapes[kind.name][computed.column]
        if any(map(_changes_hands, changes.changes)):
            carried["hands"] = changes.each(lambda c: "t" if _changes_hands(c) else None)
            owners = [owner_after(one, self.agent, self.organization) for one in changes.changes]
            carried["owner:agent"] = [agent for agent, _ in owners]
            carried["owner:organization"] = [organization for _, organization in owners]
        return typed(changes.select(asked, carried), types)

    def updating(
        self, changes: Contents, assigned: list[tuple[str, exp.Expr]], tree: exp.Select
    ) -> exp.Update:
        """UPDATE of the rows at the changes' addresses, within their organisations."""
        tree, located = self.resolver.located(changes.kind, tree)
        resolved = tree.args.get("where")
        return updated(
            table(changes.kind.db_schema, changes.kind.table, "t"),
            assigned,
            tree,
            [*located, *([resolved.this] if resolved else [])],
        )

    def stamps(self, kind: Kind, asked: Parameters) -> list[tuple[str, exp.Expr]]:
        """The columns that say who wrote a row last, and when."""
        return [
            (one.column, self.stamp(kind, one, asked)) for one in kind.stamps if one.on == "write"
        ]

    def stamp(self, kind: Kind, stamp: Stamp, asked: Parameters) -> exp.Expr:
        """The value of a column that says who or when."""
        value = call("now") if stamp.value == "now" else asked.add(self.user, "text")
        return self.resolver.typed(kind, stamp.column, value)


def _changes_hands(change: AnyChange) -> bool:
    return isinstance(change, Adopt | Release)


def _changes(change: AnyChange, managed: Column, waiting: frozenset[str]) -> bool:
    """Whether an update writes a column in its first step: a reference only to empty it."""
    if managed.name not in changed((change,)):
        return False
    emptied = not isinstance(after(change)[managed.name], Ref)
    return not managed.references or managed.name in waiting or emptied


def _if_moved(managed: Column, value: exp.Expr) -> exp.Expr:
    """The value for the rows in which the column changes; all others keep their own."""
    kept = exp.If(this=is_null(column("c", moves_name(managed))), true=column("t", managed.name))
    return exp.Case(ifs=[kept], default=value)


def _next_run(computed: NextRun) -> exp.Expr:
    """When a changed schedule runs next; what was scheduled and does not run was paused."""
    was, planned = column("t", computed.column), column("c", computed.column)
    keeps = is_null(column("c", f"{computed.schedule}:moves"))
    paused = all_of((is_null(was), not_null(column("t", computed.schedule))))
    return exp.Case(ifs=[exp.If(this=any_of((keeps, paused)), true=was)], default=planned)
