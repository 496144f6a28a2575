"""The checker's part about names: what a plan may call a row, and which ids it may mint."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.mint import ATTEMPTS, mint
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Change, Create, Move
from reconciler.model.kind import Kind
from reconciler.model.plan import Plan


def named(kind: Kind, change: Change, plan: Plan, kinds: dict[str, Kind]) -> Iterator[str]:
    """An address that a plan may speak of, and the ids that it may mint there."""
    agent = plan.template.agent_id
    if kind.installs and change.address.key != (agent,):
        yield f"{change.address}: is another template than the plan's"
    if _excluded(kind, change.address, kinds):
        yield f"{change.address}: is excluded, so it is nobody's to write"
    if isinstance(change, Create) and kind.mint is not None:
        for target, given in zip(change.targets, change.ids, strict=False):
            known = (mint(kind.mint, agent, target, change.address, n) for n in range(ATTEMPTS))
            if given not in known:
                yield f"{change.address}: its id in {target} is not one that a plan mints"


def renamed(kind: Kind, change: Move, plan: Plan, kinds: dict[str, Kind]) -> Iterator[str]:
    """A name that a row may get instead of the one that it had."""
    at, source = change.address, change.source
    if source.kind != at.kind or len(source.key) != len(at.key) or source == at:
        yield f"{at}: {source} is no other name of such a row"
    elif source.key[: -len(kind.key)] != at.key[: -len(kind.key)]:
        yield f"{at}: {source} belongs to another row"
    if kind.installs or kind.history or _excluded(kind, source, kinds):
        yield f"{at}: rows of this kind keep their names"
    if plan.request.mode != "undo" and not any(
        (one.source, one.to) == (source, at) for one in plan.request.moved
    ):
        yield f"{at}: gets another name, and nobody declared that"


def _excluded(kind: Kind, address: Address, kinds: dict[str, Kind]) -> bool:
    own = dict(zip(kind.key, address.key[-len(kind.key) :], strict=False)) if kind.key else {}
    if any(own.get(one.column, "").startswith(one.prefix) for one in kind.exclude):
        return True
    above = parent_of(kind, address)
    return above is not None and _excluded(kinds[above.kind], above, kinds)
