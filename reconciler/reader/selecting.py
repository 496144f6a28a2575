"""Which organisations somebody means: names, a condition and installations become ids.

Set-based: the number of round trips does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import psycopg

from reconciler.database.asking import run
from reconciler.database.catalog import inspect
from reconciler.database.connection import Connection
from reconciler.database.installations import identified
from reconciler.errors import NobodyLeftError, NotFoundError, ReconcilerError
from reconciler.model.plan import Plan
from reconciler.model.request import Request
from reconciler.model.selection import Selection
from reconciler.model.snapshot import Template
from reconciler.reader.owned import count_owned
from reconciler.sql.asking import Asking
from reconciler.sql.selected import TABLE, Wanted, condition_on, selected
from reconciler.target_list import called

# The lines of a file by the names in them.
Listed = Mapping[str, int]

_SHOWN: Final = 20
_ROOM: Final = 200
_QUOTES: Final = "Texts stand in single quotes ('pro'), names with capitals in double quotes."


def targets(
    connection: Connection,
    request: Request,
    listed: Listed,
    template: Template,
    asked: Asking,
    undoing: Plan | None,
) -> list[str]:
    """The ids of the organisations that a request is about; names that need no more stay names.

    Nobody where no organisation fits a question. Raises NotFoundError for unknown names, and where
    nobody is left of those who are named.
    """
    if undoing is not None:
        return _undone(connection, request, listed, undoing)
    selection = request.selection
    if not (selection.narrows or listed):
        return list(selection.targets)
    leaves = request.mode in ("destroy", "release")
    # A condition alone says who is to have the template; whoever never had it has nothing to lose.
    has_it = selection.installed or not (selection.names or request.mode == "sync")
    among, beside = _named(connection, selection, listed, {})
    left: list[str] = []
    if has_it and leaves:
        rows = count_owned(connection, asked, among)
        left = [organization for organization, agent in rows if agent == template.agent_id]
    if not selection.names:
        beside = [*beside, template.organization.id]
    wanted = Wanted(
        among=among,
        beside=beside,
        agent=template.agent_id if has_it else None,
        left=sorted(left),
        private=not (selection.names or has_it),
    )
    return _chosen(connection, selection, listed, wanted)


def _undone(connection: Connection, request: Request, listed: Listed, applied: Plan) -> list[str]:
    """The ids of those targets of a plan that was applied in which it is to be taken back.

    Raises NotFoundError for a name that is none of them, too.
    """
    selection = request.selection
    known = {target.organization.id: target.organization.slug for target in applied.targets}
    if not (selection.names or selection.narrows):
        return list(known)
    among, beside = _named(connection, selection, listed, known)
    if foreign := sorted(set(among or ()) - known.keys()):
        raise NotFoundError(
            f"revision {request.revision} did not reach {_some(foreign)}",
            hint=f"`reconcile show {request.revision}` names its targets.",
        )
    wanted = Wanted(among=among if among is not None else sorted(known), beside=beside)
    if selection.where is None:
        # Nobody is looked up: an organisation that is gone can be left out by its id.
        found = [one for one in wanted.among or () if one not in frozenset(beside)]
        return _somebody(selection, listed, found)
    return _chosen(connection, selection, listed, wanted)


def organizations(connection: Connection, selection: Selection, listed: Listed) -> list[str] | None:
    """The ids of the organisations that are meant, whatever is installed there; None for all."""
    if not (selection.names or selection.where is not None or selection.exclude):
        return None
    among, beside = _named(connection, selection, listed, {})
    return _chosen(connection, selection, listed, Wanted(among=among, beside=beside))


def _named(
    connection: Connection, selection: Selection, listed: Listed, known: Mapping[str, str]
) -> tuple[list[str] | None, list[str]]:
    """The ids of those that are named (None where nobody is), and of those that are excluded.

    Raises NotFoundError that lists unknown ones, and where they stand; `known` may be gone.
    """
    typed = dict.fromkeys((*selection.targets, *listed))
    found, without = identified(connection, list(typed), selection.exclude)
    for ids in (found, without):
        ids.update({name: name for name, one in ids.items() if one is None and name in known})
    unknown = [_where(name, selection, listed) for name in typed if found[name] is None]
    unknown += [f"{name!r} (--exclude)" for name in without if without[name] is None]
    if unknown:
        raise NotFoundError(
            f"there is no organisation {_listed(unknown)}",
            hint="Name organisations by their id or slug.",
        )
    among = sorted({one for one in found.values() if one is not None}) if selection.names else None
    return among, sorted({one for one in without.values() if one is not None})


def _where(name: str, selection: Selection, listed: Listed) -> str:
    if name in selection.targets:
        return repr(name)
    return f"{name!r} ({called(selection.targets_from or '')}, line {listed[name]})"


def _chosen(
    connection: Connection, selection: Selection, listed: Listed, wanted: Wanted
) -> list[str]:
    if selection.where is not None:
        catalog = inspect(connection, (TABLE,))
        columns = catalog[TABLE].columns if TABLE in catalog else {}
        try:
            condition = condition_on(selection.where, columns)
        except ValueError as error:
            raise _no_condition(selection.where, str(error)) from error
        wanted = replace(wanted, condition=condition)
    try:
        (rows,) = run(connection, [selected(wanted)])
    except (psycopg.DataError, psycopg.ProgrammingError) as error:
        if selection.where is None or isinstance(error, psycopg.errors.InsufficientPrivilege):
            raise
        why = error.diag.message_primary or str(error)
        raise _no_condition(selection.where, f"PostgreSQL says: {why}") from error
    return _somebody(selection, listed, [row[0] for row in rows])


def _somebody(selection: Selection, listed: Listed, found: list[str]) -> list[str]:
    """Those that were found; raises NotFoundError where somebody was named and nobody is left."""
    if selection.names and not found:
        number = len({*selection.targets, *listed})
        reasons = [
            *(["--installed"] if selection.installed else []),
            *([f"--where {selection.where!r}"] if selection.where is not None else []),
            *(["--exclude"] if selection.exclude else []),
        ]
        raise NobodyLeftError(
            f"nobody is left of the {number} organisation{'s' * (number > 1)} that "
            f"{'are' if number > 1 else 'is'} named: {' and '.join(reasons)} "
            f"rule{'s' * (len(reasons) == 1)} out every one",
            hint="Name others, or ask for less.",
        )
    return found


def _no_condition(where: str, why: str) -> ReconcilerError:
    shortened = where if len(where) <= _ROOM else f"{where[:_ROOM]}..."
    return ReconcilerError(
        f"--where {shortened!r}: {why}",
        hint="A condition compares columns of the organisation with constants, as\n"
        f"--where \"visibility = 'private'\". {_QUOTES}",
    )


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _some(names: Sequence[str]) -> str:
    return _listed([repr(name) for name in names])
