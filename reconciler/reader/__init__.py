"""Database -> Snapshot: the only room that reads tenants' rows.

Everything is read in one REPEATABLE READ READ ONLY transaction, so that a template published
meanwhile is seen whole or not at all, and each kind's questions travel in one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.database.connection import Connection, run, transaction
from reconciler.database.fit import refuse_operator
from reconciler.database.opening import Opening, open_database
from reconciler.database.platform import (
    authorise,
    find_actor,
    find_targets,
    find_template,
    refuse,
)
from reconciler.kinds import Kinds
from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.model.snapshot import Actor, Row, Snapshot, State
from reconciler.reader.answers import ask, template_rows
from reconciler.reader.decode import fingerprint
from reconciler.sql.questions import Questions
from reconciler.sql.source import Sources


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
        if acting.mode == "operator":
            refuse_operator(opening.kinds, opening.catalog)
        questions = Questions(
            Sources(opening.kinds, opening.shapes),
            found.agent_id,
            found.organization.id,
            ids,
            name,
        )
        rows, ambiguous, seen, collisions = ask(connection, opening, questions)
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
        rows.extend(template_rows(kind, answer, opening)[0])
    return fingerprint(rows)


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
