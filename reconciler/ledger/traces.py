"""What the ledger knows of one row, and of each installation: which revisions had to do with it.

A plan has megabytes, and PostgreSQL cannot look into one that holds a NUL escape. So the index of
the targets says which revisions can have touched a row, a search for the address in a plan's text
which of them speak of it, and only those plans are read: the newest first, and not without end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.ledger.history import numbered
from reconciler.model.address import Address
from reconciler.model.canonical import parse
from reconciler.model.snapshot import Standing
from reconciler.model.why import Touch

# How many revisions of an organisation are searched, from either end, how many of their plans are
# read, since one can speak of the row in other targets, and how many revisions are told.
SEARCHED: Final = 500
READ: Final = 50
TOLD: Final = 10
_AT_ONCE: Final = 20

# The planner does not know how long the lists of targets are (see `reconciler.ledger.history`).
_BY_INDEX: Final = Fixed("SELECT set_config('enable_seqscan', 'off', true)")
_FREELY: Final = Fixed("SELECT set_config('enable_seqscan', 'on', true)")
_CANDIDATES: Final = """
WITH found AS MATERIALIZED (
    SELECT id FROM reconcile.revision WHERE targets @> ARRAY[$1::text]
) SELECT id FROM found ORDER BY id DESC"""
_SPEAK: Final = """
SELECT r.id FROM reconcile.revision r CROSS JOIN LATERAL (SELECT r.plan::text OFFSET 0) AS p (told)
WHERE r.id = ANY($1)
  AND EXISTS (SELECT 1 FROM unnest($2::text[]) AS s (text) WHERE position(s.text IN p.told) > 0)
