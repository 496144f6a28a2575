"""The ways out: with which flags to plan again, and what each of them does."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from reconciler.model.address import Address
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
from reconciler.model.note import (
    DanglingOwner,
    DeletedByTenant,
    KeptEdit,
    Note,
    Orphaned,
    Released,
)
from reconciler.model.plan import Plan
from reconciler.model.request import Request
from reconciler.render import escape
from reconciler.render.causes import conflict_groups, left_behind_groups
from reconciler.render.outline import distinct, note_groups

# Of flags that say the same of one row each, where one flag for all of them stands below.
_NAMED: Final = 3
# No template has such rows, so there is nothing to give away.
_NOBODYS: Final = frozenset({"member", "member_identity"})
_RESTORED: Final = ("the same row, where it still exists", "the same rows, where they still exist")


@dataclass(frozen=True)
class Remedy:
    """One way out: what it is called, the flags to plan again with, the effect (or nothing).

    wide  whether one flag can say the same of all rows of a kind with the same reason
    """

    title: str
    flags: tuple[str, ...]
    effect: str
    wide: bool = True


@dataclass(frozen=True)
class _Some:
    """Those rows of a group that get a flag each, how many all are, the kinds with a pattern."""

    named: Sequence[Address]
    number: int
    offered: Sequence[str]

    def say(self, one: str, several: str) -> str:
        """The words for one row, or for several."""
        return one if self.number == 1 else several


class Remedies:
    """The ways out of a plan's conflicts, and what can be done about its notes.

    A flag for all rows of a kind with the same reason reaches beyond a group (which has one
    author, say), so it is offered once in a plan, with the number of rows that it speaks of.
    """

    def __init__(self, plan: Plan) -> None:
        self._request = plan.request
        self._belonging = plan.parents.keys()
        self._rows: Counter[tuple[str, str]] = Counter(
            (address.kind, why)
            for address, why in {
                *((conflict.address, conflict.reason) for conflict in plan.conflicts),
                *((one.address, one.reason) for left in plan.left_behind for one in left.conflicts),
                *((note.address, note.about) for note in plan.notes),
            }
        )
        self._offered: dict[tuple[str, str], Conflict | Note] = {}
        for conflicts in (*conflict_groups(plan), *left_behind_groups(plan)):
            self._offer(conflicts[0], conflicts[0].reason, _addresses(conflicts))
        for notes in note_groups(plan):
            self._offer(notes[0], notes[0].about, _addresses(notes))

    def conflicts(self, group: Sequence[Conflict], named: Sequence[Conflict]) -> tuple[Remedy, ...]:
        """The ways out of a group of conflicts, of which these may be named one by one."""
        some = self._named(group[0].reason, group[0], _addresses(group), _addresses(named))
        return self._widened(_ways_out(group[0], some), group[0].reason, some)

    def notes(self, group: Sequence[Note], named: Sequence[Note]) -> tuple[Remedy, ...]:
        """What can be done about a group of notes; all of it is done by bringing up to date."""
        if self._request.mode != "sync":
            return ()
        if isinstance(group[0], Orphaned):
            # What belongs to another row may be a version, and those stay whatever is pruned.
            group = [note for note in group if note.address.kind not in self._belonging]
            if not group:
                return ()
        some = self._named(group[0].about, group[0], _addresses(group), _addresses(named))
        answers = _answers(group[0], some, self._request)
        return self._widened(answers, group[0].about, some)

    def _offer(self, first: Conflict | Note, why: str, addresses: Sequence[Address]) -> None:
        for kind, number in Counter(address.kind for address in addresses).items():
            if number > 1:
                self._offered.setdefault((kind, why), first)

    def _named(
        self,
        why: str,
        first: Conflict | Note,
        rows: Sequence[Address],
        named: Sequence[Address],
    ) -> _Some:
        """Of the rows of a group, those that get a flag each: a few of what a pattern covers."""
        kinds = distinct(address.kind for address in rows)
        offered = [kind for kind in kinds if self._offered.get((kind, why)) is first]
        covered = [address for address in rows if address.kind in offered]
        few = set(covered if len(covered) - _NAMED < 2 else covered[:_NAMED])
        few.update(address for address in named if address.kind not in offered)
        return _Some([address for address in rows if address in few], len(rows), offered)

    def _widened(self, remedies: Iterable[Remedy], why: str, some: _Some) -> tuple[Remedy, ...]:
        """The remedies, each followed by the flags that do the same for all rows of a kind."""
        hidden = some.number - len(some.named)
        found: list[Remedy] = []
        for remedy in remedies:
            each = len(remedy.flags) == len(some.named) > 1
            more = f"{remedy.effect}; and so on for {hidden} more" if each and hidden else ""
            found.append(replace(remedy, effect=more) if more else remedy)
            if not (remedy.wide and remedy.flags):
                continue
            flag = remedy.flags[0].partition(" ")[0]
            for kind in map(escape.visible, some.offered):
                title = f"All {self._rows[kind, why]} at once"
                pattern = shlex.quote(f"{kind}.*:{why}")
                found.append(Remedy(title, (f"{flag} {pattern}",), ""))
        return tuple(found)


def _addresses(group: Sequence[Conflict] | Sequence[Note]) -> list[Address]:
    return distinct(one.address for one in group)


def _ways_out(first: Conflict, rows: _Some) -> tuple[Remedy, ...]:
    """The ways out of a conflict, the template's first."""
    skip = _flags("skip", rows)
    left_out = rows.say("the template's row is left out", "the template's rows are left out")
    keep = Remedy(rows.say("Keep as it is", "Keep as they are"), skip, left_out)
    leave = Remedy(
        rows.say("Leave it", "Leave them"),
        skip,
        rows.say("nothing changes at this row", "nothing changes at these rows"),
    )
    stay = replace(leave, effect=rows.say("it stays as it is", "they stay as they are"))
    match first:
        case UserAuthored(adoptable=False):
            return (keep,)
        case UserAuthored():
            return _adopt(rows), _adopt_and_keep(rows), keep
        case ForeignOwner():
            return _take_over("take", rows, "the template's values win"), keep
        case DeadRowBlocks():
            dead = rows.say("the retired row", "the retired rows")
            return _by_hand("Make room", f"delete or rename {dead}"), leave
        case Ambiguous():
            title = rows.say("Make it one", "Make each one")
            return _by_hand(title, f"retire all but one in the {first.where}"), leave
        case UniqueCollision():
            return _by_hand("Make room", "rename or delete the other row"), leave
        case MissingReference():
            at = rows.say("the row that it points at", "the row that they point at")
            return _by_hand(rows.say("Let it arrive", "Let them arrive"), f"settle {at}"), leave
        case EditedBoth():
            adopt = _flags("adopt", rows)
            theirs = Remedy("Take the template's", adopt, "the template's value wins")
            ours = Remedy("Keep the target's", skip, "what else changed arrives")
            return theirs, ours
        case RewrittenVersion():
            same = replace(keep, effect="the target keeps its version")
            what = "in the template, give the change a new number and this one its old content"
            return _by_hand("Publish it", what), same
        case Incomplete():
            title = rows.say("Correct it", "Correct them")
            what = rows.say("the template's row a right value", "the template's rows right values")
            return _by_hand(title, f"give {what}"), keep
        case InUse() if first.address.kind in _NOBODYS:
            return (stay,)
        case InUse():
            return (
                Remedy(
                    rows.say("Give it away", "Give them away"),
                    _flags("release", rows),
                    rows.say("it becomes the tenant's own", "they become the tenant's own"),
                ),
                stay,
            )
        case TouchedSince(how="changed"):
            adopt = _flags("adopt", rows)
            anyway = Remedy("Undo it all the same", adopt, "what was done since is overwritten")
            return anyway, stay
        case TouchedSince() | Irreversible():
            return (stay,)
        case UntrustedMember():
            without = replace(leave, title="Install without it", effect="there is no member then")
            if first.why != "source":
                return (without,)
            effect = "the entity is the actor's member"
            return Remedy("Believe it", _flags("adopt", rows), effect, wide=False), without
        case _:
            assert_never(first)


