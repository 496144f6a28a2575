"""A closer look at some rows: what stands there, live or dead, and what uses it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.model.address import Address
from reconciler.model.snapshot import State, Use
from reconciler.reader.answers import About
from reconciler.reader.lines import states_of
from reconciler.sql.asking import Asking
from reconciler.sql.standing import standing
from reconciler.sql.tree import Statement
from reconciler.sql.uses import uses

Places = Sequence[tuple[str, Address]]


def places_of(states: Iterable[State]) -> list[tuple[str, Address]]:
    """Each organisation and address of some states."""
    return [(one, state.address) for state in states for one in state.organizations]


def look(
    connection: Connection,
    opening: Opening,
    asked: Asking,
    about: About,
    places: Places,
    *,
    orphan: bool = False,
) -> list[State]:
    """What stands at these (organisation, address); in one round trip."""
    found = _by_kind(places)
    questions = [
        (kind, standing(asked.questions, kind, unique, found[kind.name]))
        for kind, unique in zip(opening.kinds, opening.uniques, strict=True)
        if kind.name in found
    ]
    answers = about.ask(connection, [statement for _, statement in questions])
    return [
        state
        for (kind, _), answer in zip(questions, answers, strict=True)
        for state in states_of(kind, answer, asked.questions, opening, orphan=orphan)
    ]


def count_uses(
    connection: Connection, opening: Opening, asked: Asking, about: About, places: Places
) -> tuple[Use, ...]:
    """What uses the rows at these (organisation, address); in one round trip."""
    found = _by_kind(places)
    tables: list[tuple[str, str]] = []
    statements: list[Statement] = []
    for kind in opening.kinds:
        if kind.name in found:
            for table, statement in uses(asked.questions.sources, kind, found[kind.name]):
                tables.append((kind.name, table))
                statements.append(statement)
    numbers: Counter[tuple[Address, str, str]] = Counter()
    for (kind_name, table), answer in zip(tables, about.ask(connection, statements), strict=True):
        for *key, organization, rows in answer:
            numbers[Address.of(kind_name, tuple(key)), organization, table] += rows
    return tuple(
        Use(address=address, organization=organization, table=table, rows=rows)
        for (address, organization, table), rows in sorted(numbers.items())
    )


def _by_kind(places: Places) -> dict[str, list[tuple[str, Address]]]:
    found: dict[str, list[tuple[str, Address]]] = defaultdict(list)
    for organization, address in places:
        found[address.kind].append((organization, address))
    return found
