"""Live-row predicates: parsed, and allowed to speak only of their own table's columns."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlglot import TokenType, exp, parse_one, tokenize
from sqlglot.errors import SqlglotError

_CONDITIONS: Final = (
    exp.And,
    exp.Or,
    exp.Not,
    exp.Paren,
    exp.Is,
    exp.In,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
)
_KNOWN: Final = (
    "may only compare its own columns with constants, by =, <>, <, <=, >, >=, IN or IS, joined by "
    "AND, OR and NOT"
)
# What is longer takes seconds to parse, and no person reads it.
_LONGEST: Final = 50_000
# Comparisons of columns with constants, and nothing else: no function, no subquery, no cast.
_ALLOWED: Final = (
    *_CONDITIONS,
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
)


@lru_cache(maxsize=512)
def parse_predicate(text: str) -> exp.Expr:
    """Parse a predicate; raises ValueError that says what may not stand in one.

    The tree is shared: take a copy before you change it.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    try:
        tree = parse_one(text, dialect="postgres")
        ended = any(token.token_type == TokenType.SEMICOLON for token in tokenize(text, "postgres"))
    except SqlglotError as error:
        raise ValueError(f"is not a SQL condition: {text!r}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if ended:
        raise ValueError("is one condition, without a semicolon")
    if not isinstance(tree, _CONDITIONS):
        raise ValueError(f"is not a condition that is known: it {_KNOWN}, and this is {text!r}")
    for node in tree.walk():
        # A comment would be sent, too, and PostgreSQL nests what begins inside one.
        node.pop_comments()
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"{_KNOWN}, not use {node.sql('postgres')!r}")
        if isinstance(node, exp.Column) and node.table:
            raise ValueError(f"may not name another table: {node.sql('postgres')!r}")
        if isinstance(node, exp.Literal) and node.args.get("is_bytes"):
            raise ValueError("may only use plain constants")
    return tree


def columns_of(text: str) -> tuple[str, ...]:
    """The columns that a predicate speaks of, sorted."""
    return tuple(sorted({column.name for column in parse_predicate(text).find_all(exp.Column)}))


def null_columns(text: str) -> frozenset[str]:
    """The columns that must be NULL for the predicate to hold."""
    tree = parse_predicate(text)
    return frozenset(
        condition.this.name
        for condition in (tree.flatten() if isinstance(tree, exp.And) else (tree,))
        if isinstance(condition, exp.Is)
        and isinstance(condition.this, exp.Column)
        and isinstance(condition.expression, exp.Null)
    )


def revived(text: str) -> dict[str, str | None]:
    """The values, by column, without which no row can be live: a constant, or None for NULL.

    What is only ruled out (`status <> 'archived'`) says nothing of what it would be instead.
    """
    tree = parse_predicate(text)
    found: dict[str, str | None] = dict.fromkeys(null_columns(text))
    for condition in tree.flatten() if isinstance(tree, exp.And) else (tree,):
        wanted = _wanted(condition)
        if wanted is not None:
            found.update([wanted])
    return found


def _wanted(condition: exp.Expr) -> tuple[str, str] | None:
    """The column and the constant of `a = 'x'`, `a IS TRUE`, `NOT a`."""
    if isinstance(condition, exp.Not):
        column = condition.this.unnest()
        return (column.name, "false") if isinstance(column, exp.Column) else None
    column, constant = condition.this, condition.expression
    if not isinstance(condition, exp.EQ | exp.Is) or not isinstance(column, exp.Column):
        return None
    if isinstance(constant, exp.Boolean):
        return column.name, "true" if constant.this else "false"
    return (column.name, constant.name) if isinstance(constant, exp.Literal) else None
