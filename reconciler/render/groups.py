"""Sets of changes by target: which targets get exactly the same, worked out from the plan alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.note import Note
from reconciler.model.plan import Drift, Plan
from reconciler.render.outline import buries, overwrites


@dataclass(frozen=True)
class InTheWay:
    """A row that is in the way, and why; what else is known of it stands with the conflicts."""

    address: Address
    reason: str


# What is worst comes first.
RANKS: Final = ("conflicts", "overwritten", "buried", "other", "nothing", "same")


@dataclass(frozen=True)
class Group:
    """Targets for which a plan says exactly the same, and all of that."""

    targets: tuple[str, ...]
    fresh: bool
    changes: tuple[Change, ...]
    conflicts: tuple[InTheWay, ...]
    notes: tuple[Note, ...]
    drift: tuple[Drift, ...]

    def rank(self, main: Group) -> str:
        """What is to be said of it first, beside the main group."""
        if self.conflicts:
            return "conflicts"
        if any(map(overwrites, self.changes)):
            return "overwritten"
        if any(map(buries, self.changes)):
            return "buried"
        if self.changes and (self.fresh, self.changes) == (main.fresh, main.changes):
            return "same"
        return "other" if self.changes else "nothing"


def groups(plan: Plan) -> list[Group]:
    """The targets, each in exactly one group; the main group first, then the larger ones.

    The main group is the largest that gets changes, has no conflicts and loses no edit; where
    there is none, the largest that comes close.
    """
    rows: dict[InTheWay, list[str]] = defaultdict(list)
    for conflict in plan.conflicts:
        rows[InTheWay(conflict.address, conflict.reason)].append(conflict.target)
    conflicts = list(rows)
    told: tuple[Sequence[Sequence[str]], ...] = (
        [change.targets for change in plan.changes],
        list(rows.values()),
        [note.targets for note in plan.notes],
        [one.targets for one in plan.drift],
    )
    # All targets begin in two classes, and each thing that is told of some splits those in which
    # they are: that takes as long as walking over the targets of everything once.
    classes = {target.organization.id: int(target.agent_id is None) for target in plan.targets}
    splits: list[tuple[int, int, int]] = [(0, 0, 0), (1, 0, 0)]
    for sort, things in enumerate(told):
        for place, targets in enumerate(things):
            new: dict[int, int] = {}
            for target in targets:
                old = classes.get(target)
                if old is not None and old not in new:
                    new[old] = len(splits)
                    splits.append((old, sort, place))
                if old is not None:
                    classes[target] = new[old]
    members: dict[int, list[str]] = defaultdict(list)
    for target, number in classes.items():
        members[number].append(target)
    found = []
    for number, there in members.items():
        first, places = _path(number, splits)
        found.append(
            Group(
                targets=tuple(there),
                fresh=first == 1,
                changes=tuple(plan.changes[place] for place in places[0]),
                conflicts=tuple(conflicts[place] for place in places[1]),
                notes=tuple(plan.notes[place] for place in places[2]),
                drift=tuple(plan.drift[place] for place in places[3]),
            )
        )
    return sorted(
        found,
        key=lambda one: (
            not one.changes or bool(one.conflicts),
            any(overwrites(change) or buries(change) for change in one.changes),
            -len(one.targets),
        ),
    )


def _path(number: int, splits: Sequence[tuple[int, int, int]]) -> tuple[int, list[list[int]]]:
    """Where a class began, and by what it was split: places by sort, in the plan's order."""
    places: list[list[int]] = [[], [], [], []]
    while number > 1:
        number, sort, place = splits[number]
        places[sort].append(place)
    return number, [found[::-1] for found in places]
