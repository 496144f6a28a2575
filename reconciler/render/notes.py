"""The wording of notes: what a plan leaves alone, and what to look at twice."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, assert_never

from reconciler.model.note import (
    DanglingOwner,
    Deferred,
    DeletedByTenant,
    Held,
    HistoryStays,
    KeptEdit,
    LikelyRename,
    NeedlessFlag,
    NoBase,
    Note,
    Orphaned,
    Released,
    RewrittenPast,
    Shadow,
    Skipped,
    StillReferred,
    SuspectQuery,
    Unlinked,
    WithParent,
)
from reconciler.model.value import Ref
from reconciler.render import escape
from reconciler.render.words import Say, count, key, row

# What a flag that has no use would have needed.
_MISSED: Final = {
    "skip": "no conflict there that it fits",
    "adopt": "no conflict there that it fits",
    "take": "no conflict there that it fits",
    "restore": "no retired row there",
    "release": "no row there that is the template's",
}

# Why a row stays where others give way to the catalog's.
_STAYS: Final = {
    "edited": "edited by the tenant",
    "behind": "behind the template",
    "own": "of the tenant's own, or another template's",
    "parts": "with other parts than the template's",
    "in_use": "used by rows that cannot follow",
    "referred": "referred to by one that stays",
    "shared": "had by another installation, too",
    "asked": "left as decided",
    "elsewhere": "shadowed by a nearer catalog",
    "twice": "found twice",
    "deleted": "deleted",
}

# Of the fields of one row that are kept.
_NAMED: Final = 3

# Above the declaration of rows that were renamed.
DECLARE: Final = (
    "If so, declare it in a file for --moved FILE; as it stands, a new row would be created."
)


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
        case Released():
            return f"{rows} handed to the tenant before"
        case DanglingOwner():
            return f"{rows} placed by an agent that is gone, and compared as the template's"
        case LikelyRename():
            these = "a renamed one" if number == 1 else "renamed ones"
            return f"{count(number, 'new row')} that may be {these}"
        case HistoryStays():
            return f"{count(number, 'version')} kept as placed, since versions are history"
        case Shadow(because="deleted"):
            return f"{rows} deleted by the tenant, and seen again in the catalog"
        case Shadow():
            stays = "stays, and shadows" if number == 1 else "stay, and shadow"
            return f"{rows} {_STAYS[first.because]}: {stays} the catalog's"
        case StillReferred():
            there = "catalog's row" if number == 1 else "catalog's rows"
            return f"{say(first.table)} that go on pointing at {number} {there}"
        case _:
            assert_never(first)


def detail(note: Note, say: Say) -> str:
    """What a note adds to its row's name; often nothing."""
    match note:
        case Unlinked():
            instead = "at itself" if note.itself else "left empty"
            return f"{say(note.column)} {instead}: no {say(row(note.refers_to))}"
        case NeedlessFlag():
            return f"--{note.action}: {_MISSED[note.action]}"
        case KeptEdit():
            return say(note.column)
        case Deferred(why="absent"):
            return f"no {say(row(note.refers_to))}"
        case Deferred():
            return f"more than one {say(row(note.refers_to))}"
        case Held():
            if isinstance(note.stays, Ref) and note.stays.ref == note.refers_to:
                version = say(note.refers_to.key[-1])
                return (
                    f"{say(note.column)}: the tenant's own version {version} stays, the template's "
                    f"version {version} was not placed"
                )
            if not isinstance(note.stays, Ref):
                stays = "points at nothing"
            elif note.stays.own:
                stays = f"stays at the tenant's own {say(row(note.stays.ref))}"
            else:
                stays = f"stays at {say(row(note.stays.ref))}"
            return f"{say(note.column)} {stays}: the template's is {say(row(note.refers_to))}"
        case RewrittenPast():
            return ", ".join(map(say, note.columns))
        case SuspectQuery():
            place = f" {say(note.path)}" if note.path else ""
            return f"{say(note.column)}{place}: {say(note.detail)}"
        case DanglingOwner():
            return say(note.owner)
        case Shadow():
            return ", ".join(map(say, note.columns))
        case LikelyRename():
            return f"the row that was {say(key(note.source))}?"
        case (
            DeletedByTenant()
            | Skipped()
            | Orphaned()
            | NoBase()
            | WithParent()
            | Released()
            | HistoryStays()
            | StillReferred()
        ):
            return ""
        case _:
            assert_never(note)


def by_row(group: Sequence[Note]) -> list[tuple[Note, ...]]:
    """The notes of a group, those on kept edits of one row together."""
    found: dict[Hashable, list[Note]] = {}
    for place, note in enumerate(group):
        row = (note.address, note.targets) if isinstance(note, KeptEdit) else place
        found.setdefault(row, []).append(note)
    return [tuple(row) for row in found.values()]


def details(row: Sequence[Note], say: Say, *, verbose: bool) -> str:
    """What the notes on one row add to its name."""
    shown = row if verbose or len(row) <= _NAMED + 1 else row[:_NAMED]
    more = ["…"] if len(shown) < len(row) else []
    return ", ".join([*(detail(note, say) for note in shown), *more])


def declaration(group: Sequence[Note]) -> list[str]:
    """What says, in a file, that rows were renamed: TOML, ready to be copied."""
    return [
        line
        for note in group
        if isinstance(note, LikelyRename)
        for line in (
            "[[moved]]",
            f'from = "{escape.visible(note.source)}"',
            f'to = "{escape.visible(note.address)}"',
        )
    ]


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
