"""Which templates are installed somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler import target_list
from reconciler.database.connection import Database
from reconciler.database.installations import installations
from reconciler.insight.looking import look
from reconciler.model.selection import Selection
from reconciler.model.snapshot import Template
from reconciler.reader.selecting import organizations


def templates(
    database: Database, targets: Sequence[str] | Selection = (), *, kinds: Path | None = None
) -> tuple[Template, ...]:
    """The templates of which an agent is installed, in some organisations or in any, by name.

    Private ones, and those that are installed themselves, are among them, though nothing can be
    planned with them. Raises NotFoundError for an unknown organisation.
    """
    selection, listed = target_list.read(targets)
    with look(database, kinds) as looking:
        here = organizations(looking.connection, selection, listed)
        agents = {one.template for one in installations(looking.connection, None, here)}
        found = [looking.template(agent) for agent in sorted(agents)]
    return tuple(sorted(found, key=lambda one: (one.name, one.agent_id)))
