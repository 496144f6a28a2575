"""Many targets in few words: how many get the same, and who deviates and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.plan import Plan
from reconciler.render.groups import RANKS, Group, groups
from reconciler.render.outline import Names, buries, overwrites
from reconciler.render.words import SYMBOLS, Say, absent, count, listed, row

DEVIATIONS_SHOWN: Final = 12

_TRAITS_SHOWN: Final = 4
_Told = TypeVar("_Told")
_Sort = Literal[
    "fresh", "installed", "conflict", "lacks", "otherwise", "also", "left", "drifted", "without"
]  # fmt: skip
_SAID: Final[dict[_Sort, str]] = {
    "fresh": "",
    "installed": "installed already",
    "conflict": "",
    "lacks": "lacks ",
    "otherwise": "otherwise ",
    "also": "also ",
    "left": "left alone: ",
    "drifted": "drifted: ",
    "without": "without ",
}
_ORDER: Final = list(_SAID)
_COUNTED: Final = {
    "conflicts": "with conflicts",
    "overwritten": "with drift that would be overwritten",
    "buried": "with drift that would go out of use",
    "other": "with other changes",
    "nothing": "with nothing to change",
}


@dataclass(frozen=True)
class Trait:
    """One thing in which targets differ from the main group: of which row, and why."""

    sort: _Sort
    address: Address | None = None
    symbol: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """Targets that differ from the main group in the same way, as far as a line can say."""

    targets: tuple[str, ...]
    traits: tuple[Trait, ...]
    rank: str


class Fleet:
    """The targets of a plan, in groups."""

    def __init__(self, plan: Plan, names: Names) -> None:
        self.plan = plan
        self.names = names
        self.groups = groups(plan)
        self.ranks: Counter[str] = Counter()
        for group in self.groups:
            self.ranks[group.rank(self.groups[0])] += len(group.targets)

    def headline(self) -> str:
        """`417 installed: 402 the same 3 changes; 9 with drift that would be overwritten`."""
        plan = self.plan
        everyone = [*plan.targets, *(one.target for one in plan.left_behind)]
        installed = sum(target.agent_id is not None for target in everyone)
        fresh = len(everyone) - installed
        who = ", ".join(
            [
                *([f"{installed} installed"] if installed else []),
                *([f"{fresh} {absent(plan)}"] if fresh else []),
            ]
        )
        behind = len(plan.left_behind)
        parts = []
        if self.names.many and self.ranks["same"]:
            parts.append(f"{self.ranks['same']} {self.same()}")
        if plan.request.mode != "refresh":
            parts += [
                f"{self.ranks[rank]} {what}"
                for rank, what in _COUNTED.items()
                if self.ranks[rank] and (self.names.many or rank not in ("other", "nothing"))
            ]
        parts.append(f"{behind} left out because of conflicts" if behind else "")
        what = "; ".join(filter(None, parts))
        return f"{who}: {what}" if what else who

    def left_behind(self, say: Say, shown: int) -> str:
        """`6 targets left out, each as a whole: acme, birch, cedar and 3 more`."""
        targets = [one.target.organization.id for one in self.plan.left_behind]
        whole = "each as a whole, since they have" if len(targets) > 1 else "whole, since it has"
        said = f"{count(len(targets), 'target')} left out, {whole} conflicts"
        return f"{said}: {named(targets, self.names, say, shown)}"

    def same(self) -> str:
        """What most targets get: `the same 3 changes`."""
        number = len(self.groups[0].changes)
        return f"the same {f'{number} changes' if number > 1 else 'change'}"

    def summary(self) -> str:
        """`412 of 417 targets: the same 3 changes; 5 differ`."""
        total, same = len(self.plan.targets), self.ranks["same"]
        if not same:
            return f"What the {total} targets get is not the same everywhere"
        if same == total:
            return f"All {total} targets: {self.same()}; left alone is not the same everywhere"
        return f"{same} of {total} targets: {self.same()}; {total - same} differ"

    def deviations(self) -> list[Deviation]:
        """Who is not in the main group, the worst first, then the most."""
        if not self.groups:
            return []
        main = self.groups[0]
        found: dict[tuple[tuple[Trait, ...], str], list[str]] = defaultdict(list)
        for group in self.groups[1:]:
            found[_traits(group, main), group.rank(main)] += group.targets
        return sorted(
            (
                Deviation(tuple(sorted(targets)), traits, rank)
                for (traits, rank), targets in found.items()
            ),
            key=lambda one: (RANKS.index(one.rank), -len(one.targets), one.targets),
        )

    def says(self, deviation: Deviation, say: Say, *, shown: int, verbose: bool) -> str:
        """`acme, birch and 7 more: also ~ entity_type "card"`."""
        whole = verbose or len(deviation.traits) <= _TRAITS_SHOWN + 1
        traits = deviation.traits if whole else deviation.traits[:_TRAITS_SHOWN]
        same = "the same changes; " if deviation.rank == "same" else ""
        hidden = len(deviation.traits) - len(traits)
        more = f"; and {count(hidden, 'more difference')}" if hidden else ""
        who = named(deviation.targets, self.names, say, 0 if verbose else shown)
        return f"{who}: {same}{'; '.join(self._said(traits, say))}{more}"

    def _said(self, traits: Sequence[Trait], say: Say) -> Iterator[str]:
        for sort in _ORDER:
            there = [trait for trait in traits if trait.sort == sort]
            if sort in ("fresh", "installed"):
                yield from (_SAID[sort] or absent(self.plan) for _ in there)
            elif there:
                yield _SAID[sort] + ", ".join(_row(trait, say) for trait in there)


def named(targets: Sequence[str], names: Names, say: Say, shown: int) -> str:
    """Targets by name: `acme, birch, cedar and 7 more`; of any number where `shown` is 0."""
    some = targets if not shown or len(targets) <= shown + 1 else targets[:shown]
    slugs = [say(names.slug(target)) for target in some]
    if len(some) == len(targets):
        return listed(slugs)
    return f"{', '.join(slugs)} and {len(targets) - len(some)} more"


def _row(trait: Trait, say: Say) -> str:
    why = f" ({', '.join(trait.why)})" if trait.why else ""
    name = say(row(trait.address)) if trait.address is not None else ""
    return f"{f'{trait.symbol} ' if trait.symbol else ''}{name}{why}"


def _traits(group: Group, main: Group) -> tuple[Trait, ...]:
    """In what a group differs from the main one: one trait or more for each row."""
    found = []
    if group.fresh != main.fresh:
        found.append(Trait("fresh" if group.fresh else "installed"))
    mine = {one.address: one for one in _other(group.changes, main.changes)}
    theirs = {one.address: one for one in _other(main.changes, group.changes)}
    reasons: dict[Address, list[str]] = defaultdict(list)
    for conflict in _other(group.conflicts, main.conflicts):
        reasons[conflict.address].append(conflict.reason)
    notes: dict[Address, list[str]] = defaultdict(list)
    for note in _other(group.notes, main.notes):
        notes[note.address].append(note.about)
    for address in theirs:
        if address not in mine:
            why = [f"{reason} conflict" for reason in reasons.pop(address, ())]
            why += notes.pop(address, ())
            found.append(Trait("lacks", address, SYMBOLS[theirs[address].action], tuple(why)))
    found += [Trait("conflict", one, "!", tuple(why)) for one, why in reasons.items()]
    for address, change in mine.items():
        sort: _Sort = "otherwise" if address in theirs else "also"
        found.append(Trait(sort, address, SYMBOLS[change.action], _lost(change)))
    found += [Trait("left", one, "", tuple(dict.fromkeys(why))) for one, why in notes.items()]
    drift: dict[Address, list[str]] = defaultdict(list)
    for one in _other(group.drift, main.drift):
        drift[one.address].append(one.column)
    found += [Trait("drifted", one) for one in drift]
    told = {trait.address for trait in found}
    gone: list[tuple[Address, str]] = [
        (one.address, one.about) for one in _other(main.notes, group.notes)
    ]
    gone += [(one.address, one.reason) for one in _other(main.conflicts, group.conflicts)]
    gone += [(one.address, "drift") for one in _other(main.drift, group.drift)]
    found += [Trait("without", at, "", (why,)) for at, why in gone if at not in told]
    return tuple(sorted(dict.fromkeys(found), key=lambda trait: _ORDER.index(trait.sort)))


def _other(some: Iterable[_Told], those: Iterable[_Told]) -> list[_Told]:
    """Those that are not among the others; of one plan, so that they are the very same."""
    known = set(map(id, those))
    return [one for one in some if id(one) not in known]


def _lost(change: Change) -> tuple[str, ...]:
    if overwrites(change):
        return ("overwrites a local edit",)
    return ("a local edit goes with it",) if buries(change) else ()
