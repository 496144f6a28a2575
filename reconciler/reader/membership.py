"""Of an install by reference: what the targets lack of the member in whose name it is made."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from reconciler.database.asking import ask
from reconciler.database.connection import Connection
from reconciler.database.members import membership_of
from reconciler.database.opening import Opening
from reconciler.differ.membership import addresses, kinds_of
from reconciler.kinds import Kinds
from reconciler.model.kind import Provided
from reconciler.model.plan import Plan
from reconciler.model.request import Request
from reconciler.model.snapshot import Actor, Snapshot
from reconciler.reader.answers import About
from reconciler.reader.closer import look
from reconciler.sql.asking import Asking


def concerned(kinds: Kinds, request: Request, undoing: Plan | None) -> Kinds:
    """The kinds that a request is about: members only where they may have to be made, or where
    what made them is undone.
    """
    known: Collection[str] = undoing.kinds if undoing else ()
    wanted = request.mode == "sync" and request.install == "reference"
    return tuple(kind for kind in kinds if not kind.provides or wanted or kind.name in known)


def with_members(
    snapshot: Snapshot,
    connection: Connection,
    opening: Opening,
    asked: Asking,
    about: About,
    actor: Actor,
) -> Snapshot:
    """The snapshot, with what is to be known of the actor, where members are concerned.

    An operator is nobody's member, whoever's the rows are that it writes.
    """
    if actor.user_id is None or len(kinds_of(opening.kinds)) < len(get_args(Provided)):
        return snapshot
    found = ask(connection, membership_of(actor.user_id, about.targets))
    places = [
        (target, address)
        for known in found.found
        for address in addresses(opening.kinds, found.person, known)
        for target in known.organizations
    ]
    states = look(connection, opening, asked, about, places) if places else []
    seen = (*snapshot.states, *states)
    return snapshot.model_copy(update={"membership": found, "states": seen})
