"""SQL text that a row carries: which tables it reads, and which constants it holds.

Whoever executes it later may have more rights than its author. So what cannot be read with
certainty is reported, never guessed at. The constants are taken from the words and not from the
tree, which makes something else of some (`x -> 'key'`, formats of dates).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any, Final

from sqlglot import Dialect, ParseError, Parser, Token, TokenType, exp, tokenize

from reconciler.model.canonical import Number
from reconciler.model.kind import Kind
from reconciler.model.value import Json, Values

LONGEST: Final = 100_000
DIALECT: Final = "postgres"
# The parser is recursive, and reads what stands in an ARRAY or behind a type's name twice, so that
# each level of those doubles the time; a chain of subscripts takes the square of its length.
_DEEPEST, _READINGS, _SUBSCRIPTS = 25, 100_000, 100
_OPEN: Final = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSE: Final = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_STRINGS: Final = {
    TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.HEREDOC_STRING, TokenType.BYTE_STRING,
    TokenType.UNICODE_STRING, TokenType.RAW_STRING,
}  # fmt: skip
_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_WRITES: Final = (exp.DML, exp.DDL, exp.Drop, exp.Command, exp.Into)
# What PostgreSQL skips. Another space (U+00A0) is a letter to it, and `{# #}` is no comment.
_GAP: Final = re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*+|/\*(?>.*\*/))*+", re.DOTALL)
# The parser warns of what is reported as a problem anyway; this filter lets none of it pass.
_SILENCE: Final = logging.Filter("nobody")
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
# Functions that read what the text does not name: they are given SQL or a table's name as text,
# reach other servers, files, large objects or the WAL, or set what row security may hang on.
_REACHING: Final = re.compile(
    r"dblink\w*|(query|cursor|table|schema|database)_to_xml\w*|crosstab\w*|connectby|xpath_table"
    r"|ts_stat|ts_rewrite|currtid2?|get_raw_page|set_config"
    r"|pg_read_\w*|pg_ls_\w*|pg_stat_file|lo_(import|export|get|open)|loread|pg_logical_slot_\w*"
)


@dataclass(frozen=True)
class Query:
    """What a text reads.

    problem   why it cannot be judged, in one line; `tables` is empty then, and says nothing
    tables    the tables that it may not read, sorted; `dblink()` is a function that reads others
    literals  its string constants, as far as its words can be told apart
    """

    problem: str | None
    tables: tuple[str, ...] = ()
    literals: frozenset[str] = frozenset()


def texts(document: Any, at: str) -> Iterator[tuple[str, str]]:
    """The JSON Pointer and the text of each string at a pattern; another shape is passed over."""
    found = [("", document)]
    for step in at.split("/")[1:]:
        found = [(f"{to}/{key}", item) for to, value in found for key, item in _below(value, step)]
    for pointer, value in found:
        if isinstance(value, str) and not isinstance(value, Number):
            yield pointer, value


def _below(value: Any, step: str) -> Iterator[tuple[str, Any]]:
    key = step.replace("~1", "/").replace("~0", "~")
    if isinstance(value, list):
        yield from ((str(i), item) for i, item in enumerate(value) if step in ("*", str(i)))
    elif isinstance(value, dict) and step != "*" and key in value:
        yield step, value[key]


def inspect(text: str, tables: tuple[str, ...]) -> Query:
    """What a text reads beyond these tables (`table` is also `public.table`); never raises."""
    if len(text) > LONGEST:
        return Query(f"it is longer than {LONGEST} characters")
    return _inspect(text, tables)


@lru_cache(maxsize=1024)
def _inspect(text: str, tables: tuple[str, ...]) -> Query:
    literals: frozenset[str] = frozenset()
    logger = logging.getLogger("sqlglot")
    logger.addFilter(_SILENCE)
    try:
        words = tokenize(text, read=DIALECT)
        # Strings that follow one another are one constant.
        strings = groupby(words, lambda word: word.token_type in _STRINGS)
        literals = frozenset("".join(word.text for word in run) for yes, run in strings if yes)
        problem = _doubt(text, words)
        if not problem:
            parser = Dialect.get_or_raise(DIALECT).parser()
            trees = [tree for tree in parser.parse(words, text) if tree is not None]
            problem = _unfit(trees, words)
        if not problem:
            # Any word could call such a function: `(x).f` does, without a parenthesis behind it.
            names = {word.text.lower() for word in words if word.token_type not in _STRINGS}
            read = {f"{name}()" for name in names if _REACHING.fullmatch(name)}
            return Query(None, tuple(sorted(read.union(_forbidden(trees[0], tables)))), literals)
    except RecursionError:
        problem = "it is nested too deep"
    except ParseError as error:
        where = error.errors[0] if error.errors else {}
        problem = f"it cannot be read at line {where.get('line')}, column {where.get('col')}"
    except Exception:  # The parser does not say what else it may raise.
        problem = "it cannot be read: a quote or comment may be left open"
    finally:
        logger.removeFilter(_SILENCE)
    return Query(problem, literals=literals)


def _doubt(text: str, words: list[Token]) -> str | None:
    """Why the words may be others to PostgreSQL, or take the parser too long."""
    opened: list[bool] = []
    readings = subscripts = end = 0
    for before, word in zip([None, *words], words, strict=False):
        kind, last = word.token_type, before.token_type if before else None
        if (
            not _GAP.fullmatch(text, end, word.start)
            or kind == TokenType.UNICODE_STRING
            or (kind == TokenType.IDENTIFIER and text[max(end - 2, 0) : word.start].lower() == "u&")
            # After a newline E'' goes on in the next quotes, with escapes.
            or (kind == TokenType.STRING and last == TokenType.BYTE_STRING)
            # `$1` is a parameter; of any other `$` PostgreSQL could make a quote.
            or (before and last == TokenType.PARAMETER and before.text[0] == "$"
                and (before.text != "$" or kind != TokenType.NUMBER or word.start > end))
        ):  # fmt: skip
            return "PostgreSQL may read it otherwise (an odd space, a U& or a $)"
        if kind in _OPEN:
            bracket = kind == TokenType.L_BRACKET
            subscripts += bracket and last == TokenType.R_BRACKET
            opened.append(bracket or last in Parser.TYPE_TOKENS)
        elif kind in _CLOSE and opened:
            opened.pop()
        readings += 2 ** sum(opened)
        if len(opened) > _DEEPEST or readings > _READINGS or subscripts > _SUBSCRIPTS:
            return "it is nested too deep"
        end = word.end + 1
    return None if _GAP.fullmatch(text, end) else "it ends in an odd space"


def _unfit(trees: list[exp.Expr], words: list[Token]) -> str | None:
    """Why this is not one query, or not surely the one that PostgreSQL reads."""
    if len(trees) != 1:
        return "it holds more than one statement" if trees else "it holds no query"
    nodes = list(trees[0].walk())
    bodies = [trees[0], *(node.this for node in nodes if isinstance(node, exp.CTE))]
    writes = any(isinstance(node, _WRITES) for node in nodes)
    if writes or any(not isinstance(body, _QUERIES) for body in bodies):
        return "it is not only a query"
    # Nobody would see the tables of a query that the parser lost; and of a WITH right within
    # another it makes one, in which names reach further than they do.
    kinds = [None, *(word.token_type for word in words)]
    selects = kinds.count(TokenType.SELECT) + kinds.count(TokenType.TABLE)
    begun = [kind for last, kind in pairwise(kinds) if last in (None, TokenType.L_PAREN)]
    made = [sum(isinstance(node, kind) for node in nodes) for kind in (exp.Select, exp.With)]
    fits = made == [selects, begun.count(TokenType.WITH)]
    return None if fits else "it holds a SELECT, TABLE or WITH out of place"


def _forbidden(tree: exp.Expr, tables: tuple[str, ...]) -> Iterator[str]:
    allowed = {".".join(map(_shown, name.split(".", 1))) for name in tables}
    allowed |= {f"public.{name}" for name in map(_shown, tables) if name in allowed}
    waiting = [(tree, frozenset(allowed))]
    while waiting:
        node, known = waiting.pop()
        # A function is no table, and what FOR UPDATE OF names, FROM has named.
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Func | None):
            name = ".".join(map(_folded, node.parts))
            if name not in known and not isinstance(node.parent, exp.Lock):
                yield name
        clause = node.args.get("with_")
        if isinstance(clause, exp.With):
            names = [_folded(cte.args["alias"].this) for cte in clause.expressions]
            known |= frozenset(names if clause.recursive else ())
            for cte, name in zip(clause.expressions, names, strict=True):
                waiting.append((cte, known))  # It sees those before it, and not itself.
                known |= {name}
        waiting.extend((child, known) for child in node.iter_expressions() if child is not clause)


def _folded(part: exp.Expr) -> str:
    if not isinstance(part, exp.Identifier):
        return "?"  # A placeholder: it could be any table.
    return _shown(part.name if part.quoted else part.name.translate(_LOWER))


def _shown(name: str) -> str:
    """A name in quotes where it would be another without them."""
    plain = "".join(c if c.isprintable() else f"\\{ord(c):04x}" for c in name).replace('"', '""')
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else f'"{plain}"'


def inside(kind: Kind, values: Values) -> Iterator[tuple[str, str, Query]]:
    """The SQL text in a row of a kind: column, JSON Pointer within it, and what it holds."""
    for column in kind.columns:
        value = values.get(column.name)
        if column.queries is not None and isinstance(value, Json):
            for path, text in texts(value.parsed(), column.queries.at):
                yield column.name, path, inspect(text, column.queries.tables)
