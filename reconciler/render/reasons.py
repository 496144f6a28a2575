"""The wording of conflicts: why a row is in the way. The ways out stand in `remedies`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, assert_never

from reconciler import schedule
from reconciler.model.conflict import (
    Ambiguous,
    Conflict,
    DeadRowBlocks,
    EditedBoth,
    ForeignOwner,
    Incomplete,
    InUse,
    Irreversible,
    MissingReference,
    RewrittenVersion,
    TouchedSince,
    UniqueCollision,
    UntrustedMember,
    UserAuthored,
)
from reconciler.model.snapshot import Author, RowOwner
from reconciler.model.value import Ref, Value
from reconciler.render import escape
from reconciler.render.outline import Names, distinct
from reconciler.render.words import Say, count, day, listed, row

_IDS_NAMED: Final = 3
# True of every row that belongs to another one, be it a version or a rule.
_NOT_ADOPTABLE: Final = (
    "Such a row goes with the row that it belongs to, and cannot be taken over by itself: what the "
    "tenant wrote stays, number and all. With the template's skipped, a pointer that would move to "
    "it stays where it is."
)


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
            there = [
                f"{say(other.other_id)} of "
                f"{say(names.slug(other.other_organization or other.target))}"
                for other in group[:_IDS_NAMED]
                if isinstance(other, UniqueCollision)
            ]
            more = (
                f", and so on in {len(group) - len(there)} more" if len(there) < len(group) else ""
            )
            ids = f"ids {listed(there)}{more}" if not one else f"id {say(first.other_id)}{home}"
            return (
                f"The unique index {say(first.index)} ({columns}) has a row with the same "
                f"values already: {ids}."
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
        case InUse():
            if len(distinct(conflict.address for conflict in group)) > 1:
                return "Rows of the tenant's own use them, so they cannot be retired."
            use = "uses it" if _users(group).total() == 1 else "use it"
            return f"{uses(group, say)} {use}, so it cannot be retired."
        case TouchedSince():
            return _touched(first, one)
        case Irreversible():
            return (
                f"What {say(first.column)} held before is not known to a plan (a secret, or a row "
                "that no template has), so it cannot be brought back."
            )
        case UntrustedMember():
            return _member(first, say)
        case _:
            assert_never(first)


def _template(owner: RowOwner, names: Names, say: Say) -> str:
    name = f"{say(owner.name)} ({say(owner.agent)})" if owner.name else say(owner.agent)
    home = f" of {say(names.slug(owner.organization))}" if owner.organization else ""
    return f"{name}{home}{'' if owner.exists else ', which no longer exists'}"


def since(conflicts: Sequence[Conflict]) -> str:
    """The day on which the rows in the way were written, or the first and the last one."""
    days = sorted({written for one in conflicts if (written := _written(one))})
    return f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days)


def _written(conflict: Conflict) -> str:
    if isinstance(conflict, UserAuthored | DeadRowBlocks) and conflict.author:
        return day(conflict.author.at or "")
    return ""


def uses(group: Sequence[Conflict], say: Say) -> str:
    """What uses a row, in one target or in several: `214 rows of entities and 3 of notes`."""
    return listed(
        [
            f"{number if place else count(number, 'row')} of {say(table)}"
            for place, (table, number) in enumerate(_users(group).items())
        ]
    )


def _users(group: Sequence[Conflict]) -> Counter[str]:
    numbers: Counter[str] = Counter()
    for conflict in group:
        if isinstance(conflict, InUse):
            numbers.update(conflict.uses)
    return numbers


def _touched(conflict: TouchedSince, one: bool) -> str:
    revision = None if conflict.revision is None else f"revision {conflict.revision}"
    by = f", by {revision}" if revision else ""
    now = f"since {revision}" if revision else "by now"
    match conflict.how:
        case "changed":
            return f"Changed since{by}."
        case "owner":
            return f"{'It belongs' if one else 'They belong'} to somebody else {now}."
        case "gone":
            return f"Retired or deleted since{by}."
        case "there":
            keys = "Another row has its key" if one else "Other rows have their keys"
            return f"{keys} {now}."
        case _:
            assert_never(conflict.how)


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


def _member(conflict: UntrustedMember, say: Say) -> str:
    said = f"It says that the entity {say(escape.quoted(conflict.entity))} is the actor's"
    match conflict.why:
        case "source":
            source = f"the connector {say(escape.quoted(conflict.source or ''))}"
            who = source if conflict.source else "no connector"
            return f"{said}; {who} wrote it, whose word is not taken for that (trusted_sources)."
        case "taken":
            return f"{said}, and that is another user's already."
        case "elsewhere":
            return f"{said}, and that is another organisation's."
        case "deleted":
            return f"{said}, and that was deleted."
        case "other_type":
            return f"{said}, and that is not of the type $member."
        case "nested":
            return f"{said}, and that stands below another entity."
        case _:
            assert_never(conflict.why)


def _pointee(value: Value, say: Say) -> str:
    if not isinstance(value, Ref):
        return "nothing"
    return ("its own " if value.own else "") + say(row(value.ref))


def _authorship(author: Author | None, group: Sequence[Conflict], say: Say) -> str:
    """Who wrote these rows, and on which day, if it was one."""
    who = author and (author.label or author.user_id)
    others = {
        one.author.user_id or one.author.label
        for one in group
        if isinstance(one, UserAuthored | DeadRowBlocks) and one.author
    }
    days = {_written(conflict) for conflict in group}
    when = f" on {min(days)}" if len(days) == 1 and "" not in days else ""
    if len(others) > 1:
        return f"the tenants' own people ({len(others)} of them){when}"
    return (say(who) if who else "the tenant's own people") + when
