"""Database -> Snapshot: the only room that reads tenants' rows.

Everything is read in one REPEATABLE READ READ ONLY transaction, so that a template published
meanwhile is seen whole or not at all, and each kind's questions travel in one round trip.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.database.connection import Connection, run, transaction
from reconciler.database.fit import signed
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
from reconciler.queries import inside
from reconciler.reader.answers import About, ask, template_rows
from reconciler.reader.decode import fingerprint
from reconciler.sql.asking import Asking, asking


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
        about = About(found.agent_id, found.organization.id, ids, name)
        asked = asking(opening.kinds, opening.shapes, opening.uniques, named=name is not None)
        rows, ambiguous, seen, collisions = ask(connection, opening, asked, about)
        taken, named = _known(connection, asked, about, rows, seen)
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
            taken=taken,
            named=named,
            left_out=opening.left_out,
            signed=signed(opening.kinds, opening.catalog),
        )
    return snapshot, acting, opening.kinds


def read_fingerprint(connection: Connection, opening: Opening, about: About) -> str:
    """The template's fingerprint as it is now, within the caller's transaction."""
    asked = asking(opening.kinds, opening.shapes, opening.uniques, named=False)
    answers = about.ask(connection, asked.template)
    rows: list[Row] = []
    for kind, answer in zip(opening.kinds, answers, strict=True):
        rows.extend(template_rows(kind, answer, opening)[0])
    return fingerprint(rows)


def _known(
    connection: Connection,
    asked: Asking,
    about: About,
    rows: Sequence[Row],
    seen: Sequence[State],
) -> tuple[frozenset[str], frozenset[str]]:
    """Which ids that could be minted are in use, and which texts in SQL name an organisation."""
    minted = [
        asked.questions.ids_in_use(kind, candidates)
        for kind in asked.kinds
        if kind.mint is not None and (candidates := _candidates(kind.mint, kind.name, about, seen))
    ]
    moving = {state.address for state in seen}
    named_kinds = {kind.name: kind for kind in asked.kinds}
    constants = {
        text
        for row in rows
        if row.address in moving
        for *_, query in inside(named_kinds[row.address.kind], row.values)
        for text in query.literals
    }
    if constants:
        minted.append(asked.questions.organizations(sorted(constants)))
    answers = [frozenset(line[0] for line in answer) for answer in run(connection, minted)]
    named = answers.pop() if constants else frozenset()
    return frozenset().union(*answers), named


def _candidates(prefix: str, kind: str, about: About, seen: Sequence[State]) -> list[str]:
    return [
        mint(prefix, about.agent, organization, state.address, attempt)
        for state in seen
        if state.address.kind == kind and state.situation != "live"
        for organization in state.organizations
        for attempt in range(ATTEMPTS)
    ]
