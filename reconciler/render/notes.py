"""The wording of notes: what a plan leaves alone, and which queries to look at twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from reconciler.model.note import (
    Deferred,
    DeletedByTenant,
    Held,
    KeptEdit,
    NeedlessFlag,
    NoBase,
    Note,
    Orphaned,
    RewrittenPast,
    Skipped,
    SuspectQuery,
    Unlinked,
    WithParent,
)
from reconciler.model.value import Ref
from reconciler.render.words import Say, count, row


def title(group: Sequence[Note], say: Say) -> str:
    """What a group of notes is about: `2 rows deleted by the tenant`."""
    first = group[0]
    number = sum(len(note.targets) for note in group)
    rows = count(number, "row")
    belong = "it belongs" if number == 1 else "they belong"
    match first:
        case DeletedByTenant():
            return f"{rows} deleted by the tenant"
        case Skipped():
            return f"{rows} skipped as decided ({say(first.reason)})"
        case Orphaned():
            return f"{rows} that the template no longer has"
        case Unlinked():
            return f"{count(number, 'reference')} to a row that is not there"
        case KeptEdit():
            return f"{count(number, 'field')} edited by the tenant and kept"
        case WithParent():
            return f"{rows} left out with the row that {belong} to"
        case NeedlessFlag():
            return f"{count(len(group), 'flag')} without a use"
        case NoBase():
            return f"{rows} compared without knowing what was applied before"
        case Deferred(why="absent"):
            return f"{rows} deferred until the tenant has what {belong} to"
        case Deferred():
            return f"{rows} deferred, since it is not clear to which row {belong}"
        case Held():
            pointers = count(number, "pointer")
            return f"{pointers} left alone, since the template's version is not placed"
        case RewrittenPast():
            return f"{count(number, 'old version')} rewritten in the template, and kept as placed"
        case SuspectQuery():
            queries = count(len(group), "query", "queries")
            return f"{queries} {_suspicion(first, len(group) == 1)}"
        case _:
            assert_never(first)


def detail(note: Note, say: Say) -> str:
    """What a note adds to its row's name; often nothing."""
    match note:
        case Unlinked():
            instead = "at itself" if note.itself else "left empty"
            return f"{say(note.column)} {instead}: no {say(row(note.refers_to))}"
        case NeedlessFlag():
            return f"--{note.action}: no conflict there that it fits"
        case KeptEdit():
            return say(note.column)
        case Deferred(why="absent"):
            return f"no {say(row(note.refers_to))}"
        case Deferred():
            return f"more than one {say(row(note.refers_to))}"
        case Held():
            if not isinstance(note.stays, Ref):
                stays = "points at nothing"
            elif note.stays.own or note.stays.ref == note.refers_to:
                stays = f"stays at the tenant's own {say(row(note.stays.ref))}"
            else:
                stays = f"stays at {say(row(note.stays.ref))}"
            return f"{say(note.column)} {stays}: the template's is {say(row(note.refers_to))}"
        case RewrittenPast():
            return ", ".join(map(say, note.columns))
        case SuspectQuery():
            place = f" {say(note.path)}" if note.path else ""
            return f"{say(note.column)}{place}: {say(note.detail)}"
        case DeletedByTenant() | Skipped() | Orphaned() | NoBase() | WithParent():
            return ""
        case _:
            assert_never(note)


def _suspicion(note: SuspectQuery, one: bool) -> str:
    match note.problem:
        case "other_organization":
            return f"that {'names' if one else 'name'} another organisation"
        case "other_table":
            return f"that {'reads' if one else 'read'} what its kind does not list"
        case "unparsable":
            return f"that {'is' if one else 'are'} not one readable query"
        case _:
            assert_never(note.problem)
