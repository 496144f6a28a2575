"""What the reader asks about one kind, for one template and a list of targets.

The comparison itself, the largest question, has a file of its own: `reconciler.sql.states`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp, parse_one

from reconciler.kinds.predicate import columns_of, parse_predicate
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.source import Source, Sources
from reconciler.sql.tree import (
    DIALECT,
    Parameters,
    Statement,
    aliased,
    all_of,
    array,
    as_text,
    column,
    equal,
    in_list,
    is_true,
    name,
    not_null,
    same,
    table,
    unnest,
    with_alias,
)


class Questions:
    """The statements about fitted kinds, for one template and a list of targets."""

    def __init__(
        self,
        sources: Sources,
        agent: str,
        organization: str,
        targets: Sequence[str],
        name: str | None = None,
    ) -> None:
        self.sources = sources
        self.agent = agent
        self.organization = organization
        self.targets = list(targets)
        self.name = name

    def template_rows(self, kind: Kind) -> Statement:
        """key parts, then every managed column as text: the template's live rows."""
        asked = Parameters()
        source = self.sources.joined(kind, "t", "template")
        tree = source.select().select(
            *source.keys,
            *(self.sources.value(source, managed, "template") for managed in kind.columns),
        )
        tree = tree.where(self.of_template(source, asked)).order_by(
            *source.keys, column("t", kind.id)
        )
        return Statement(f"read {kind.name} of the template", tree, asked.taken())

    def twins(self, kind: Kind) -> Statement:
        """key parts, organisations: live rows that share a key with another one."""
        asked = Parameters()
        source = self.sources.rows(kind, "t", "target")
        inner = source.select().select(*self.keys(source), aliased(source.scope, "organization_id"))
        inner = inner.where(self.of_targets(source, asked), source.live)
        keys = [column("twins", key) for key in self.sources.key_names(kind)]
        organization = column("twins", "organization_id")
        doubled = (
            exp.select(*keys, organization)
            .from_(inner.subquery(name("twins")))
            .group_by(*keys, organization)
            .having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
        )
        return Statement(f"look for double {kind.name} rows", doubled, asked.taken())

    def orphans(self, kind: Kind) -> Statement:
        """key parts, organisations: live rows of ours that the template no longer has."""
        asked = Parameters()
        source = self.sources.rows(kind, "t", "target")
        agent = asked.add(self.agent, "text")
        placed = column("p", "row_id")
        ours = (
            equal(column("t", kind.owner.agent), agent)
            if kind.owner
            else all_of(
                (
                    equal(placed, source.row_id()),
                    equal(column("p", "template_agent_id"), agent),
                )
            )
        )
        wanted = self.sources.rows(kind, "w", "template")
        in_template = (
            wanted.select()
            .select(exp.Literal.number(1))
            .where(
                self.of_template(wanted, asked),
                *(equal(a, b) for a, b in zip(wanted.keys, source.keys, strict=True)),
            )
        )
        tree = (
            source.select()
            .select(*source.keys, exp.ArrayAgg(this=source.scope))
            .join(
                table("reconcile", "placement", "p"),
                on=self.placement(kind, source.scope, source.keys, asked),
                join_type="left",
            )
            .where(
                self.of_targets(source, asked),
                source.live,
                ours,
                exp.not_(exp.Exists(this=in_template)),
            )
            .group_by(*source.keys)
        )
        return Statement(f"look for orphaned {kind.name} rows", tree, asked.taken())

    def collisions(self, kind: Kind, index: UniqueIndex) -> Statement | None:
        """key parts, target, id and organisation of the row in the way, for one unique index.

        The template's own row, moved to the target, is held against all rows of the table.
        None where the index speaks of columns that get other values in a target.
        """
        expressions = [parse_one(text, dialect=DIALECT) for text in index.expressions]
        predicate = parse_one(index.predicate, dialect=DIALECT) if index.predicate else None
        spoken = speaks_of(index)
        # A new row is live, as the template's is.
        carried = {managed.name for managed in kind.columns if not managed.references}
        carried.update(columns_of(kind.live) if kind.live else ())
        own = (kind.installs.template,) if kind.installs else kind.key
        if kind.scope is None or not spoken <= carried | {kind.scope, *own}:
            return None
        asked = Parameters()
        source = self.sources.rows(kind, "t", "template")
        organization = column("g", "organization_id")
        there: dict[str, exp.Expr] = {kind.scope: organization}
        if kind.installs:
            there[kind.installs.template] = column("t", kind.id)
            if self.name is not None:
                there[kind.installs.name] = asked.add(self.name, "text")

        def moved(tree: exp.Expr) -> exp.Expr:
            return with_alias(tree, "t").transform(
                lambda node: there.get(node.name, node) if isinstance(node, exp.Column) else node
            )

        here = all_of(
            (
                equal(as_text(column("o", kind.scope)), organization),
                *(same(column("o", key), moved(column("t", key))) for key in own),
            )
        )
        # Its own dead row may be in the way of a new one, too.
        still_alive = [is_true(with_alias(parse_predicate(kind.live), "o"))] if kind.live else []
        compared = same if index.nulls_equal else equal
        tree = (
            source.select()
            .select(
                *source.keys,
                organization,
                as_text(column("o", kind.id)),
                as_text(column("o", kind.scope)),
            )
            .join(
                unnest("g", [("organization_id", asked.add(self.targets, "text[]"))]),
                join_type="cross",
            )
            .join(
                table(kind.db_schema, kind.table, "o"),
                on=all_of(compared(with_alias(tree, "o"), moved(tree)) for tree in expressions),
            )
            .where(
                self.of_template(source, asked),
                exp.not_(all_of((here, *still_alive))),
                *([with_alias(predicate, "o"), moved(predicate)] if predicate else []),
            )
        )
        return Statement(f"look for {kind.name} rows in the way", tree, asked.taken())

    def ids_in_use(self, kind: Kind, candidates: Sequence[str]) -> Statement:
        """Those of the candidates that a row has as its id."""
        asked = Parameters()
        own = as_text(column("t", kind.id))
        tree = (
            exp.select(own)
            .from_(table(kind.db_schema, kind.table, "t"))
            .where(in_list(own, asked.add(list(candidates), "text[]")))
        )
        return Statement(f"look for {kind.name} ids in use", tree, asked.taken())

    def keys(self, source: Source) -> list[exp.Expr]:
        """The key's parts, named k1, k2, ..."""
        names = self.sources.key_names(source.kind)
        return [aliased(key, text) for key, text in zip(source.keys, names, strict=True)]

    def of_template(self, source: Source, asked: Parameters) -> exp.Expr:
        """Live rows of the template, without the excluded and those without a key."""
        conditions = [
            equal(source.scope, asked.add(self.organization, "text")),
            source.live,
            source.included,
            *(not_null(key) for key in source.keys),
        ]
        if source.kind.installs:
            conditions.append(equal(source.keys[0], asked.add(self.agent, "text")))
        return all_of(conditions)

    def of_targets(self, source: Source, asked: Parameters) -> exp.Expr:
        """Rows of the targets, live or dead, without the excluded."""
        return all_of(
            (
                in_list(source.scope, asked.add(self.targets, "text[]")),
                source.included,
                *(not_null(key) for key in source.keys),
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
                    asked.add(self.organization, "text"),
                ),
            )
        )


def speaks_of(index: UniqueIndex) -> frozenset[str]:
    """The columns that an index depends on."""
    texts = (*index.expressions, *([index.predicate] if index.predicate else []))
    return frozenset(
        column.name
        for text in texts
        for column in parse_one(text, dialect=DIALECT).find_all(exp.Column)
    )