def _answers(first: Note, rows: _Some, request: Request) -> tuple[Remedy, ...]:
    """What can be done about what is left alone; often nothing."""
    match first:
        case DeletedByTenant():
            title = rows.say("Bring it back", "Bring them back")
            return (Remedy(title, _flags("restore", rows), rows.say(*_RESTORED)),)
        case Released():
            return (_adopt(rows),)
        case DanglingOwner():
            owner = rows.say("its owner", "their owner")
            return (_take_over("take", rows, f"this installation becomes {owner}"),)
        case Orphaned() if not request.prune:
            pruned = "all that the template no longer has, unless the tenant uses it"
            title = rows.say("Retire it", "Retire them")
            return (Remedy(title, ("--prune",), pruned, wide=False),)
        case KeptEdit() if not request.drift:
            shown = "all that drifted, with the values"
            return (Remedy("See more", ("--show-drift",), shown, wide=False),)
        case _:
            return ()


def _take_over(flag: str, rows: _Some, effect: str) -> Remedy:
    return Remedy(rows.say("Take it over", "Take them over"), _flags(flag, rows), effect)


def _adopt(rows: _Some) -> Remedy:
    return _take_over("adopt", rows, "the template's values win")


def _adopt_and_keep(rows: _Some) -> Remedy:
    effect = "every value stays; later changes of the template ask first"
    title = rows.say("Only manage it", "Only manage them")
    return Remedy(title, _flags("adopt", rows, "=keep"), effect, wide=False)


def _flags(flag: str, rows: _Some, ending: str = "") -> tuple[str, ...]:
    return tuple(f"--{flag} {shlex.quote(address + ending)}" for address in rows.named)


def _by_hand(title: str, what: str) -> Remedy:
    return Remedy(title, (), f"{what}, then plan again")
