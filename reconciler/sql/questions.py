"""What the reader asks about one kind, for any template and targets.

The comparison itself, the largest question, has a file of its own: `reconciler.sql.states`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.kind import Column, Kind
from reconciler.sql.source import Side, Source, Sources
from reconciler.sql.tree import (
    Blank,
    Parameters,
    Statement,
    aliased,
    all_of,
    any_of,
    array,
    as_text,
    call,
    column,
    equal,
    in_list,
    left,
    name,
    not_null,
    of_few,
    of_many,
    table,
)
from reconciler.sql.wanted import current, pointed_at


class Questions:
    """The statements about fitted kinds, with blanks for the template and the targets.

    `named` says that a new agent is to have a name of its own, `most` that the targets are a
    large part of all organisations. Then an index would not help, and statistics from before an
    install would have the planner believe that the targets have no rows, and the template all.
    """

    def __init__(self, sources: Sources, *, named: bool = False, most: bool = False) -> None:
        self.sources = sources
        self.named = named
        self.most = most

    def template_rows(self, kind: Kind) -> Statement:
        """key parts, whether something refers to it, then every managed column as text: the
        template's live rows.
        """
        asked = Parameters()
        source = self.sources.joined(kind, "t", "template")
        tree = source.select().select(
            *source.keys,
            current(self.sources, source, asked),
            *(self.value(source, managed, "template", asked) for managed in kind.columns),
            copy=False,
        )
        tree = tree.where(self.of_template(source, asked), copy=False).order_by(
            *source.keys, column("t", kind.id), copy=False
        )
        return Statement(f"read {kind.name} of the template", tree, asked.taken())

    def twins(self, kind: Kind) -> Statement:
        """key parts, organisations: live rows that share a key with another one."""
        asked = Parameters()
        source = self.sources.rows(kind, "t", "target")
        inner = source.select().select(
            *self.keys(source), aliased(source.scope, "organization_id"), copy=False
        )
        inner = inner.where(self.of_targets(source, asked), source.live, copy=False)
        keys = [column("twins", key) for key in self.sources.key_names(kind)]
        organization = column("twins", "organization_id")
        doubled = (
            exp.select(*keys, organization, copy=False)
            .from_(inner.subquery(name("twins"), copy=False), copy=False)
            .group_by(*keys, organization, copy=False)
            .having(
                exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)),
                copy=False,
            )
        )
        return Statement(f"look for double {kind.name} rows", doubled, asked.taken())

    def orphans(self, kind: Kind) -> Statement:
        """key parts, organisations: live rows of ours that the template no longer has, or, where
        the whole is asked for, all of them.
        """
        asked = Parameters()
        source = self.sources.rows(kind, "t", "target")
        if kind.owner:
            ours = equal(column("t", kind.owner.agent), asked.add(Blank.AGENT, "text"))
        elif kind.installs:
            ours = equal(source.keys[0], asked.add(Blank.AGENT, "text"))
        else:
            ours = equal(column("p", "row_id"), source.row_id())
        wanted = self.sources.rows(kind, "w", "template")
        in_template = (
            wanted.select()
            .select(exp.Literal.number(1), copy=False)
            .where(
                self.of_template(wanted, asked),
                *(equal(a, b) for a, b in zip(wanted.keys, source.keys, strict=True)),
                copy=False,
            )
        )
        tree = (
            source.select()
            .select(*source.keys, exp.ArrayAgg(this=source.scope), copy=False)
            .join(
                left(
                    table("reconcile", "placement", "p"),
                    on=self.placement(kind, source.scope, source.keys, asked),
                ),
                copy=False,
            )
            .where(
                self.of_targets(source, asked),
                source.live,
                ours,
                any_of(
                    (
                        asked.add(Blank.WHOLE, "boolean"),
                        exp.not_(exp.Exists(this=in_template), copy=False),
                    )
                ),
                copy=False,
            )
            .group_by(*source.keys, copy=False)
        )
        return Statement(f"look for orphaned {kind.name} rows", tree, asked.taken())

    def ids_in_use(self, kind: Kind, candidates: Sequence[str]) -> Statement:
        """Those of the candidates that a row has as its id."""
        asked = Parameters()
        own = as_text(column("t", kind.id))
        tree = (
            exp.select(own, copy=False)
            .from_(table(kind.db_schema, kind.table, "t"), copy=False)
            .where(in_list(own, asked.add(list(candidates), "text[]")), copy=False)
        )
        return Statement(f"look for {kind.name} ids in use", tree, asked.taken())

    def owners(self, agent: str) -> list[Statement]:
        """agent, organisation of a row that an agent owns: one question a table."""
        found = {}
        for kind in self.sources.kinds.values():
            if kind.owner is None:
                continue
            asked = Parameters()
            owner = column("t", kind.owner.agent)
            tree = (
                exp.select(owner, column("t", kind.owner.organization), copy=False)
                .from_(table(kind.db_schema, kind.table, "t"), copy=False)
                .where(equal(owner.copy(), asked.add(agent, "text")), copy=False)
                .limit(1, copy=False)
            )
            statement = Statement(f"look for an owner of {kind.table}", tree, asked.taken())
            found[kind.db_schema, kind.table] = statement
        return list(found.values())

    def value(self, source: Source, managed: Column, side: Side, asked: Parameters) -> exp.Expr:
        """A managed column as text, as the plan wants it (template) or has it (target)."""
        if managed.installation and side == "template":
            agent = asked.add(Blank.AGENT, "text")
            return as_text(call("jsonb_build_array", exp.null(), agent))
        return self.sources.value(source, managed, side)

    def organizations(self, texts: Sequence[str]) -> Statement:
        """Those of the texts that are an organisation's id."""
        asked = Parameters()
        identity = column("o", "id")
        tree = (
            exp.select(identity, copy=False)
            .from_(table("public", "organization", "o"), copy=False)
            .where(in_list(identity, asked.add(list(texts), "text[]")), copy=False)
        )
        return Statement("look for organisations that are named", tree, asked.taken())

    def keys(self, source: Source) -> list[exp.Expr]:
        """The key's parts, named k1, k2, ..."""
        names = self.sources.key_names(source.kind)
        return [aliased(key, text) for key, text in zip(source.keys, names, strict=True)]

    def of_template(self, source: Source, asked: Parameters) -> exp.Expr:
        """Live rows of the template, without the excluded and those without a key."""
        here = equal(source.scope, asked.add(Blank.ORGANIZATION, "text"))
        conditions = [
            of_few(here) if self.most else here,
            source.live,
            source.included,
            *(not_null(key) for key in source.keys),
        ]
        root = source.kind
        while root.parent:
            root = self.sources.kinds[root.parent.kind]
        if root.installs:
            conditions.append(equal(source.keys[0], asked.add(Blank.AGENT, "text")))
        if not source.kind.mirrored:
            conditions.append(pointed_at(self.sources, source))
        return all_of(conditions)

    def of_targets(self, source: Source, asked: Parameters, *, keyed: bool = True) -> exp.Expr:
        """Rows of the targets, live or dead, without the excluded and those without a key."""
        targets = in_list(source.scope, asked.add(Blank.TARGETS, "text[]"))
        return all_of(
            (
                of_many(targets) if self.most else targets,
                source.included,
                *(not_null(key) for key in source.keys if keyed),
            )
        )

    def placement(
        self, kind: Kind, organization: exp.Expr, keys: Sequence[exp.Expr], asked: Parameters
    ) -> exp.Expr:
        """The ledger's placement `p` at this address."""
        return all_of(
            (
                equal(column("p", "organization_id"), organization),
                equal(column("p", "kind"), asked.add(kind.name, "text")),
                equal(column("p", "key"), array(list(keys))),
                equal(
                    column("p", "template_organization_id"),
                    asked.add(Blank.ORGANIZATION, "text"),
                ),
            )
        )
