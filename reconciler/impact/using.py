"""The rows that are of a catalog's types, and what would become of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.database import catalog_use
from reconciler.database.connection import Connection
from reconciler.impact.judge import Judge, Verdict, judging
from reconciler.impact.tally import Tally, Used
from reconciler.impact.types import Changed
from reconciler.model.address import Address
from reconciler.progress import tell


def look(connection: Connection, changed: Sequence[Changed]) -> dict[Address, Tally]:
    """What is found of each type.

    Raises ReconcilerError where nobody could judge by a schema as it is to be.
    """
    judges = judging(changed)
    for kind in ("entity_type", "relationship_type"):
        # Each table has ids of its own.
        here = {
            one.changed.now.id: one
            for one in judges
            if one.changed.address.kind == kind
            and one.changed.now is not None
            and one.changed.now.id is not None
        }
        tell("comparing", what=f"what is of each {kind.replace('_', ' ')}")
        _count(connection, kind, {of: one for of, one in here.items() if not one.looks})
        _judge(connection, kind, {of: one for of, one in here.items() if one.looks})
    return {one.changed.address: one.tally for one in judges}


def _count(connection: Connection, kind: str, judges: Mapping[int, Judge]) -> None:
    if not judges:
        return
    for lines in catalog_use.counted(connection, kind, list(judges)):
        for of, whose, rows, ids in lines:
            judges[of].tally.rows[whose] += rows
            if judges[of].changed.then is None:
                judges[of].tally.broken[whose] += rows
                judges[of].tally.add(whose, Used(), rows, ids)


def _judge(connection: Connection, kind: str, judges: Mapping[int, Judge]) -> None:
    if not judges:
        return
    verdict = Verdict()
    for lines in catalog_use.contents(connection, kind, list(judges)):
        for of, whose, source, target, rows, ids, first, text in lines:
            if first:
                if text is None:
                    text = catalog_use.alone(connection, kind, ids[0])
                verdict = judges[of].verdict(text)
            judges[of].count(verdict, whose, source, target, rows, ids)
