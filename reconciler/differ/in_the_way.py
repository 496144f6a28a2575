"""A row that is in the way: what its state means, as a conflict."""

from __future__ import annotations

from reconciler.differ.decide import Decision
from reconciler.model.conflict import (
    Ambiguous,
    Conflict,
    DeadRowBlocks,
    ForeignOwner,
    UserAuthored,
)


def in_the_way(decision: Decision, target: str, *, doubled: bool) -> Conflict:
    """The conflict of a verdict; `doubled` says that the template itself has the row twice."""
    address, state = decision.row.address, decision.state
    match decision.verdict:
        case "user_authored":
            return UserAuthored(
                address=address,
                target=target,
                author=state.author,
                adoptable=decision.kind.owner is not None,
            )
        case "foreign_owner":
            assert state.owner is not None
            return ForeignOwner(address=address, target=target, owner=state.owner)
        case "dead_row_blocks":
            return DeadRowBlocks(
                address=address, target=target, author=state.author, owner=state.owner
            )
        case "ambiguous":
            where = "template" if doubled else "target"
            return Ambiguous(address=address, target=target, where=where)
        case _:
            raise AssertionError(f"{decision.verdict} is no conflict")
