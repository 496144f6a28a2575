"""Database -> Snapshot: the only room that reads tenants' rows.

Everything is read in one REPEATABLE READ READ ONLY transaction, so that a template published
meanwhile is seen whole or not at all, and each kind's questions travel in one round trip.
"""

from __future__ import annotations

from reconciler.database.asking import Batch
from reconciler.database.connection import Connection, transaction
from reconciler.database.opening import Opening, begin, identifying
from reconciler.database.platform import actor_of, authorising, targets_of
from reconciler.database.templates import find_applied, refuse, refuse_itself, template_of
from reconciler.kinds import Kinds
from reconciler.model.plan import Plan
from reconciler.model.request import Request
from reconciler.model.snapshot import Actor, Snapshot, Target, Template
from reconciler.progress import tell
from reconciler.reader import selecting
from reconciler.reader.answers import questions_for
from reconciler.reader.following import coming_back, going_back
from reconciler.reader.membership import concerned, with_members
from reconciler.reader.reading import Reading
from reconciler.reader.referring import brought
from reconciler.reader.selecting import Listed
from reconciler.sql.asking import Asking


def read(
    connection: Connection,
    kinds: Kinds,
    request: Request,
    undoing: Plan | None = None,
    listed: Listed | None = None,
) -> tuple[Snapshot, Actor, Kinds]:
    """Read what a request is about, as it is at one instant.

    `listed` are the names in the file of targets that the request speaks of.

    To install or bring up to date: the template's rows, and what the targets' rows look like
    beside them. To uninstall or release: the rows of ours. To undo: what stands where the plan
    that was applied, `undoing`, changed something.

    Returns the snapshot, the actor, and the kinds as this release of the database has them.
    Raises NotFoundError, RefusedError, NotAuthorisedError, or what `open_database` raises.
    """
    kinds = concerned(kinds, request, undoing)
    with transaction(connection, read_only=True):
        first = Batch()
        opened = begin(first, kinds, identifying(first))
        actor = first.ask(actor_of(request.actor))
        found = first.ask(template_of(request.template)) if _from_template(request) else None
        first.send(connection)
        opening = opened()
        asked = questions_for(opening, ())
        template = found() if found else _template(connection, request, undoing, asked)
        acting = actor()
        meant = selecting.targets(connection, request, listed or {}, template, asked, undoing)
        second = Batch()
        referring = opening.referring is not None
        told = second.ask(targets_of(meant, template, referring=referring))
        may = second.ask(authorising(acting, meant))
        second.send(connection)
        targets = told()
        (refuse if _from_template(request) else refuse_itself)(template, targets)
        may()
        tell("comparing", what=f"{len(targets)} targets")
        reading = Reading(connection, opening, request, template, targets)
        if undoing is not None:
            undoing = undoing.within(reading.about.targets)
            snapshot = going_back(reading, undoing, reading.undone(undoing))
        elif reading.about.whole:
            snapshot = reading.held()
            if read := [one for one in targets if one.reads is not None]:
                snapshot = coming_back(reading, snapshot, read)
        else:
            snapshot = brought(connection, opening, request, template, targets)
            snapshot = with_members(
                snapshot, connection, opening, reading.asked, reading.about, acting
            )
    return snapshot, acting, opening.kinds


def observe(
    connection: Connection,
    opening: Opening,
    request: Request,
    template: Template,
    targets: tuple[Target, ...],
) -> Snapshot:
    """What bringing targets up to date is about, for whoever only looks and never applies.

    In the caller's transaction, and in nobody's name: reading is up to what the database lets
    read. Raises RefusedError for what `read` would refuse.
    """
    refuse(template, targets)
    return brought(connection, opening, request, template, targets)


def _from_template(request: Request) -> bool:
    """Whether the template must be there: what was applied from it may be left without it."""
    return request.mode in ("sync", "refresh")


def _template(
    connection: Connection, request: Request, undoing: Plan | None, asked: Asking
) -> Template:
    if undoing is not None:
        return undoing.template
    return find_applied(connection, request.template, asked.questions.owners(request.template))
