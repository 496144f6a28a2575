"""What a plan is about, before any wording: groups, names of targets, and what is risky."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, TypeVar, assert_never

from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create, Retire
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
from reconciler.model.plan import Drift, Plan

WIDE: Final = 20
# So many targets are named wherever something is said of them.
_FEW: Final = 2
# Of one row: the changes that are shown, where each of many targets has another one.
_VARIANTS: Final = 5

_Item = TypeVar("_Item")


def is_fleet(plan: Plan) -> bool:
    """Whether a plan has so many targets that they are counted rather than named."""
    return len(plan.targets) + len(plan.left_behind) > _FEW


class Names:
    """Organisations by the name that people use: the slug."""

    def __init__(self, plan: Plan) -> None:
        everyone = [*plan.targets, *(one.target for one in plan.left_behind)]
        self._slugs = {target.organization.id: target.organization.slug for target in everyone} | {
            plan.template.organization.id: plan.template.organization.slug
        }
        self.one = len(everyone) == 1
        self.many = is_fleet(plan)

    def slug(self, organization: str) -> str:
        """The slug of an organisation of this plan, or the id of another one."""
        return self._slugs.get(organization, organization)


def changes_by_kind(plan: Plan) -> list[tuple[Change, ...]]:
    """The changes of each kind, kinds and changes in the plan's own order."""
    return grouped((change.address.kind, change) for change in plan.changes)


Folded = dict[tuple[Address, tuple[str, ...]], list[Create]]


def folded(plan: Plan) -> Folded:
    """New rows that say nothing but that they belong to another new row, by that row and targets.

    A relationship rule is nothing but its key: where its relationship type is new in the same
    targets, people read how many there are, and find each under --verbose.
    """
    new = {place(change) for change in plan.changes if isinstance(change, Create)}
    found: Folded = {}
    for change in plan.changes:
        kind = plan.parents.get(change.address.kind)
        if not isinstance(change, Create) or change.values or kind is None:
            continue
        for width in range(1, len(change.address.key)):
            parent = Address.of(kind, change.address.key[:width])
            if (parent, change.targets) in new:
                found.setdefault((parent, change.targets), []).append(change)
    return found


def place(change: Change) -> tuple[Address, tuple[str, ...]]:
    """What tells a new row from all others of its plan."""
    return change.address, change.targets


def variants(changes: Iterable[Change]) -> tuple[set[int], dict[int, list[Change]]]:
    """Of the changes of each row, those that are left out, and the last one shown with them: the
    first few for the most targets are shown. All by their `id`.
    """
    rows: dict[Address, list[Change]] = defaultdict(list)
    for change in changes:
        rows[change.address].append(change)
    hidden: set[int] = set()
    after: dict[int, list[Change]] = {}
    for some in rows.values():
        if len(some) <= _VARIANTS + 1:
            continue
        rest = sorted(some, key=lambda one: -len(one.targets))[_VARIANTS:]
        hidden.update(map(id, rest))
        after[next(id(one) for one in reversed(some) if id(one) not in hidden)] = rest
    return hidden, after


def note_groups(plan: Plan) -> list[tuple[Note, ...]]:
    """The notes on what is left alone, by the sentence that explains them.

    An edit that is kept and stands under the plan's drift, with its values, is not said again.
    """
    told: dict[tuple[Address, str], set[str]] = {}
    for one in plan.drift:
        told.setdefault((one.address, one.column), set()).update(one.targets)
    return grouped(
        (_matter(note), note)
        for note in plan.notes
        if not isinstance(note, SuspectQuery | LikelyRename)
        and not (
            isinstance(note, KeptEdit)
            and told.get((note.address, note.column), set()).issuperset(note.targets)
        )
    )


def doubt_groups(plan: Plan) -> list[tuple[Note, ...]]:
    """The notes to look at twice: queries that are suspect, and rows that look renamed."""
    return grouped(
        (_matter(note), note)
        for note in plan.notes
        if isinstance(note, SuspectQuery | LikelyRename)
    )


def drift_by_row(plan: Plan) -> list[tuple[Drift, ...]]:
    """What drifted, each row in the targets where the same of it drifted in the same way."""
    return grouped(((one.address, one.targets), one) for one in plan.drift)


def overwrites(change: Change) -> tuple[str, ...]:
    """The columns whose local edit this change overwrites."""
    if isinstance(change, Create):
        return ()
    return tuple(field.column for field in change.fields if field.drift)


def buries(change: Change) -> tuple[str, ...]:
    """The columns whose local edit goes out of use with the row."""
    return change.edited if isinstance(change, Retire) else ()


def risky(plan: Plan) -> list[Change]:
    """The changes to look at twice: an edit is lost, a row adopted, or many targets reached."""
    return [
        change
        for change in plan.changes
        if overwrites(change)
        or buries(change)
        or isinstance(change, Adopt)
        or len(change.targets) > WIDE
    ]


def distinct(items: Iterable[_Item]) -> list[_Item]:
    """The items without repetitions, in the order of their first appearance."""
    return list(dict.fromkeys(items))


def grouped(pairs: Iterable[tuple[Hashable, _Item]]) -> list[tuple[_Item, ...]]:
    """Items with the same key together, in the order of their first appearance."""
    groups: dict[Hashable, list[_Item]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return [tuple(items) for items in groups.values()]


def _matter(note: Note) -> Sequence[Hashable]:
    match note:
        case (
            DeletedByTenant()
            | Orphaned()
            | NoBase()
            | Unlinked()
            | KeptEdit()
            | WithParent()
            | NeedlessFlag()
            | Held()
            | RewrittenPast()
            | Released()
            | DanglingOwner()
            | LikelyRename()
            | HistoryStays()
        ):
            return (note.about,)
        case Skipped():
            return note.about, note.reason
        case Shadow():
            return note.about, note.because
        case StillReferred():
            return note.about, note.table
        case Deferred():
            return note.about, note.why
        case SuspectQuery():
            return note.about, note.problem
        case _:
            assert_never(note)
