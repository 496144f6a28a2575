"""Conflicts by what one sentence explains: the same reason, the same owner or row in the way."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final, assert_never

from reconciler.model.change import FieldChange
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
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Author
from reconciler.render.outline import Names, grouped, is_fleet

_GROUPS_SHOWN: Final = 12


def conflict_groups(plan: Plan) -> list[tuple[Conflict, ...]]:
    """The conflicts that one sentence explains: same reason, and same owner or row in the way.

    In a fleet, where each target has people and rows of its own, it speaks of them together.
    """
    return _by_cause(plan, plan.conflicts)


def left_behind_groups(plan: Plan) -> list[tuple[Conflict, ...]]:
    """The same of the conflicts of the targets that are left behind."""
    return _by_cause(plan, (one for behind in plan.left_behind for one in behind.conflicts))


def capped(
    groups: list[tuple[Conflict, ...]], names: Names, *, verbose: bool
) -> tuple[list[tuple[Conflict, ...]], int]:
    """The groups that are shown of a fleet, and how many conflicts are in the others.

    Where every target was edited in its own way, each is a group.
    """
    if verbose or not names.many:
        return groups, 0
    return groups[:_GROUPS_SHOWN], sum(map(len, groups[_GROUPS_SHOWN:]))


def entries(group: Sequence[Conflict], names: Names) -> list[tuple[Conflict, ...]]:
    """The conflicts of a group as they are listed: each, or in a fleet those of one row."""
    if not names.many:
        return [(one,) for one in group]
    return grouped((one.address, one) for one in group)


def _by_cause(plan: Plan, conflicts: Iterable[Conflict]) -> list[tuple[Conflict, ...]]:
    fleet = is_fleet(plan)
    return grouped((_shared_cause(one) if fleet else _cause(one), one) for one in conflicts)


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
        case UntrustedMember():
            return conflict.reason, conflict.why, conflict.source, conflict.entity
        case _:
            assert_never(conflict)


def _shared_cause(conflict: Conflict) -> Sequence[Hashable]:
    """The same without what differs from target to target anyway."""
    match conflict:
        case UserAuthored(adoptable=False):
            return conflict.reason, conflict.address.kind
        case UserAuthored():
            return (conflict.reason,)
        case DeadRowBlocks():
            return conflict.reason, conflict.owner
        case UniqueCollision():
            return conflict.reason, conflict.address, conflict.index
        case EditedBoth():
            column = conflict.column, conflict.base, conflict.theirs
            return conflict.reason, conflict.address, column
        case TouchedSince(how="changed"):
            return conflict.reason, conflict.address, conflict.revision
        case _:
            return _cause(conflict)


def _edits(fields: Iterable[FieldChange]) -> Hashable:
    # The operations inside JSON may hold what cannot be hashed, and add nothing.
    return tuple((field.column, field.before, field.after) for field in fields)


def _person(author: Author | None) -> Hashable:
    return (author.user_id, author.label) if author else None
