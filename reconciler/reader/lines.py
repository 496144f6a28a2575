"""The lines of an answer, as rows of the template and states of the targets."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from reconciler.database.asking import Rows
from reconciler.database.opening import Opening
from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.canonical import parse
from reconciler.model.kind import Column, Kind
from reconciler.model.snapshot import Author, Row, RowOwner, Situation, State
from reconciler.model.value import Value, Values
from reconciler.reader.decode import decode
from reconciler.sql.questions import Questions
from reconciler.sql.seen import FIXED

_VALUES = TypeAdapter(Values)


def base_values(text: str) -> Values:
    """The values that the ledger keeps of what was last applied."""
    return _VALUES.validate_python(parse(text))


def template_rows(kind: Kind, answer: Rows, opening: Opening) -> tuple[list[Row], list[Address]]:
    """The rows, and the addresses that stand twice with different values."""
    shape = opening.shapes[kind.name]
    found: dict[Address, Row] = {}
    doubled: list[Address] = []
    width = len(answer[0]) - len(kind.columns) - 1 if answer else 0
    for line in answer:
        row = Row(
            address=Address.of(kind.name, line[:width]),
            current=line[width],
            values={
                column.name: decoded(kind, line[:width], column, text, shape)
                for column, text in zip(kind.columns, line[width + 1 :], strict=True)
            },
        )
        if found.setdefault(row.address, row) != row:
            doubled.append(row.address)
    return list(found.values()), doubled


def decoded(
    kind: Kind, key: tuple[str, ...], column: Column, text: str | None, shape: dict[str, str]
) -> Value:
    """A column's value; raises ReconcilerError that names the row where it has none."""
    try:
        return decode(text, column, shape[column.name])
    except ValueError as error:
        raise ReconcilerError(
            f"{Address.of(kind.name, key)} cannot be planned: {column.name} {error}",
            hint="Correct the row, in the template or in the target that has it.",
        ) from error


def states_of(
    kind: Kind,
    answer: Rows,
    questions: Questions,
    opening: Opening,
    everywhere: tuple[str, ...] = (),
    *,
    orphan: bool = False,
) -> list[State]:
    """What the answer to a question of the shape of `reconciler.sql.seen` says.

    `everywhere` are the organisations that it was asked about, in the database's order.
    """
    shape = opening.shapes[kind.name]
    width = len(questions.sources.key_names(kind))
    found = []
    for line in answer:
        key, fixed = line[:width], dict(zip(FIXED, line[width : width + len(FIXED)], strict=True))
        *texts, organizations, ids = line[width + len(FIXED) :]
        situation = _situation(fixed)
        values = {
            column.name: decoded(kind, key, column, text, shape)
            for column, text in zip(kind.compared, texts, strict=True)
        }
        found.append(
            State(
                address=Address.of(kind.name, key),
                organizations=everywhere if organizations is None else tuple(organizations),
                situation=situation,
                owner=_owner(fixed),
                values=values if situation != "absent" else None,
                base=base_values(fixed["base"]) if fixed["base"] else None,
                ids=tuple(ids) if situation != "absent" else (),
                ledger=fixed["ledger"],
                kept=frozenset(fixed["kept"] or ()),
                revision=fixed["revision"],
                blocks=bool(fixed["blocks"]),
                revivable=bool(fixed["revivable"]),
                orphan=orphan,
                author=_author(fixed),
            )
        )
    return found


def _situation(fixed: dict[str, Any]) -> Situation:
    if fixed["live"] is None:
        return "absent"
    if not fixed["live"]:
        return "dead"
    return "live" if fixed["attached"] else "detached"


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


def grouped(kind: Kind, answer: Rows, situation: Situation) -> list[State]:
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
