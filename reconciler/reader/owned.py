"""Live rows by whom they belong to, and by their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reconciler.database.asking import run
from reconciler.database.connection import Connection
from reconciler.model.address import Address
from reconciler.model.kind import Kind
from reconciler.sql import owned
from reconciler.sql.asking import Asking

# Enough to find what was meant among them.
_KEYS = 5000


def count_owned(
    connection: Connection, asked: Asking, organizations: Sequence[str] | None
) -> Counter[tuple[str, str]]:
    """How many live rows bear which template agent's tag, by (organisation, agent)."""
    statements = [
        owned.owned(asked.questions, kind, organizations) for kind in asked.kinds if kind.owner
    ]
    found: Counter[tuple[str, str]] = Counter()
    for answer in run(connection, statements):
        for organization, agent, rows in answer:
            found[organization, agent] += rows
    return found


def addresses(
    connection: Connection, asked: Asking, kind: Kind, organization: str
) -> list[Address]:
    """The live rows of a kind that an organisation has."""
    (found,) = run(connection, [owned.keys(asked.questions, kind, organization, _KEYS)])
    return [Address.of(kind.name, tuple(key)) for key in found]
