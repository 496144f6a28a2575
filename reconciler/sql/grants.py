"""Grants as a script for psql, in the order in which a person reads them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reconciler.sql.guard import LEDGER
from reconciler.sql.rights import LEDGER_WRITES, Rights

Part = Literal["reader", "applier"]
Way = Literal["up", "down"]
# What the roles are called unless somebody says otherwise.
ROLES: Final[dict[Part, str]] = {"reader": "reconcile_reader", "applier": "reconcile_applier"}

_WIDTH: Final = 96
_FOR: Final[dict[Part, str]] = {
    "reader": "to plan, and to look: plan, show, status, why, history. It writes nothing.",
    "applier": "to apply: all that reading needs, and what the kinds let an apply write.",
}
_FENCED: Final[dict[Way | None, str]] = {
    None: "",
    "up": " In the end the fence goes up.",
    "down": " In the end the fence comes down.",
}


@dataclass(frozen=True)
class Grantee:
    """Whom the script is for, and what is known of the database that it is made for.

    exists    whether the server has the role
    sees_all  whether row-level security does not concern it
    hidden    the tables on which row-level security is on, or will be
    ledger    the ledger's tables
    fence     what becomes of the fence, if anything
    """

    part: Part
    role: str
    database: str
    exists: bool
    sees_all: bool
    hidden: tuple[str, ...]
    ledger: tuple[str, ...]
    fence: Way | None = None


def script(to: Grantee, tables: Sequence[Rights], more: Iterable[list[str]]) -> str:
    """The whole script, with more blocks at its end: one transaction, which may run again."""
    blocks = (*_blocks(to, tables), *more, ["COMMIT;"])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _blocks(to: Grantee, tables: Sequence[Rights]) -> Iterator[list[str]]:
    role = quoted(to.role)
    yield [
        *comment(f"What {to.role} needs {_FOR[to.part]}"),
        *comment(
            f"Made from the kinds and the catalog of the database {to.database}. Read it, and run "
            "it with psql as a superuser, or as whoever owns the database, its tables and the "
            "ledger, and may create roles. Nothing that the role was granted before is taken back."
            f"{_FENCED[to.fence]}"
        ),
        "\\set ON_ERROR_STOP on",
        "BEGIN;",
    ]
    yield list(_role(to))
    schemas = sorted({LEDGER, *(one.db_schema for one in tables)})
    yield [
        f"GRANT CONNECT ON DATABASE {quoted(to.database)} TO {role};",
        *(f"GRANT USAGE ON SCHEMA {quoted(one)} TO {role};" for one in schemas),
    ]
    yield [
        *comment("The ledger: what was applied, and how reconcile is set up."),
        *(f"GRANT SELECT ON {quoted(LEDGER)}.{quoted(one)} TO {role};" for one in to.ledger),
        *(
            f"GRANT {', '.join(LEDGER_WRITES[one])} ON {quoted(LEDGER)}.{quoted(one)} TO {role};"
            for one in to.ledger
            if to.part == "applier" and one in LEDGER_WRITES
        ),
    ]
    for one in tables:
        yield [
            *comment(f"{one.db_schema}.{one.name}: {', '.join(one.whose)}"),
            *_notes(one),
            *grants(one, role),
        ]


def _role(to: Grantee) -> Iterator[str]:
    role = quoted(to.role)
    if not to.exists:
        yield from comment("How it proves who it is, is for you to add: a password, a certificate.")
        yield f"CREATE ROLE {role} LOGIN;"
    if to.hidden and not to.sees_all:
        yield from comment(
            f"Row-level security is on ({', '.join(to.hidden)}). A plan that saw but some of the "
            "rows would be wrong, so whoever reads has to see them all; columns and tables that "
            "are not granted below stay closed. This takes a superuser:"
        )
        yield f"ALTER ROLE {role} BYPASSRLS;"
    yield from comment(
        "Only whoever works without --as, in the name of no user, belongs to the operators (the "
        "setting operator_role):"
    )
    yield from comment(f"GRANT reconcile_operator TO {role};")


def _notes(one: Rights) -> Iterator[str]:
    if secret := one.columns(one.secret):
        yield from comment(
            f"Sensitive ({', '.join(secret)}): read inside the database, to be digested; it "
            "travels nowhere."
        )
    others = one.columns(set(one.order) - one.select)
    if (one.db_schema, one.name) == ("public", "organization") and others:
        yield from comment(
            "Who is to select targets by other columns (--where) needs SELECT on those, too: "
            + ", ".join(map(quoted, others))
        )


def grants(one: Rights, role: str) -> Iterator[str]:
    """The grants of one table to a role, whose name is quoted already."""
    table = f"{quoted(one.db_schema)}.{quoted(one.name)}"
    for right, names in (("SELECT", one.select), ("INSERT", one.insert), ("UPDATE", one.update)):
        if columns := one.columns(names):
            short = f"GRANT {right} ({', '.join(map(quoted, columns))}) ON {table} TO {role};"
            if len(short) <= _WIDTH:
                yield short
            else:
                yield f"GRANT {right} ("
                yield from _lines([quoted(column) for column in columns])
                yield f") ON {table} TO {role};"
    # Their names come from the catalog, quoted as needed.
    for sequence in sorted(one.sequences):
        yield f"GRANT USAGE ON SEQUENCE {sequence} TO {role};"


def comment(text: str) -> Iterator[str]:
    """Text as comments, which no name in it can end."""
    told = "".join(one if one.isprintable() else " " for one in text)
    for line in textwrap.wrap(told, _WIDTH - 3):
        yield f"-- {line}"


def quoted(name: str) -> str:
    """A name as PostgreSQL reads it, whatever is in it; what a terminal would obey is escaped."""
    plain = '"' + name.replace('"', '""') + '"'
    if plain.isprintable():
        return plain
    told = plain.replace("\\", "\\\\")
    return "U&" + "".join(one if one.isprintable() else f"\\+{ord(one):06X}" for one in told)


def _lines(names: Sequence[str]) -> Iterator[str]:
    """Names in lines of about the same length; a name is never broken."""
    line = "   "
    for place, name in enumerate(names, 1):
        told = f" {name}," if place < len(names) else f" {name}"
        if len(line) + len(told) > _WIDTH and line.strip():
            yield line
            line = "   "
        line += told
    yield line
