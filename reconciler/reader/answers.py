"""What the database answers, as rows of the template, states of the targets and collisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.database.connection import Connection, Rows, run
from reconciler.database.opening import Opening
from reconciler.database.platform import Fixed
from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.canonical import parse
from reconciler.model.kind import Column, Kind
from reconciler.model.snapshot import (
    Author,
    Collision,
    Row,
    RowOwner,
    Situation,
    State,
)
from reconciler.model.value import Value, Values
from reconciler.reader.decode import decode
from reconciler.sql.asking import Asking
from reconciler.sql.drift import placed
from reconciler.sql.questions import Questions
from reconciler.sql.seen import FIXED
from reconciler.sql.tree import Blank, Statement
from reconciler.sql.uniqueness import speaks_of

_VALUES = TypeAdapter(Values)

# The planner takes the list of targets for short, and what they have for one row, where there
# are no statistics yet: after a first install its nested loops would take minutes.
_FEW: Final = 10
_MANY_TARGETS: Final = Fixed("SELECT set_config('enable_nestloop', 'off', true)")


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

    def ask(self, connection: Connection, statements: Iterable[Statement]) -> list[Rows]:
        """The answers, in one round trip."""
        blanks = {
            Blank.AGENT: self.agent,
            Blank.ORGANIZATION: self.organization,
            Blank.TARGETS: list(self.targets),
            Blank.NAME: self.name,
            Blank.WHOLE: self.whole,
        }
        asked = [statement.filled(blanks) for statement in statements]
        if len(self.targets) <= _FEW:
            return run(connection, asked)
        return run(connection, [_MANY_TARGETS, *asked])[1:]


def ask(
    connection: Connection, opening: Opening, asked: Asking, about: About
) -> tuple[tuple[Row, ...], tuple[Address, ...], tuple[State, ...], tuple[Collision, ...]]:
    """Ask everything about all kinds, in one round trip.

    Returns the template's rows, the addresses that it has twice with different values, what
    the targets' addresses look like, and which new rows would collide with others.
    """
    statements = [*asked.template, *chain.from_iterable(asked.targets)]
    statements += [statement for *_, statement in asked.collisions]
    answers = iter(about.ask(connection, statements))
    rows: list[Row] = []
    ambiguous: list[Address] = []
    seen: list[State] = []
    for kind, own in zip(opening.kinds, list(islice(answers, len(opening.kinds))), strict=True):
        known, doubled = template_rows(kind, own, opening)
        rows += known
        ambiguous += doubled
    wanted = {row.address for row in rows}
    for kind in opening.kinds:
        found, twins, orphans = islice(answers, 3)
        seen += states_of(kind, found, asked.questions, opening)
        seen += [state for state in grouped(kind, twins, "ambiguous") if state.address in wanted]
        if kind.mirrored:
            seen += grouped(kind, orphans, "live")
    collisions = [
        Collision(
            address=Address.of(kind.name, tuple(key)),
            organization=organization,
            index=index.name,
            columns=index.expressions,
            speaks_of=speaks_of(index),
            other_id=other,
            other_organization=other_organization,
        )
        for (kind, index, _), answer in zip(asked.collisions, answers, strict=True)
        for *key, organization, other, other_organization in answer
    ]
    return tuple(rows), tuple(ambiguous), tuple(seen), tuple(collisions)


def ask_placed(
    connection: Connection, opening: Opening, asked: Asking, about: About
) -> tuple[State, ...]:
    """All that was placed, with every managed column, and with what was last applied."""
    kinds = [kind for kind in opening.kinds if kind.mirrored]
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
                        column.name: _decoded(kind, key, column, text, opening.shapes[kind.name])
                        for column, text in zip(kind.columns, texts, strict=True)
                    },
                    base=_VALUES.validate_python(parse(base)),
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
        (kind, statement)
        for kind, (_, statement, _) in zip(opening.kinds, asked.targets, strict=True)
        if kind.name in wanted
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
    kinds = [
        (kind, twins, orphans)
        for kind, (_, twins, orphans) in zip(opening.kinds, asked.targets, strict=True)
        if kind.mirrored
    ]
    answers = iter(
        about.ask(connection, [one for _, twins, orphans in kinds for one in (twins, orphans)])
    )
    doubled: list[State] = []
    held: list[State] = []
    for kind, *_ in kinds:
        twins, orphans = next(answers), next(answers)
        doubled += grouped(kind, twins, "ambiguous")
        held += grouped(kind, orphans, "live")
    return doubled, held


def template_rows(kind: Kind, answer: Rows, opening: Opening) -> tuple[list[Row], list[Address]]:
    """The rows, and the addresses that stand twice with different values."""
    shape = opening.shapes[kind.name]
    found: dict[Address, Row] = {}
    doubled: list[Address] = []
    width = len(answer[0]) - len(kind.columns) - 1 if answer else 0
    for line in answer:
        row = Row(
            address=Address.of(kind.name, line[:width]),
            current=line[width],
            values={
                column.name: _decoded(kind, line[:width], column, text, shape)
                for column, text in zip(kind.columns, line[width + 1 :], strict=True)
            },
        )
        if found.setdefault(row.address, row) != row:
            doubled.append(row.address)
    return list(found.values()), doubled


def _decoded(
    kind: Kind, key: tuple[str, ...], column: Column, text: str | None, shape: dict[str, str]
) -> Value:
    try:
        return decode(text, column, shape[column.name])
    except ValueError as error:
        raise ReconcilerError(
            f"{Address.of(kind.name, key)} cannot be planned: {column.name} {error}",
            hint="Correct the row, in the template or in the target that has it.",
        ) from error


def states_of(
    kind: Kind, answer: Rows, questions: Questions, opening: Opening, *, orphan: bool = False
) -> list[State]:
    """What the answer to a question of the shape of `reconciler.sql.seen` says."""
    shape = opening.shapes[kind.name]
    width = len(questions.sources.key_names(kind))
    found = []
    for line in answer:
        key, fixed = line[:width], dict(zip(FIXED, line[width : width + len(FIXED)], strict=True))
        *texts, organizations, ids = line[width + len(FIXED) :]
        situation = _situation(fixed)
        values = {
            column.name: _decoded(kind, key, column, text, shape)
            for column, text in zip(kind.compared, texts, strict=True)
        }
        found.append(
            State(
                address=Address.of(kind.name, key),
                organizations=tuple(organizations),
                situation=situation,
                owner=_owner(fixed),
                values=values if situation != "absent" else None,
                base=_VALUES.validate_python(parse(fixed["base"])) if fixed["base"] else None,
                ids=tuple(ids) if situation != "absent" else (),
                ledger=fixed["ledger"],
                kept=frozenset(fixed["kept"] or ()),
                revision=fixed["revision"],
                blocks=bool(fixed["blocks"]),
                revivable=bool(fixed["revivable"]),
                orphan=orphan,
                author=_author(fixed),
            )
        )
    return found


def _situation(fixed: dict[str, Any]) -> Situation:
    if fixed["live"] is None:
        return "absent"
    if not fixed["live"]:
        return "dead"
    return "live" if fixed["attached"] else "detached"


def _owner(fixed: dict[str, str | None]) -> RowOwner | None:
    if fixed["owner"] is None:
        return None
    return RowOwner(
        agent=fixed["owner"],
        organization=fixed["owner_organization"],
        name=fixed["owner_name"],
        exists=bool(fixed["owner_exists"]),
    )


def _author(fixed: dict[str, str | None]) -> Author | None:
    if fixed["author"] is None and fixed["authored_at"] is None:
        return None
    return Author(user_id=fixed["author"], label=fixed["author_label"], at=fixed["authored_at"])


def grouped(kind: Kind, answer: Rows, situation: Situation) -> list[State]:
    """States that are known by their key alone: doubles, and orphans."""
    found: dict[Address, set[str]] = {}
    for *key, organizations in answer:
        address = Address.of(kind.name, tuple(key))
        found.setdefault(address, set()).update(
            [organizations] if isinstance(organizations, str) else organizations
        )
    return [
        State(
            address=address,
            organizations=tuple(sorted(organizations)),
            situation=situation,
            orphan=situation == "live",
        )
        for address, organizations in sorted(found.items())
    ]
