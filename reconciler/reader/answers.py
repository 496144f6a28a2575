"""What the database answers, as rows of the template, states of the targets and collisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Final

from reconciler.database.asking import Rows, as_array, run
from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.database.platform import FEW, led
from reconciler.kinds import Kinds
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.model.address import Address
from reconciler.model.kind import Kind
from reconciler.model.snapshot import (
    Collision,
    Row,
    State,
)
from reconciler.model.table import UniqueIndex
from reconciler.reader.lines import base_values, decoded, grouped, states_of, template_rows
from reconciler.sql.asking import Asking, asking
from reconciler.sql.drift import placed
from reconciler.sql.tree import Blank, Statement
from reconciler.sql.uniqueness import speaks_of

# From this part of all organisations on it is faster to read a table than to look rows up in it.
_MOST: Final = 0.1


def questions_for(opening: Opening, targets: Sequence[str], *, named: bool = False) -> Asking:
    """What is to be asked about a database, for these targets."""
    most = len(targets) > max(FEW, _MOST * opening.organizations)
    return asking(opening.kinds, opening.shapes, opening.uniques, named=named, most=most)


def from_template(kinds: Kinds) -> Kinds:
    """The kinds whose rows a template may have, or point at."""
    return tuple(kind for kind in kinds if kind.provides is None)


@dataclass(frozen=True)
class About:
    """Whom the questions are about.

    name   what a new agent is to be called, if anything
    whole  whether all rows of ours are asked for, and not only those without the template's
    """

    agent: str
    organization: str
    targets: Sequence[str]
    name: str | None = None
    whole: bool = False

    @cached_property
    def _array(self) -> str:
        """The targets as they are sent: the list is long, and all questions are about it."""
        return as_array(list(self.targets))

    def filled(self, statements: Iterable[Statement]) -> list[Statement]:
        """The same statements, about these."""
        blanks = {
            Blank.AGENT: self.agent,
            Blank.ORGANIZATION: self.organization,
            Blank.TARGETS: self._array,
            Blank.NAME: self.name,
            Blank.WHOLE: self.whole,
        }
        return [statement.filled(blanks) for statement in statements]

    def ask(self, connection: Connection, statements: Iterable[Statement]) -> list[Rows]:
        """The answers, in one round trip."""
        asked = self.filled(statements)
        if not asked:
            return []
        leading = led(len(self.targets))
        return run(connection, [*leading, *asked])[len(leading) :]


def ask(
    connection: Connection, opening: Opening, asked: Asking, about: About
) -> tuple[tuple[Row, ...], tuple[Address, ...], tuple[State, ...], tuple[Collision, ...]]:
    """Ask everything about all kinds, in two round trips: how much is settled, and what is not.

    Returns the template's rows, the addresses that it has twice with different values, what
    the targets' addresses look like, and which new rows would collide with others.
    """
    kinds = from_template(opening.kinds)
    own = [asked.of[kind.name] for kind in kinds]
    first = iter(
        about.ask(connection, [*(one.template for one in own), *(one.census for one in own)])
    )
    rows: list[Row] = []
    ambiguous: list[Address] = []
    wanted: dict[str, int] = {}
    for kind, answer in zip(kinds, list(islice(first, len(own))), strict=True):
        known, doubled = template_rows(kind, answer, opening)
        wanted[kind.name] = len(known)
        rows += known
        ambiguous += doubled
    addresses = {row.address for row in rows}
    seen: list[State] = []
    collisions: list[Collision] = []
    targets = tuple(about.targets)

    def compared(kind: Kind, answer: Rows) -> None:
        seen.extend(states_of(kind, answer, asked.questions, opening, targets))

    def doubled_in_targets(kind: Kind, answer: Rows) -> None:
        twins = grouped(kind, answer, "ambiguous")
        seen.extend(state for state in twins if state.address in addresses)

    def orphaned(kind: Kind, answer: Rows) -> None:
        seen.extend(grouped(kind, answer, "live"))

    questions: list[tuple[Statement, Kind, Callable[[Kind, Rows], None]]] = []
    for one, answer in zip(own, first, strict=True):
        kind = one.kind
        numbers = {row: number for row, number, *_ in answer if row}
        everywhere = [row for row, number in numbers.items() if number == len(about.targets)]
        if len(everywhere) < wanted[kind.name]:
            partly = [row for row, number in numbers.items() if 0 < number < len(about.targets)]
            filled = {Blank.SETTLED: everywhere, Blank.PARTLY: partly}
            questions.append((one.states.filled(filled), kind, compared))
            for index, statement in one.collisions:
                questions.append(
                    (statement.filled(filled), kind, partial(_collided, collisions, index))
                )
        if any(row and twice for row, _, twice, _ in answer):
            questions.append((one.twins, kind, doubled_in_targets))
        if kind.mirrored and any(orphans for *_, orphans in answer):
            questions.append((one.orphans, kind, orphaned))
    answers = about.ask(connection, [statement for statement, *_ in questions])
    for (_, kind, understood), answer in zip(questions, answers, strict=True):
        understood(kind, answer)
    return tuple(rows), tuple(ambiguous), tuple(seen), tuple(collisions)


def _collided(into: list[Collision], index: UniqueIndex, kind: Kind, answer: Rows) -> None:
    into += [
        Collision(
            address=Address.of(kind.name, tuple(key)),
            organization=organization,
            index=index.name,
            columns=index.expressions,
            speaks_of=speaks_of(index),
            other_id=other,
            other_organization=other_organization,
        )
        for *key, organization, other, other_organization in answer
    ]


def ask_placed(
    connection: Connection, opening: Opening, asked: Asking, about: About
) -> tuple[State, ...]:
    """All that was placed, with every managed column, and with what was last applied."""
    kinds = [kind for kind in from_template(opening.kinds) if kind.mirrored]
    answers = about.ask(connection, [placed(asked.questions, kind) for kind in kinds])
    found = []
    for kind, answer in zip(kinds, answers, strict=True):
        width = len(asked.questions.sources.key_names(kind))
        for line in answer:
            key, base, kept = line[:width], line[width], line[width + 1]
            *texts, organizations = line[width + 2 :]
            found.append(
                State(
                    address=Address.of(kind.name, key),
                    organizations=tuple(sorted(organizations)),
                    situation="live",
                    values={
                        column.name: decoded(kind, key, column, text, opening.shapes[kind.name])
                        for column, text in zip(kind.columns, texts, strict=True)
                    },
                    base=base_values(base),
                    kept=frozenset(kept),
                )
            )
    return tuple(found)


def ask_doubled(
    connection: Connection,
    opening: Opening,
    asked: Asking,
    about: About,
    addresses: Iterable[Address],
) -> list[State]:
    """What stands twice, of the kinds of these addresses."""
    wanted = {address.kind for address in addresses}
    twins = [
        (kind, one.twins)
        for kind in opening.kinds
        if kind.name in wanted and not (one := asked.of[kind.name]).sole
    ]
    answers = about.ask(connection, [statement for _, statement in twins])
    return [
        state
        for (kind, _), answer in zip(twins, answers, strict=True)
        for state in grouped(kind, answer, "ambiguous")
    ]


def ask_held(
    connection: Connection, opening: Opening, asked: Asking, about: About
) -> tuple[list[State], list[State]]:
    """What stands twice, whosever it is, and the live rows of ours, by their addresses."""
    kinds = [asked.of[kind.name] for kind in from_template(opening.kinds) if kind.mirrored]
    double = [one for one in kinds if not one.sole]
    answers = iter(
        about.ask(connection, [*(one.twins for one in double), *(one.orphans for one in kinds)])
    )
    doubled = [state for one in double for state in grouped(one.kind, next(answers), "ambiguous")]
    held = [state for one in kinds for state in grouped(one.kind, next(answers), "live")]
    return doubled, held


def mintable(prefix: str, kind: str, about: About, seen: Sequence[State]) -> list[str]:
    """The ids that new rows of a kind could get."""
    return [
        mint(prefix, about.agent, organization, state.address, attempt)
        for state in seen
        if state.address.kind == kind and state.situation == "absent"
        for organization in state.organizations
        for attempt in range(ATTEMPTS)
    ]
