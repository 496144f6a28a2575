"""Words that trees are made of. Names are always quoted; values are always parameters.

A tree is built once, sent once and never used again, so the builders are told not to copy it:
sqlglot would copy the whole tree at every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final

from sqlglot import exp, parse_one

DIALECT: Final = "postgres"


class Blank(Enum):
    """A value that is filled in later, so that a statement's text is made once."""

    AGENT = "the template agent's id"
    ORGANIZATION = "the template's organisation"
    TARGETS = "the organisations to reach"
    NAME = "what a new agent is to be called"
    WHOLE = "whether rows that the template still has are asked for, too"
    SETTLED = "the template's rows that are settled in every target"
    PARTLY = "the template's rows that are settled in some targets, and not in others"


@dataclass(frozen=True)
class Statement:
    """One statement: the tree, the values of `$1`, `$2`, ..., and which change it serves.

    `rows` is how many rows it must write or find, where that is known; `proof` finds the rows that
    it has written, where they are a tenant's (see `reconciler.sql.proof`).
    """

    serves: str
    tree: exp.Expr
    parameters: tuple[object, ...]
    rows: int | None = None
    proof: Statement | None = None

    @cached_property
    def sql(self) -> str:
        """The text that is sent."""
        return self.tree.sql(dialect=DIALECT, copy=False)

    def filled(self, blanks: Mapping[Blank, object]) -> Statement:
        """The same statement with these of its blanks filled in."""
        given = (blanks.get(one, one) if isinstance(one, Blank) else one for one in self.parameters)
        return self.given(*given, rows=self.rows)

    def given(self, *parameters: object, rows: int | None = None) -> Statement:
        """The same text, which is written once, with these parameters."""
        found = replace(self, parameters=parameters, rows=rows)
        found.__dict__["sql"] = self.sql
        return found

    @property
    def pretty(self) -> str:
        """The text for people."""
        return self.tree.sql(dialect=DIALECT, pretty=True)


class Parameters:
    """Collects values and hands out `$1`, `$2`, ... for them, each with its type."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def add(self, value: object, sql_type: str) -> exp.Expr:
        """A typed parameter for this value."""
        self.values.append(value)
        return cast_to(exp.Parameter(this=exp.Literal.number(len(self.values))), sql_type)

    def taken(self) -> tuple[object, ...]:
        """All values, in order."""
        return tuple(self.values)


def name(text: str) -> exp.Identifier:
    """A quoted identifier."""
    return exp.to_identifier(text, quoted=True)


def column(alias: str, text: str) -> exp.Column:
    """`alias.column`."""
    return exp.Column(this=name(text), table=name(alias))


def table(db_schema: str, text: str, alias: str) -> exp.Table:
    """`schema.table AS alias`."""
    return exp.Table(this=name(text), db=name(db_schema), alias=exp.TableAlias(this=name(alias)))


def aliased(value: exp.Expr, alias: str) -> exp.Alias:
    """`value AS alias`."""
    return exp.Alias(this=value, alias=name(alias))


def literal(text: str) -> exp.Literal:
    """A constant of our own or of a kind, never of a row."""
    return exp.Literal.string(text)


def call(function: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A function call."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def cast_to(value: exp.Expr, sql_type: str) -> exp.Expr:
    """`CAST(value AS type)`, where the type is spelled as PostgreSQL's catalog does."""
    if sql_type.startswith("bit varying"):
        # sqlglot reads this as bit(1), which would cut the value.
        sql_type = "varbit[]" if sql_type.endswith("[]") else "varbit"
    return exp.Cast(this=value, to=_type(sql_type))


@lru_cache(maxsize=512)
def parsed(text: str) -> exp.Expr:
    """What the catalog says of an index, as a tree: it is shared, so copy it before a change."""
    return parse_one(text, dialect=DIALECT)


@lru_cache(maxsize=512)
def _type(sql_type: str) -> exp.DataType:
    """The type as a leaf that all casts to it share: nobody changes it, and it is only written."""
    return exp.DataType.build(sql_type, dialect=DIALECT, udt=True)


def as_text(value: exp.Expr) -> exp.Expr:
    """The value in PostgreSQL's own text form."""
    return cast_to(value, "text")


def all_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """The conjunction, TRUE for none."""
    found = list(conditions)
    return exp.and_(*found, copy=False) if found else exp.true()


def any_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """The disjunction, FALSE for none."""
    found = list(conditions)
    return exp.or_(*found, copy=False) if found else exp.false()


