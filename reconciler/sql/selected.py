"""Which organisations are meant: what somebody typed of their columns, and what is asked then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from reconciler.kinds.predicate import parse_predicate
from reconciler.sql.tree import (
    Parameters,
    Statement,
    any_of,
    column,
    equal,
    in_list,
    table,
)

TABLE: Final = ("public", "organization")

_PRIVATE: Final = "private"


@dataclass(frozen=True)
class Wanted:
    """What is asked of an organisation.

    among      its id is one of these; None for any
    beside     its id is none of these
    agent      it has an agent that is installed from this one, or its id is one of `left`
    private    it is private
    condition  what else has to hold, by `condition_on`
    """

    among: Sequence[str] | None = None
    beside: Sequence[str] = ()
    agent: str | None = None
    left: Sequence[str] = ()
    private: bool = False
    condition: exp.Expr | None = None


def condition_on(text: str, columns: Collection[str]) -> exp.Expr:
    """A condition as somebody typed it, as a tree on the columns of an organisation `o`.

    A bare name is PostgreSQL's, in small letters, or else exactly as it is typed. Raises
    ValueError that says what is wrong with it.
    """
    return parse_predicate(text).transform(lambda node: _ours(node, columns))


def _ours(node: exp.Expr, columns: Collection[str]) -> exp.Expr:
    if not isinstance(node, exp.Column):
        return node
    typed, bare = node.name, not node.this.args.get("quoted")
    found = typed.lower() if bare and typed.lower() in columns else typed
    if found not in columns:
        known = ", ".join(one if one == one.lower() else f'"{one}"' for one in sorted(columns))
        raise ValueError(f"speaks of a column {typed!r}, and an organisation has: {known}")
    return column("o", found)


def selected(wanted: Wanted) -> Statement:
    """id: the organisations that are wanted, in the order of their ids."""
    asked = Parameters()
    identity = column("o", "id")
    conditions: list[exp.Expr] = []
    if wanted.among is not None:
        conditions.append(in_list(identity, asked.add(list(wanted.among), "text[]")))
    if wanted.beside:
        beside = in_list(identity.copy(), asked.add(list(wanted.beside), "text[]"))
        conditions.append(exp.not_(beside, copy=False))
    if wanted.agent is not None:
        conditions.append(_installed(wanted, asked))
    if wanted.private:
        conditions.append(equal(column("o", "visibility"), asked.add(_PRIVATE, "text")))
    if wanted.condition is not None:
        conditions.append(exp.paren(_with_parameters(wanted.condition, asked), copy=False))
    tree = (
        exp.select(identity.copy(), copy=False)
        .from_(table(*TABLE, "o"), copy=False)
        .where(*conditions, copy=False)
        .order_by(identity.copy(), copy=False)
    )
    return Statement("choose organisations", tree, asked.taken())


def _installed(wanted: Wanted, asked: Parameters) -> exp.Expr:
    there = (
        exp.select(exp.Literal.number(1), copy=False)
        .from_(table("public", "agents", "a"), copy=False)
        .where(
            equal(column("a", "organization_id"), column("o", "id")),
            equal(column("a", "template_agent_id"), asked.add(wanted.agent, "text")),
            copy=False,
        )
    )
    left = in_list(column("o", "id"), asked.add(list(wanted.left), "text[]"))
    return exp.paren(any_of((exp.Exists(this=there), left)), copy=False)


def _with_parameters(condition: exp.Expr, asked: Parameters) -> exp.Expr:
    """The condition with parameters for its constants.

    A text has no type of its own, as in SQL itself: it becomes what it is compared with.
    """

    def parameter(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Literal):
            return node
        number = asked.add(node.name, "numeric")
        return number.this if node.is_string else number

    return condition.transform(parameter)
