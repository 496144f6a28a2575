"""The wording of conflicts: why a row is in the way, and the ways out of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from reconciler.model.conflict import (
    Ambiguous,
    Conflict,
    DeadRowBlocks,
    EditedBoth,
    ForeignOwner,
    MissingReference,
    UniqueCollision,
    UserAuthored,
)
from reconciler.model.snapshot import Author
from reconciler.render.outline import Names, distinct
from reconciler.render.words import Say, day, row


@dataclass(frozen=True)
class Remedy:
    """One way out of a conflict: what it is called, the flags to plan again with, the effect."""

    title: str
    flags: tuple[str, ...]
    effect: str


def explanation(group: Sequence[Conflict], names: Names, say: Say) -> str:
    """Why these rows are in the way: one sentence for the whole group."""
    first = group[0]
    one = len(group) == 1
    match first:
        case UserAuthored():
            author = _authorship(first.author, group, say)
            return (
                f"Written by {author}; the template wants its own {'row' if one else 'rows'} here."
            )
        case ForeignOwner(owner=owner):
            name = f"{say(owner.name)} ({say(owner.agent)})" if owner.name else say(owner.agent)
            home = f" of {say(names.slug(owner.organization))}" if owner.organization else ""
            gone = "" if owner.exists else ", which no longer exists"
            return f"Placed by another template, {name}{home}{gone}."
        case DeadRowBlocks():
            author = _authorship(first.author, group, say)
            return (
                "Retired, but still in a unique index, so that no new row with the same key fits; "
                f"written by {author}."
            )
        case Ambiguous(where="template"):
            return "The template has several live rows with this key, and they differ."
        case Ambiguous():
            return "The target has several live rows with this key."
        case UniqueCollision():
            home = (
                f" of organisation {say(names.slug(first.other_organization))}"
                if first.other_organization
                else ""
            )
            columns = ", ".join(map(say, first.columns))
            return (
                f"The unique index {say(first.index)} ({columns}) has a row with the same "
                f"values already: id {say(first.other_id)}{home}."
            )
        case MissingReference():
            return (
                f"{'It points' if one else 'They point'} ({say(first.column)}) at "
                f"{say(row(first.refers_to))}, which the target does not have."
            )
        case EditedBoth():
            return f"The template and the target have both changed {say(first.column)}."
        case _:
            assert_never(first)


def since(conflict: Conflict) -> str:
    """The day on which the row in the way was written, where that is known."""
    if (
        isinstance(conflict, UserAuthored | DeadRowBlocks)
        and conflict.author
        and conflict.author.at
    ):
        return day(conflict.author.at)
    return ""


def remedies(group: Sequence[Conflict]) -> tuple[Remedy, ...]:
    """The ways out, the template's first."""
    first = group[0]
    addresses = distinct(conflict.address for conflict in group)

    def flags(flag: str) -> tuple[str, ...]:
        return tuple(f"--{flag} {shlex.quote(address)}" for address in addresses)

    keep = Remedy("Keep as it is", flags("skip"), "the template's row is left out")
    leave = Remedy("Leave it", flags("skip"), "nothing changes at this row")
    match first:
        case UserAuthored(adoptable=False):
            return (keep,)
        case UserAuthored():
            return Remedy("Take it over", flags("adopt"), "the template's values win"), keep
        case ForeignOwner():
            return Remedy("Take it over", flags("take"), "the template's values win"), keep
        case DeadRowBlocks():
            return _by_hand("Make room", "delete or rename the retired row"), leave
        case Ambiguous(where="template"):
            return _by_hand("Make it one", "retire all but one in the template"), leave
        case Ambiguous():
            return _by_hand("Make it one", "retire all but one in the target"), leave
        case UniqueCollision():
            return _by_hand("Make room", "rename or delete the other row"), leave
        case MissingReference():
            return _by_hand("Let it arrive", "settle the row that it points at"), leave
        case EditedBoth():
            return _by_hand("Agree", "set the same value on both sides"), leave
        case _:
            assert_never(first)


def _by_hand(title: str, what: str) -> Remedy:
    return Remedy(title, (), f"{what}, then plan again")


def _authorship(author: Author | None, group: Sequence[Conflict], say: Say) -> str:
    """Who wrote these rows, and on which day, if it was one."""
    who = author and (author.label or author.user_id)
    days = {since(conflict) for conflict in group}
    when = f" on {min(days)}" if len(days) == 1 and "" not in days else ""
    return (say(who) if who else "the tenant's own people") + when
