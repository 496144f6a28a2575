"""What the ledger remembers of a row: which one it is, where it is, and its base values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property

from sqlglot import exp

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.canonical import canonical, digest_of
from reconciler.model.change import Create, Move, Release, Retire
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Standing
from reconciler.sql.contents import AnyChange, Contents, as_cte, at_place, base, owner_after
from reconciler.sql.resolve import Resolver
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    Statement,
    array,
    as_text,
    assigned,
    cast_to,
    column,
    equal,
    name,
    table,
    updated,
)

_KEY = ("organization_id", "kind", "key")


class Ledger:
    """What the ledger is told of the rows that a plan changes."""

    def __init__(self, plan: Plan, sources: Sources) -> None:
        self.plan = plan
        self.sources = sources

    def contents(self) -> dict[str, str]:
        """The base values of all changes as JSON, by digest."""
        return dict(self._told.values())

    def places(self) -> list[Statement]:
        """Where rows went that are new to it."""
        fresh = all(target.revision is None for target in self.plan.targets)
        return [self._place(one, fresh=fresh) for one in self._changes(lambda one: not known(one))]

    def replaced(self) -> list[Statement]:
        """What became of the rows that it knows."""
        return [self._replace(one) for one in self._changes(known)]

    @cached_property
    def _told(self) -> dict[tuple[Address, tuple[str, ...]], tuple[str, str]]:
        """The base values of each change, by its address and targets, after their digest."""
        return {
            (change.address, change.targets): remembered(
                self.sources.kinds[change.address.kind], change
            )
            for change in self.plan.changes
        }

    def _changes(self, wanted: Callable[[AnyChange], bool]) -> Iterator[Contents]:
        """Some of the changes, kind by kind in the order of writing."""
        found: dict[str, list[AnyChange]] = defaultdict(list)
        for change in filter(wanted, self.plan.changes):
            found[change.address.kind].append(change)
        for kind in self.sources.kinds.values():
            if kind.name in found:
                yield Contents(kind, tuple(found[kind.name]), self.sources)

    def _place(self, changes: Contents, *, fresh: bool) -> Statement:
        """Tell it which row is at each address, and with which content.

        `fresh` says that it knows nothing of the targets yet, so that it need not look.

        It finds the rows by their addresses, once they are written; so its count also shows that
        there is exactly one live row at each.
        """
        kind = changes.kind
        asked = Parameters()
        contents = self._contents(changes, asked)
        keys = [column("c", key) for key in changes.sources.key_names(kind)]
        told = {**self._values(asked), "row_id": as_text(column("t", kind.id))}
        rows = (
            Resolver(changes.sources)
            .at(changes, asked)
            .select(
                column("p", "organization_id"),
                asked.add(kind.name, "text"),
                array(keys),
                *told.values(),
                copy=False,
            )
            # As the index has them: it then grows at one place at a time, and stays smaller.
            .order_by(column("p", "organization_id"), copy=False)
        )
        inserted = exp.Insert(
            this=exp.Schema(
                this=exp.Table(this=name("placement"), db=name("reconcile")),
                expressions=[name(text) for text in (*_KEY, *told)],
            ),
            expression=rows,
            conflict=None
            if fresh
            else exp.OnConflict(
                conflict_keys=[name(text) for text in _KEY],
                action=exp.var("DO UPDATE"),
                expressions=assigned((text, column("excluded", text)) for text in told),
            ),
        )
        return Statement(
            f"remember {kind.name}", as_cte(inserted, contents), asked.taken(), changes.rows
        )

    def _replace(self, changes: Contents) -> Statement:
        """Tell it what has become of rows that it knows, by their addresses alone."""
        kind = changes.kind
        asked = Parameters()
        contents = self._contents(changes, asked)
        keys = [at_place(column("c", key)) for key in changes.sources.key_names(kind)]
        there = (
            equal(column("l", "organization_id"), column("p", "organization_id")),
            equal(column("l", "kind"), asked.add(kind.name, "text")),
            equal(column("l", "key"), array(keys)),
        )
        placement = table("reconcile", "placement", "l")
        told = self._values(asked).items()
        update = updated(placement, told, changes.placed(asked), there)
        return Statement(
            f"remember changed {kind.name}", as_cte(update, contents), asked.taken(), changes.rows
        )

    def _contents(self, changes: Contents, asked: Parameters) -> exp.Select:
        agent, organization = self.plan.template.agent_id, self.plan.template.organization.id
        owners = [owner_after(one, agent, organization)[0] for one in changes.changes]
        return changes.select(
            asked,
            {
                "digest": changes.each(lambda one: self._told[one.address, one.targets][0]),
                "agent": [owner or agent for owner in owners],
                "state": changes.each(_state),
                "kept": changes.each(_kept),
            },
        )

    def _values(self, asked: Parameters) -> dict[str, exp.Expr]:
        """What there is to tell of a placement, whichever row it is, by column."""
        return {
            "template_agent_id": column("c", "agent"),
            "template_organization_id": asked.add(self.plan.template.organization.id, "text"),
            "content": column("c", "digest"),
            "revision": revised_by(self.plan.plan_id, asked),
            "state": column("c", "state"),
            "kept": cast_to(column("c", "kept"), "text[]"),
        }


def known(change: AnyChange) -> bool:
    """Whether the ledger has the very row at its address, as far as the plan saw."""
    return not isinstance(change, Create | Move) and change.was == "placed"


def revised_by(plan_id: str, asked: Parameters) -> exp.Expr:
    """The number of the revision that applies a plan: it is written before."""
    return exp.paren(
        exp.select(column("r", "id"), copy=False)
        .from_(table("reconcile", "revision", "r"), copy=False)
        .where(equal(column("r", "plan_id"), asked.add(plan_id, "text")), copy=False)
    )


def remembered(kind: Kind, change: AnyChange) -> tuple[str, str]:
    """The base values of a change as canonical JSON, after their digest."""
    values: dict[str, object] = {
        text: value.model_dump() if isinstance(value, Noun) else value
        for text, value in base(kind, change).items()
    }
    text = canonical(values)
    return digest_of(text), text


def _state(change: AnyChange) -> Standing:
    """What becomes of the row."""
    if isinstance(change, Create):
        return "placed"
    if change.becomes is not None:
        return change.becomes
    if isinstance(change, Release) and change.to is None:
        # What was adopted and is given back is in the way again; what was given away is not.
        return "retired" if change.because == "undone" else "released"
    return "retired" if isinstance(change, Retire) else "placed"


def _kept(change: AnyChange) -> str:
    """The template's columns that keep the tenant's values, as PostgreSQL writes an array."""
    names = () if isinstance(change, Create) else change.pinned
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in quoted) + "}"
