"""What a plan is about, before any wording: groups, names of targets, and what is risky."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final, TypeVar, assert_never

from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create, FieldChange, Retire
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
    UserAuthored,
)
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
    Skipped,
    SuspectQuery,
    Unlinked,
    WithParent,
)
from reconciler.model.plan import Drift, Plan
from reconciler.model.snapshot import Author

WIDE: Final = 20

_Item = TypeVar("_Item")


class Names:
    """Organisations by the name that people use: the slug."""

    def __init__(self, plan: Plan) -> None:
        self._slugs = {
            target.organization.id: target.organization.slug for target in plan.targets
        } | {plan.template.organization.id: plan.template.organization.slug}
        self.one = len(plan.targets) == 1

    def slug(self, organization: str) -> str:
        """The slug of an organisation of this plan, or the id of another one."""
        return self._slugs.get(organization, organization)


def changes_by_kind(plan: Plan) -> list[tuple[Change, ...]]:
    """The changes of each kind, kinds and changes in the plan's own order."""
    return _grouped((change.address.kind, change) for change in plan.changes)


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


def conflict_groups(plan: Plan) -> list[tuple[Conflict, ...]]:
    """The conflicts that one sentence explains: same reason, and same owner or row in the way."""
    return _grouped((_cause(conflict), conflict) for conflict in plan.conflicts)


def note_groups(plan: Plan) -> list[tuple[Note, ...]]:
    """The notes on what is left alone, by the sentence that explains them.

    An edit that is kept and stands under the plan's drift, with its values, is not said again.
    """
    told: dict[tuple[Address, str], set[str]] = {}
    for one in plan.drift:
        told.setdefault((one.address, one.column), set()).update(one.targets)
    return _grouped(
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
    return _grouped(
        (_matter(note), note)
        for note in plan.notes
        if isinstance(note, SuspectQuery | LikelyRename)
    )


def drift_by_row(plan: Plan) -> list[tuple[Drift, ...]]:
    """What drifted, each row in the targets where the same of it drifted in the same way."""
    return _grouped(((one.address, one.targets), one) for one in plan.drift)


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


def _grouped(pairs: Iterable[tuple[Hashable, _Item]]) -> list[tuple[_Item, ...]]:
    groups: dict[Hashable, list[_Item]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return [tuple(items) for items in groups.values()]


def _cause(conflict: Conflict) -> Sequence[Hashable]:
    match conflict:
        case UserAuthored(adoptable=False):
            return conflict.reason, conflict.address.kind, _person(conflict.author)
        case UserAuthored():
            return conflict.reason, _person(conflict.author)
        case DeadRowBlocks():
            return conflict.reason, conflict.owner or _person(conflict.author)
        case ForeignOwner():
            return conflict.reason, conflict.owner
        case Ambiguous():
            return conflict.reason, conflict.where
        case UniqueCollision():
            return conflict.reason, conflict.address, conflict.target, conflict.index
        case MissingReference():
            return conflict.reason, conflict.column, conflict.refers_to
        case EditedBoth():
            return (
                conflict.reason,
                conflict.address,
                conflict.column,
                conflict.base,
                conflict.ours,
                conflict.theirs,
            )
        case RewrittenVersion():
            return conflict.reason, conflict.address, _edits(conflict.fields)
        case Incomplete():
            kind = conflict.address.kind
            return conflict.reason, kind, conflict.column, conflict.wrong, conflict.value
        case InUse():
            return (conflict.reason,)
        case TouchedSince(how="changed"):
            return conflict.reason, conflict.address, conflict.revision, _edits(conflict.fields)
        case TouchedSince():
            return conflict.reason, conflict.how, conflict.revision
        case Irreversible():
            return conflict.reason, conflict.column
        case _:
            assert_never(conflict)


def _edits(fields: Iterable[FieldChange]) -> Hashable:
    # The operations inside JSON may hold what cannot be hashed, and add nothing.
    return tuple((field.column, field.before, field.after) for field in fields)


def _person(author: Author | None) -> Hashable:
    return (author.user_id, author.label) if author else None


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
        case Deferred():
            return note.about, note.why
        case SuspectQuery():
            return note.about, note.problem
        case _:
            assert_never(note)
