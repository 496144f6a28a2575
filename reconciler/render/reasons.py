"""The wording of conflicts: why a row is in the way, and the ways out of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from reconciler import schedule
from reconciler.model.conflict import (
    Ambiguous,
    Conflict,
    DeadRowBlocks,
    EditedBoth,
    ForeignOwner,
    Incomplete,
    MissingReference,
    RewrittenVersion,
    UniqueCollision,
    UserAuthored,
)
from reconciler.model.snapshot import Author, RowOwner
from reconciler.model.value import Ref, Value
from reconciler.render import escape
from reconciler.render.outline import Names, distinct
from reconciler.render.words import Say, day, row

# True of every row that belongs to another one, be it a version or a rule.
_NOT_ADOPTABLE: Final = (
    "Such a row goes with the row that it belongs to, and cannot be taken over by itself: what the "
    "tenant wrote stays, number and all. With the template's skipped, a pointer that would move to "
    "it stays where it is."
)


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
            said = (
                f"Written by {author}; the template wants its own {'row' if one else 'rows'} here."
            )
            return said if first.adoptable else f"{said} {_NOT_ADOPTABLE}"
        case ForeignOwner(owner=owner):
            return f"Placed by another template, {_template(owner, names, say)}."
        case DeadRowBlocks(owner=owner):
            whose = (
                f"placed by another template, {_template(owner, names, say)}"
                if owner
                else f"written by {_authorship(first.author, group, say)}"
            )
            return (
                "Retired, but still in a unique index, so that no new row with the same key fits; "
                f"{whose}."
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
            column = say(first.column)
            if isinstance(first.ours, Ref) or isinstance(first.theirs, Ref):
                return (
                    f"Both sides have moved {column}: the target to {_pointee(first.ours, say)}, "
                    f"the template to {_pointee(first.theirs, say)}."
                )
            return f"The template and the target have both changed {column}."
        case RewrittenVersion():
            return (
                "The template changed this version under the number that it had. A version is "
                "history that other rows point at, so it is not written over."
            )
        case Incomplete():
            its = "Its" if one else "Their"
            what = _wrong(first, say)
            return f"{its} {say(first.column)} {what}."
        case _:
            assert_never(first)


def _template(owner: RowOwner, names: Names, say: Say) -> str:
    name = f"{say(owner.name)} ({say(owner.agent)})" if owner.name else say(owner.agent)
    home = f" of {say(names.slug(owner.organization))}" if owner.organization else ""
    return f"{name}{home}{'' if owner.exists else ', which no longer exists'}"


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
            theirs = Remedy("Take the template's", flags("adopt"), "the template's value wins")
            ours = Remedy("Keep the target's", flags("skip"), "what else changed arrives")
            return theirs, ours
        case RewrittenVersion():
            same = Remedy("Keep as it is", flags("skip"), "the target keeps its version")
            what = "in the template, give the change a new number and this one its old content"
            return _by_hand("Publish it", what), same
        case Incomplete():
            return _by_hand("Correct it", "give the template's row a right value"), keep
        case _:
            assert_never(first)


def _wrong(conflict: Incomplete, say: Say) -> str:
    match conflict.wrong:
        case "empty":
            return "points at nothing in the template, and a row without it is only half a row"
        case "not_its_own":
            other = _pointee(conflict.value, say)
            return f"points in the template at {other}, a version of another row"
        case "bad_schedule":
            text = conflict.value if isinstance(conflict.value, str) else ""
            problem = schedule.problem(text)
            why = f": {problem}" if problem else ""
            return f"in the template, {say(escape.quoted(text))}, is not a cron schedule{why}"
        case _:
            assert_never(conflict.wrong)


def _pointee(value: Value, say: Say) -> str:
    if not isinstance(value, Ref):
        return "nothing"
    return ("its own " if value.own else "") + say(row(value.ref))


def _by_hand(title: str, what: str) -> Remedy:
    return Remedy(title, (), f"{what}, then plan again")


def _authorship(author: Author | None, group: Sequence[Conflict], say: Say) -> str:
    """Who wrote these rows, and on which day, if it was one."""
    who = author and (author.label or author.user_id)
    days = {since(conflict) for conflict in group}
    when = f" on {min(days)}" if len(days) == 1 and "" not in days else ""
    return (say(who) if who else "the tenant's own people") + when
