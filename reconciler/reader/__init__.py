"""Database -> Snapshot: the only room that reads tenants' rows.

Everything is read in one REPEATABLE READ READ ONLY transaction, so that a template published
meanwhile is seen whole or not at all, and each kind's questions travel in one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pydantic import TypeAdapter

from reconciler.database.connection import Connection, Rows, run, transaction
from reconciler.database.opening import Opening, open_database
from reconciler.database.platform import (
    authorise,
    find_actor,
    find_targets,
    find_template,
    refuse,
)
from reconciler.errors import ReconcilerError
from reconciler.kinds import Kinds
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.model.address import Address
from reconciler.model.canonical import parse
from reconciler.model.kind import Column, Kind
from reconciler.model.snapshot import (
    Actor,
    Author,
    Collision,
    Row,
    RowOwner,
    Situation,
    Snapshot,
    State,
)
from reconciler.model.value import Value, Values
from reconciler.reader.decode import decode, fingerprint
from reconciler.sql.questions import Questions
from reconciler.sql.source import Sources
from reconciler.sql.states import FIXED, states
from reconciler.sql.tree import Statement

_VALUES = TypeAdapter(Values)


def read(
    connection: Connection,
    kinds: Kinds,
    template: str,
    targets: Sequence[str],
    actor: str | None,
    name: str | None,
) -> tuple[Snapshot, Actor, Kinds]:
    """Read the template and the targets, as they are at one instant.

    `name` is what a new agent is to be called, where that is not the template's name.
    Returns the snapshot, the actor, and the kinds as this release of the database has them.
    Raises NotFoundError, RefusedError, NotAuthorisedError, or what `open_database` raises.
    """
    with transaction(connection, read_only=True):
        opening = open_database(connection, kinds)
        found = find_template(connection, template)
        organizations = find_targets(connection, targets, found)
        acting = find_actor(connection, actor)
        refuse(found, organizations)
        ids = [target.organization.id for target in organizations]
        authorise(connection, acting, ids)
        questions = Questions(
            Sources(opening.kinds, opening.shapes),
            found.agent_id,
            found.organization.id,
            ids,
            name,
        )
        rows, ambiguous, seen, collisions = _ask(connection, opening, questions)
        snapshot = Snapshot(
            database=opening.database,
            template=found,
            targets=organizations,
            fingerprint=fingerprint(rows),
            rows=rows,
            states=seen,
            ambiguous=ambiguous,
            collisions=collisions,
            shapes=opening.shapes,
            taken=_taken(connection, opening.kinds, questions, seen),
        )
    return snapshot, acting, opening.kinds


def read_fingerprint(connection: Connection, opening: Opening, questions: Questions) -> str:
    """The template's fingerprint as it is now, within the caller's transaction."""
    answers = run(connection, [questions.template_rows(kind) for kind in opening.kinds])
    rows: list[Row] = []
    for kind, answer in zip(opening.kinds, answers, strict=True):
        rows.extend(_template_rows(kind, answer, opening)[0])
    return fingerprint(rows)


def _ask(
    connection: Connection, opening: Opening, questions: Questions
) -> tuple[tuple[Row, ...], tuple[Address, ...], tuple[State, ...], tuple[Collision, ...]]:
    asked: list[Statement] = []
    for kind in opening.kinds:
        unique = opening.catalog[kind.db_schema, kind.table].unique
        asked += [
            questions.template_rows(kind),
            states(questions, kind, unique),
            questions.twins(kind),
            questions.orphans(kind),
        ]
    in_the_way = [
        (kind, index.name, index.expressions, statement)
        for kind in opening.kinds
        for index in opening.catalog[kind.db_schema, kind.table].unique
        if (statement := questions.collisions(kind, index)) is not None
    ]
    answers = iter(run(connection, [*asked, *(statement for *_, statement in in_the_way)]))
    rows: list[Row] = []
    ambiguous: list[Address] = []
    seen: list[State] = []
    for kind in opening.kinds:
        own, found, twins, orphans = islice(answers, 4)
        known, doubled = _template_rows(kind, own, opening)
        rows += known
        ambiguous += doubled
        seen += _states(kind, found, questions, opening)
        wanted = {row.address for row in known}
        seen += [state for state in _grouped(kind, twins, "ambiguous") if state.address in wanted]
        seen += _grouped(kind, orphans, "live")
    collisions = [
        Collision(
            address=Address.of(kind.name, tuple(key)),
            organization=organization,
            index=name,
            columns=columns,
            other_id=other,
            other_organization=other_organization,
        )
        for (kind, name, columns, _), answer in zip(in_the_way, answers, strict=True)
        for *key, organization, other, other_organization in answer
    ]
    return tuple(rows), tuple(ambiguous), tuple(seen), tuple(collisions)


def _template_rows(kind: Kind, answer: Rows, opening: Opening) -> tuple[list[Row], list[Address]]:
    """The rows, and the addresses that stand twice with different values."""
    shape = opening.shapes[kind.name]
    found: dict[Address, Row] = {}
    doubled: list[Address] = []
    width = len(answer[0]) - len(kind.columns) if answer else 0
    for line in answer:
        row = Row(
            address=Address.of(kind.name, line[:width]),
            values={
                column.name: _decoded(kind, line[:width], column, text, shape)
                for column, text in zip(kind.columns, line[width:], strict=True)
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


def _states(kind: Kind, answer: Rows, questions: Questions, opening: Opening) -> list[State]:
    shape = opening.shapes[kind.name]
    width = len(questions.sources.key_names(kind))
    found = []
    for line in answer:
        key, fixed = line[:width], dict(zip(FIXED, line[width : width + len(FIXED)], strict=True))
        texts, organizations = line[width + len(FIXED) : -1], line[-1]
        values = {
            column.name: _decoded(kind, key, column, text, shape)
            for column, text in zip(kind.compared, texts, strict=True)
        }
        situation: Situation = "absent"
        if fixed["live"] is not None:
            situation = "live" if fixed["live"] else "dead"
        found.append(
            State(
                address=Address.of(kind.name, key),
                organizations=tuple(sorted(organizations)),
                situation=situation,
                owner=_owner(fixed),
                values=values if situation != "absent" else None,
                base=_VALUES.validate_python(parse(fixed["base"])) if fixed["base"] else None,
                placed=fixed["placed"],
                blocks=bool(fixed["blocks"]),
                author=_author(fixed),
            )
        )
    return found


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


def _grouped(kind: Kind, answer: Rows, situation: Situation) -> list[State]:
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


def _taken(
    connection: Connection, kinds: Kinds, questions: Questions, seen: Sequence[State]
) -> frozenset[str]:
    asked = []
    for kind in kinds:
        if kind.mint is None:
            continue
        candidates = [
            mint(kind.mint, questions.agent, organization, state.address, attempt)
            for state in seen
            if state.address.kind == kind.name and state.situation != "live"
            for organization in state.organizations
            for attempt in range(ATTEMPTS)
        ]
        if candidates:
            asked.append(questions.ids_in_use(kind, candidates))
    return frozenset(line[0] for answer in run(connection, asked) for line in answer)