ORDER BY r.id DESC"""
_PLAN: Final = "SELECT r.plan::text FROM reconcile.revision r WHERE r.id = $1"
_PLACEMENT: Final = """
SELECT p.template_agent_id, p.template_organization_id, p.state, p.revision
FROM reconcile.placement p WHERE p.organization_id = $1 AND p.kind = $2 AND p.key = $3"""
_KEYS: Final = """
SELECT p.key FROM reconcile.placement p WHERE p.organization_id = $1 AND p.kind = $2"""
# An organisation's last revision is nearly always of the template in question.
_LAST: Final = """
SELECT w.template, w.organization, coalesce(r.id, o.id),
       to_char(l.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM unnest($1::text[], $2::text[]) AS w (template, organization)
JOIN reconcile.target t ON t.organization_id = w.organization AND t.revision IS NOT NULL
LEFT JOIN reconcile.revision r ON r.id = t.revision AND r.template_agent_id = w.template
LEFT JOIN LATERAL (
    SELECT max(x.id) AS id FROM reconcile.revision x
    WHERE r.id IS NULL AND x.targets @> ARRAY[w.organization] AND x.template_agent_id = w.template
) AS o ON true
JOIN reconcile.revision l ON l.id = coalesce(r.id, o.id)
"""


@dataclass(frozen=True)
class Placement:
    """What the ledger knows of an address."""

    template: str
    home: str
    state: Standing
    revision: int


@dataclass(frozen=True)
class Touches:
    """The revisions that changed a row, newest first.

    first  the first of them; None where too many would have had to be searched
    more   whether there may be others, beyond those that are told
    """

    told: tuple[Touch, ...]
    first: int | None
    more: bool


def placement(connection: Connection, organization: str, address: Address) -> Placement | None:
    """What the ledger knows of an address in an organisation."""
    asked = Fixed(_PLACEMENT, (organization, address.kind, list(address.key)))
    (rows,) = run(connection, [asked])
    return Placement(*rows[0]) if rows else None


def placed(connection: Connection, organization: str, kind: str) -> list[Address]:
    """All addresses of a kind that the ledger knows in an organisation."""
    (rows,) = run(connection, [Fixed(_KEYS, (organization, kind))])
    return [Address.of(kind, tuple(key)) for (key,) in rows]


def last_revisions(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, str]]:
    """The last revision, and when it was applied, by (template agent, organisation)."""
    asked = Fixed(_LAST, ([one for one, _ in pairs], [other for _, other in pairs]))
    (rows,) = run(connection, [asked])
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def touches(connection: Connection, organization: str, chain: Sequence[Address]) -> Touches:
    """The revisions that changed a row, under whatever name it had then.

    `chain` is its address, and those of the rows that it belongs to, the nearest first: where one
    of them was renamed, so was the row.
    """
    _, candidates, _ = run(connection, [_BY_INDEX, Fixed(_CANDIDATES, (organization,)), _FREELY])
    numbers = [row[0] for row in candidates]
    found: list[tuple[int, dict[str, Any], Address]] = []
    names = _Names(chain)
    unread = False
    for plans, number in enumerate(_speaking(connection, numbers[:SEARCHED], names)):
        if plans == READ:
            unread = True
            break
        changes = _changes(connection, number, organization, names)
        unread = unread or changes is None
        for change in changes or ():
            found.append((number, change, names.now))
            names.before(change)
        if len({one for one, *_ in found}) > TOLD:
            break
    shown = list(dict.fromkeys(number for number, *_ in found))[:TOLD]
    more = len(shown) < len({number for number, *_ in found}) or len(numbers) > SEARCHED or unread
    known = numbered(connection, shown)
    told = tuple(
        Touch(
            revision=known[number],
            action=change["action"],
            address=name,
            columns=tuple(field["column"] for field in change.get("fields", ())),
        )
        for number, change, name in found
        if number in known
    )
    first = told[-1].revision.number if told else None
    return Touches(told, _first(connection, numbers, organization, names) if more else first, more)


class _Names:
    """What a row, and what it belongs to, is called, and, further back, was called."""

    def __init__(self, chain: Sequence[Address]) -> None:
        self.chain = list(chain)

    @property
    def now(self) -> Address:
        return self.chain[0]

    def texts(self) -> list[str]:
        """What stands in a plan that changed the row, or renamed what it belongs to."""
        # In canonical text, what a row was called stands just before what it is called.
        return [f'"{self.now}"', *(f'", "address": "{one}"' for one in self.chain[1:])]

    def meant(self, change: dict[str, Any]) -> bool:
        address = change.get("address")
        return address == self.now or ("source" in change and address in self.chain)

    def before(self, change: dict[str, Any]) -> None:
        """Before it was renamed, a row had another name, and so had what belongs to it."""
        if "source" not in change:
            return
        source, to = Address(change["source"]), Address(change["address"])
        for place in range(self.chain.index(to) + 1):
            one = self.chain[place]
            self.chain[place] = Address.of(one.kind, source.key + one.key[len(to.key) :])


def _speaking(connection: Connection, numbers: Sequence[int], names: _Names) -> Iterator[int]:
    """Those revisions whose plan has the address in it, newest first."""
    for start in range(0, len(numbers), _AT_ONCE):
        left = list(numbers[start : start + _AT_ONCE])
        while left:
            name = names.now
            (rows,) = run(connection, [Fixed(_SPEAK, (left, names.texts()))])
            left = []
            for (number,) in rows:
                yield number
                if names.now != name:
                    left = [one for one in numbers[start : start + _AT_ONCE] if one < number]
                    break


def _changes(
    connection: Connection, number: int, organization: str, names: _Names
) -> list[dict[str, Any]] | None:
    """What the plan of a revision did to the row; None of a plan that cannot be read."""
    (rows,) = run(connection, [Fixed(_PLAN, (number,))])
    try:
        told = parse(rows[0][0])
        return [
            change
            for change in reversed(told["changes"])
            if names.meant(change) and organization in change["targets"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _first(
    connection: Connection, numbers: Sequence[int], organization: str, names: _Names
) -> int | None:
    """The first revision that changed the row, where it is among the oldest ones."""
    oldest = sorted(numbers)[:SEARCHED]
    plans = 0
    for start in range(0, len(oldest), _AT_ONCE):
        asked = Fixed(_SPEAK, (oldest[start : start + _AT_ONCE], names.texts()))
        (rows,) = run(connection, [asked])
        for (number,) in reversed(rows):
            plans += 1
            if plans > READ:
                return None
            if _changes(connection, number, organization, names):
                return int(number)
    return None
