"""The fence as a script: policies that bind what an apply writes to the plan's targets.

A policy that restricts holds whatever other policies allow. These let every row be read, and check
what is written: a row that would lie elsewhere is an error, where a filter would pass it over in
silence. What places a row in its organisation can never be updated, so the new row tells where the
old one was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.kinds import Kinds
from reconciler.kinds.predicate import parse_predicate
from reconciler.model.fence import OPEN, POLICIES, SETTING, TARGETS
from reconciler.model.kind import Kind
from reconciler.model.table import Catalog
from reconciler.sql.grants import comment, grants, quoted
from reconciler.sql.rights import Rights
from reconciler.sql.tree import DIALECT, with_alias

Pair = tuple[str, str]

_TARGETS: Final = f"(SELECT unnest(nullif(current_setting('{TARGETS}', true), '')::text[]))"


@dataclass(frozen=True)
class Fencing:
    """What is known of the fence in a database.

    role     who writes behind it
    exists   whether the server has that role
    closed   tables on which row-level security is on, be it by this fence or by somebody else's
    opened   those of them on which it is on for this fence only
    """

    role: str
    exists: bool
    closed: frozenset[Pair]
    opened: frozenset[Pair]


def fenced(kinds: Kinds) -> list[Pair]:
    """The tables that an apply writes rows to, each once."""
    return list(dict.fromkeys((one.db_schema, one.table) for one in written(kinds)))


def written(kinds: Kinds) -> list[Kind]:
    """The kinds whose rows an apply writes, and those that follow them."""
    return [one for kind in kinds for one in (*([kind] if kind.mirrored else []), *kind.followers)]


def pointed_at(kinds: Kinds) -> list[Pair]:
    """The tables whose rows are only referred to: behind the fence, they are read."""
    found = dict.fromkeys((one.db_schema, one.table) for one in kinds)
    return [one for one in found if one not in fenced(kinds)]


def fixed(kinds: Kinds) -> list[tuple[str, str, str]]:
    """Schema, table and column: what places a row in its organisation; '' where none is written."""
    return [(*pair, "") for pair in pointed_at(kinds)] + [
        (kind.db_schema, kind.table, column)
        for kind in written(kinds)
        for column in (kind.scope, kind.parent.column if kind.parent else None)
        if column
    ]


def up(
    fence: Fencing, kinds: Kinds, catalog: Catalog, tables: Sequence[Rights], applier: str
) -> Iterator[list[str]]:
    """The blocks of the script that put the fence up."""
    role, schemas = quoted(fence.role), sorted({one.db_schema for one in tables})
    yield [
        *comment(
            f"The fence. What an apply writes to rows, it writes as {fence.role}, and the policies "
            "below let that role write in the plan's targets only. Everybody else goes on as "
            f"before: where row-level security was off, by the policy {OPEN}. But readers with "
            "row_security = off (reconcile, pg_dump) need to own the tables, or BYPASSRLS, from "
            "now on; so does the reader: ALTER ROLE reconcile_reader BYPASSRLS;"
        ),
        # What waits for a lock on a table makes everybody else wait.
        "SET LOCAL lock_timeout = '5s';",
        *([] if fence.exists else [f"CREATE ROLE {role} NOLOGIN;"]),
        f"GRANT {role} TO {quoted(applier)};",
        *(f"GRANT USAGE ON SCHEMA {quoted(one)} TO {role};" for one in schemas),
    ]
    for one in tables:
        pair = (one.db_schema, one.name)
        table = f"{quoted(one.db_schema)}.{quoted(one.name)}"
        lying = [kind for kind in written(kinds) if (kind.db_schema, kind.table) == pair]
        yield [*comment(f"{one.db_schema}.{one.name}"), *grants(one, role)]
        if not lying:
            if pair in fence.closed:
                yield [
                    f"DROP POLICY IF EXISTS {OPEN} ON {table};",
                    f"CREATE POLICY {OPEN} ON {table} FOR SELECT TO {role} USING (true);",
                ]
            continue
        everybody = pair not in fence.closed or pair in fence.opened
        yield [
            *_policies(table, role, _lies(lying, kinds, catalog)),
            f"DROP POLICY IF EXISTS {OPEN} ON {table};",
            f"CREATE POLICY {OPEN} ON {table} TO {'PUBLIC' if everybody else role}",
            "    USING (true) WITH CHECK (true);",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
        ]
    yield [
        *comment("From here on, an apply goes behind the fence, or nowhere."),
        *_set("true"),
    ]


def down(fence: Fencing, kinds: Kinds) -> Iterator[list[str]]:
    """The blocks of the script that take the fence down again."""
    lines = ["SET LOCAL lock_timeout = '5s';", *_set("false")]
    for pair in fenced(kinds):
        table = ".".join(map(quoted, pair))
        lines += [f"DROP POLICY IF EXISTS {one} ON {table};" for one in (*POLICIES.values(), OPEN)]
        if pair in fence.opened:
            lines.append(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;")
    for pair in pointed_at(kinds):
        lines.append(f"DROP POLICY IF EXISTS {OPEN} ON {'.'.join(map(quoted, pair))};")
    yield [
        *comment(
            "The fence comes down. Row-level security goes off where it was on for the fence alone."
        ),
        *lines,
    ]
    if fence.exists:
        yield [
            *comment("Where no other database of the server has a fence:"),
            f"-- DROP OWNED BY {quoted(fence.role)}; DROP ROLE {quoted(fence.role)};",
        ]


def _policies(table: str, role: str, lies: str) -> Iterator[str]:
    for command, policy in POLICIES.items():
        yield f"DROP POLICY IF EXISTS {policy} ON {table};"
        yield f"CREATE POLICY {policy} ON {table} AS RESTRICTIVE FOR {command} TO {role}"
        yield f"    {'' if command == 'INSERT' else 'USING (true) '}WITH CHECK ("
        yield f"        {lies}"
        yield "    );"


def _set(value: str) -> list[str]:
    return [
        "INSERT INTO reconcile.setting (name, value)",
        f"    VALUES ('{SETTING}', '{value}')",
        "    ON CONFLICT (name) DO UPDATE SET value = excluded.value;",
    ]


def _lies(written: Sequence[Kind], kinds: Kinds, catalog: Catalog) -> str:
    """Whether a row of a table lies in a target, whichever of the table's kinds it is of."""
    named = {kind.name: kind for kind in kinds}
    ways = [(kind, _way(kind, quoted(kind.table), named, catalog)) for kind in written]
    if len({way for _, way in ways}) == 1:
        return ways[0][1]
    return "\n        OR ".join(dict.fromkeys(f"({_where(kind)}{way})" for kind, way in ways))


def _where(kind: Kind) -> str:
    if not kind.where:
        return ""
    return f"({with_alias(parse_predicate(kind.where), kind.table).sql(DIALECT)}) AND "


def _way(
    kind: Kind, alias: str, kinds: Mapping[str, Kind], catalog: Catalog, depth: int = 1
) -> str:
    """Whether the row under an alias lies in a target: by its own column, or by its parent."""
    if kind.scope:
        text = catalog[kind.db_schema, kind.table].columns[kind.scope].type == "text"
        return f"{alias}.{quoted(kind.scope)}{'' if text else '::text'} IN {_TARGETS}"
    assert kind.parent is not None
    parent, above = kinds[kind.parent.kind], f"p{depth}"
    # A list that depends on no row, so that it is made and hashed once a statement.
    lines = (
        f"{alias}.{quoted(kind.parent.column)} IN (SELECT {above}.{quoted(parent.id)}",
        f"FROM {quoted(parent.db_schema)}.{quoted(parent.table)} AS {above}",
        f"WHERE {_way(parent, above, kinds, catalog, depth + 1)})",
    )
    return "\n        ".join(lines)