def equal(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """`left = right`."""
    return exp.EQ(this=left, expression=right)


def differs(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """`left IS DISTINCT FROM right`."""
    return exp.NullSafeNEQ(this=left, expression=right)


def same(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """`left IS NOT DISTINCT FROM right`."""
    return exp.NullSafeEQ(this=left, expression=right)


def is_null(value: exp.Expr) -> exp.Expr:
    """`value IS NULL`."""
    return exp.Is(this=value, expression=exp.null())


def is_true(value: exp.Expr) -> exp.Expr:
    """`value IS TRUE`: FALSE, not NULL, where the value is unknown."""
    return exp.Is(this=exp.paren(value), expression=exp.true())


def not_null(value: exp.Expr) -> exp.Expr:
    """`value IS NOT NULL`."""
    return exp.not_(is_null(value), copy=False)


def in_list(value: exp.Expr, values: exp.Expr) -> exp.Expr:
    """`value = ANY(values)`."""
    return equal(value, exp.Any(this=exp.paren(values)))


def when(condition: exp.Expr, value: exp.Expr) -> exp.Case:
    """`CASE WHEN condition THEN value END`."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def of_many(condition: exp.Expr) -> exp.Expr:
    """A condition that the planner cannot look into: it takes it for one of half the rows."""
    return when(condition, exp.true())


def of_few(condition: exp.Expr) -> exp.Expr:
    """A condition that the planner takes for one of very few rows, and may use an index for."""
    one = exp.Literal.number(1)
    return all_of((condition, equal(when(condition.copy(), one), one.copy())))


def array(values: Sequence[exp.Expr]) -> exp.Expr:
    """A text array."""
    return cast_to(exp.Array(expressions=list(values)), "text[]")


def assigned(values: Iterable[tuple[str, exp.Expr]]) -> list[exp.EQ]:
    """`column = value, ...`, of an UPDATE."""
    return [exp.EQ(this=exp.Column(this=name(text)), expression=value) for text, value in values]


def updated(
    rows: exp.Table,
    values: Iterable[tuple[str, exp.Expr]],
    tree: exp.Select,
    conditions: Iterable[exp.Expr],
) -> exp.Update:
    """UPDATE of the rows of a table that fit what a SELECT reads from."""
    source = tree.args["from_"].this
    source.set("joins", tree.args.get("joins"))
    return exp.Update(
        this=rows,
        expressions=assigned(values),
        from_=exp.From(this=source),
        where=exp.Where(this=all_of(conditions)),
    )


def item(values: exp.Expr, place: int) -> exp.Expr:
    """An item of an array, counted from 0."""
    return exp.Bracket(this=values, expressions=[exp.Literal.number(place)])


def unnest(alias: str, columns: Sequence[tuple[str, exp.Expr]]) -> exp.Unnest:
    """`unnest(a, b) AS alias (x, y)`: arrays as rows."""
    return exp.Unnest(
        expressions=[values for _, values in columns],
        alias=exp.TableAlias(this=name(alias), columns=[name(text) for text, _ in columns]),
    )


def left(other: exp.Expr, on: exp.Expr) -> exp.Join:
    """`LEFT JOIN other ON on`."""
    return exp.Join(this=other, on=on, side="LEFT")


def inner(other: exp.Expr, on: exp.Expr) -> exp.Join:
    """`INNER JOIN other ON on`."""
    return exp.Join(this=other, on=on, kind="INNER")


def cross(other: exp.Expr) -> exp.Join:
    """`CROSS JOIN other`."""
    return exp.Join(this=other, kind="CROSS")


def locked(found: exp.Select) -> exp.Select:
    """Lock the rows `t` that are found, and give how many there are.

    Tenants' rows may go on pointing at them: their foreign keys need no stronger lock.
    """
    found.set("locks", [exp.Lock(update=True, key=True, expressions=[rows_of("t")])])
    return exp.select(exp.Count(this=exp.Star()), copy=False).from_(
        found.subquery(name("locked"), copy=False), copy=False
    )


def rows_of(cte: str, alias: str | None = None) -> exp.Table:
    """The rows of a CTE."""
    called = exp.TableAlias(this=name(alias)) if alias else None
    return exp.Table(this=exp.Identifier(this=cte), alias=called)


def is_ours(owner: exp.Expr, source: exp.Expr, agent: exp.Expr, organization: exp.Expr) -> exp.Expr:
    """Whether a row is the template's: its agent's, or another agent's of its organisation."""
    return any_of((equal(owner, agent), all_of((not_null(owner), equal(source, organization)))))


def with_alias(tree: exp.Expr, alias: str) -> exp.Expr:
    """A copy of a condition on bare columns, every column now belonging to an alias."""

    def qualify(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            return column(alias, node.name)
        return node

    return exp.paren(tree.transform(qualify))
