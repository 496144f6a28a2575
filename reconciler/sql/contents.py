"""How changes travel: each distinct content once, and the places where it goes as pairs.

A change is one content; its targets are the placements. `c` is the list of contents, with
values of the columns' own types; `p` the list of places. Changes that go to the same targets share
one list of them: where all do, which is usual, `p` is just the organisations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from reconciler.model.address import Address
from reconciler.model.change import Create, Release, Rewrite
from reconciler.model.kind import Kind
from reconciler.model.value import Digest, Json, Ref, Value, Values
from reconciler.sql.source import Sources
from reconciler.sql.tree import (
    Parameters,
    aliased,
    cast_to,
    column,
    cross,
    equal,
    name,
    not_null,
    rows_of,
    unnest,
    when,
)

AnyChange = Create | Rewrite


@dataclass(frozen=True)
class Contents:
    """The changes of one kind that one statement carries out.

    `drawn` are ids, one for each change and target, where a statement has to know them: of new
    rows, from the database, or of retired ones that come back.
    """

    kind: Kind
    changes: tuple[AnyChange, ...]
    sources: Sources
    drawn: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows they touch."""
        return sum(len(change.targets) for change in self.changes)

    @property
    def ids(self) -> list[str]:
        """The ids that are known before the rows are written: minted, or drawn."""
        minted = [one for c in self.changes if isinstance(c, Create) for one in c.ids]
        return minted or list(self.drawn)

    def placements(self, asked: Parameters) -> exp.Unnest:
        """`unnest(...) AS p (organization_id[, places][, id])`: each distinct list of targets, by
        its number, or by that of the content where each of its rows has an id of its own.
        """
        lists = self._lists
        targets = [target for one in lists for target in one]
        columns = [("organization_id", asked.add(targets, "text[]"))]
        if len(lists) > 1:
            numbers = [number for number, one in enumerate(lists) for _ in one]
            columns.append(("places", asked.add(numbers, "integer[]")))
        if self.ids:
            columns.append(("id", asked.add(self.ids, "text[]")))
        return unnest("p", columns)

    @cached_property
    def _lists(self) -> tuple[tuple[str, ...], ...]:
        each = tuple(change.targets for change in self.changes)
        return each if self.ids else tuple(dict.fromkeys(each))

    def select(self, asked: Parameters, carried: Mapping[str, Sequence[str | None]]) -> exp.Select:
        """The contents with their keys as `k1`, `k2`, ... and what else is carried, as text."""
        keys = self.sources.key_names(self.kind)
        columns = [("content", asked.add(list(range(len(self.changes))), "integer[]"))]
        columns += [
            (key, asked.add([change.address.key[place] for change in self.changes], "text[]"))
            for place, key in enumerate(keys)
        ]
        lists = self._lists
        if len(lists) > 1:
            numbers = {one: number for number, one in enumerate(lists)}
            places = (
                list(range(len(lists)))
                if self.ids
                else [numbers[change.targets] for change in self.changes]
            )
            columns.append(("places", asked.add(places, "integer[]")))
        columns += [(text, asked.add(list(values), "text[]")) for text, values in carried.items()]
        return exp.select(*(column("u", text) for text, _ in columns), copy=False).from_(
            unnest("u", columns), copy=False
        )

    def placed(self, asked: Parameters) -> exp.Select:
        """`SELECT ... FROM c JOIN p`: each content at each of its places."""
        return exp.select().from_(rows_of("c"), copy=False).join(self.everywhere(asked), copy=False)

    def everywhere(self, asked: Parameters) -> exp.Join:
        """The places as what `c` is joined with.

        Without a condition where all go to the same: then the planner knows how many rows that
        makes, and no statistics have to tell it.
        """
        places = self.placements(asked)
        if len(self._lists) == 1:
            return cross(places)
        return exp.Join(this=places, on=equal(column("c", "places"), column("p", "places")))

    def each(self, value: Callable[[AnyChange], str | None]) -> list[str | None]:
        """One text a content."""
        return [value(change) for change in self.changes]


def at_place(key: exp.Expr) -> exp.Expr:
    """A part of a content's key, to look rows up by, in words that need the place, too.

    A planner without statistics, or with those of last week, else takes one part of a key for the
    whole, and reads the rows of all organisations for each place.
    """
    return when(not_null(column("p", "organization_id")), key)


def typed(contents: exp.Select, types: Mapping[str, str]) -> exp.Select:
    """The same with these columns in types of their own, so that each value is parsed once."""
    selected = []
    for expression in contents.expressions:
        text = expression.alias_or_name
        selected.append(
            aliased(cast_to(expression.unalias(), types[text]), text)
            if text in types
            else expression
        )
    contents.set("expressions", selected)
    return contents


def as_cte(tree: exp.Expr, contents: exp.Select) -> exp.Expr:
    """The statement with the contents as its CTE `c`, made once."""
    cte = exp.CTE(this=contents, alias=exp.TableAlias(this=name("c")), materialized=True)
    tree.set("with_", exp.With(expressions=[cte]))
    return tree


def encode(value: Value) -> str | None:
    """The text of a value, which a cast to the column's type reads back."""
    match value:
        case None | Ref() | Digest():
            return None
        case Json():
            return value.text
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def part(value: Value, place: int) -> str | None:
    """One part of the key that a reference names."""
    return value.ref.key[place] if isinstance(value, Ref) else None


def after(change: AnyChange) -> Values:
    """What the columns will be: all of them for a new row, the compared ones otherwise."""
    if isinstance(change, Create):
        return change.values
    return change.after


def referred(change: AnyChange, column_name: str) -> Address | None:
    """The address that a change sets a reference to, if it sets it."""
    if isinstance(change, Create):
        value = change.values.get(column_name)
    else:
        value = next((one.after for one in change.fields if one.column == column_name), None)
    return value.ref if isinstance(value, Ref) else None


def owner_after(change: AnyChange, agent: str, organization: str) -> tuple[str | None, str | None]:
    """Who owns a row once it is written: the template that writes it, unless it is given away."""
    if not isinstance(change, Release):
        return agent, organization
    return (change.to.agent, change.to.organization) if change.to else (None, None)


def base(kind: Kind, change: AnyChange) -> Values:
    """What the ledger remembers: the columns as the template has them, or as they were seeded."""
    kept = {} if isinstance(change, Create) else change.kept
    values = {**after(change), **kept}
    return {one.name: values[one.name] for one in kind.columns if one.name in values}


def changed(changes: Sequence[AnyChange]) -> frozenset[str]:
    """The columns that at least one of these updates changes."""
    return frozenset(
        field.column
        for change in changes
        if not isinstance(change, Create)
        for field in change.fields
    )
