"""What rows that give way take, and which of the template's rows would be left as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.database.asking import run
from reconciler.database.connection import Connection
from reconciler.model.kind import Kind
from reconciler.sql.asking import Asking
from reconciler.sql.owned import owned
from reconciler.sql.weigh import weights


@dataclass(frozen=True)
class Weight:
    """Rows of a kind, or parts of such rows, in one organisation."""

    kind: str
    organization: str
    part: bool
    rows: int
    bytes: int


def weigh(connection: Connection, asked: Asking, rows: Mapping[str, Sequence[str]]) -> list[Weight]:
    """What the rows with these ids take, by the name of their kind; in one round trip."""
    sources = asked.questions.sources
    questions = [
        (name, part, statement)
        for name, ids in rows.items()
        for part, statement in weights(sources, sources.kinds[name], ids)
    ]
    answers = run(connection, [statement for *_, statement in questions])
    return [
        Weight(name, organization, part.name != name, number, int(size))
        for (name, part, _), answer in zip(questions, answers, strict=True)
        for organization, number, size in answer
    ]


def count_left(
    connection: Connection, asked: Asking, template: str, organizations: Sequence[str]
) -> dict[str, Counter[str]]:
    """The template's live rows of kinds that are only had as copies: by kind and organisation."""
    kinds = [kind for kind in asked.kinds if _only_copied(kind)]
    answers = run(connection, [owned(asked.questions, kind, organizations) for kind in kinds])
    found: dict[str, Counter[str]] = {kind.name: Counter() for kind in kinds}
    for kind, answer in zip(kinds, answers, strict=True):
        for organization, agent, rows in answer:
            if agent == template:
                found[kind.name][organization] += rows
    return found


def _only_copied(kind: Kind) -> bool:
    return kind.owner is not None and kind.mirrored and not kind.pointers
