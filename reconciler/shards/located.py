"""In which database those are who are named: each must be in exactly one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.database.connection import Connection, transaction
from reconciler.database.installations import identified
from reconciler.database.opening import open_ledger
from reconciler.errors import NotFoundError
from reconciler.model.selection import Selection
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.reader.selecting import Listed
from reconciler.shard_list import Databases, Shard
from reconciler.shards.everywhere import everywhere, refuse_doubled
from reconciler.target_list import called

_SHOWN: Final = 20


@dataclass(frozen=True)
class _Known:
    """A database, and the ids of those it has, by what was typed."""

    identity: DatabaseIdentity
    named: dict[str, str]
    excluded: dict[str, str]


def located(
    databases: Databases,
    selection: Selection,
    listed: Listed,
    also: Callable[[Connection], object] = lambda _: None,
) -> list[tuple[Shard, Selection]]:
    """The databases that are meant, and what of a selection is meant in each.

    Where somebody is named, those in which they are; where not, all. `also` is asked of each, and
    raises what it has to say. Raises NotFoundError for a name that no database knows, or several.
    """
    typed = list(dict.fromkeys((*selection.targets, *listed)))

    def look(_: Shard, connection: Connection) -> _Known:
        with transaction(connection, read_only=True):
            identity = open_ledger(connection)
            named, excluded = (
                {name: one for name, one in ids.items() if one is not None}
                for ids in identified(connection, typed, selection.exclude)
            )
            if named or not selection.names:
                also(connection)
            return _Known(identity, named, excluded)

    known = everywhere(databases.shards, look)
    refuse_doubled(databases, [one.identity for one in known])
    _refuse_unknown(known, typed, selection, listed)
    _refuse_several(databases, known, typed)
    return [
        (
            shard,
            Selection(
                targets=tuple(dict.fromkeys(one.named.values())),
                installed=selection.installed,
                where=selection.where,
                exclude=tuple(dict.fromkeys(one.excluded.values())),
            ),
        )
        for shard, one in zip(databases.shards, known, strict=True)
        if one.named or not selection.names
    ]


def _refuse_unknown(
    known: Sequence[_Known], typed: Sequence[str], selection: Selection, listed: Listed
) -> None:
    places = {
        name: "" if name in selection.targets else f" ({_file(selection)}, line {listed[name]})"
        for name in typed
        if not any(name in one.named for one in known)
    }
    places |= {
        name: " (--exclude)"
        for name in selection.exclude
        if not any(name in one.excluded for one in known)
    }
    if places:
        raise NotFoundError(
            "there is no organisation "
            + _some([f"{name!r}{place}" for name, place in places.items()])
            + f" in any of the {len(known)} databases",
            hint="Name organisations by their id or slug.",
        )


def _refuse_several(databases: Databases, known: Sequence[_Known], typed: Sequence[str]) -> None:
    doubled = []
    for name in typed:
        where = [
            f"{shard.name} ({one.named[name]})"
            for shard, one in zip(databases.shards, known, strict=True)
            if name in one.named
        ]
        if len(where) > 1:
            doubled.append(f"{name!r} is in {' and in '.join(where)}")
    if doubled:
        raise NotFoundError(
            "an organisation that is named has to be in one database:\n  "
            + "\n  ".join([*doubled[:_SHOWN], *(["..."] if len(doubled) > _SHOWN else [])]),
            hint="1. Where the ids differ, name it by its id.\n"
            "2. Or name a file with those databases that are meant.",
        )


def _file(selection: Selection) -> str:
    return called(selection.targets_from or "")


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
