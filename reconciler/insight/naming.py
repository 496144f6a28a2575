"""Addresses that people type: what they mean, and what was meant where there is no such row."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.errors import NotFoundError, ReconcilerError
from reconciler.insight.looking import Look
from reconciler.kinds.order import key_width
from reconciler.ledger import traces
from reconciler.model.address import Address
from reconciler.model.kind import Kind
from reconciler.model.snapshot import Organization
from reconciler.reader.owned import addresses

_NEAREST = 5


def find_address(looking: Look, typed: str) -> tuple[Kind, Address]:
    """The address, and its kind; raises NotFoundError for a kind that there is none of."""
    kinds = {kind.name: kind for kind in looking.opening.kinds}
    try:
        address = Address.parse(typed)
    except ValueError as error:
        raise ReconcilerError(
            str(error), hint="A plan shows each row's address; `reconcile kinds` lists the kinds."
        ) from error
    left_out = looking.opening.left_out.get(address.kind)
    if left_out is not None:
        raise NotFoundError(
            f"this database cannot hold rows of the kind {address.kind}: {left_out}",
            hint="`reconcile kinds` lists the kinds.",
        )
    if address.kind not in kinds:
        near = get_close_matches(address.kind, kinds, _NEAREST)
        raise NotFoundError(
            f"there is no kind {address.kind!r}",
            hint=f"Did you mean {', '.join(near)}?" if near else "`reconcile kinds` lists them.",
        )
    return kinds[address.kind], address


def whole(looking: Look, kind: Kind, address: Address) -> bool:
    """Whether the address has as many parts as a key of its kind."""
    named = {one.name: one for one in looking.opening.kinds}
    return len(address.key) == key_width(kind, named)


def nearest(
    looking: Look,
    kind: Kind,
    address: Address,
    target: Organization,
    known: Iterable[Address],
    template: str = "the template has no such row",
) -> NotFoundError:
    """Nobody knows a row of this name: say so, and which ones there are.

    `template` is what there is to say of the template.
    """
    everything = {
        *known,
        *traces.placed(looking.connection, target.id, kind.name),
        *addresses(looking.connection, looking.asked, kind, target.id),
    }
    near = get_close_matches(address, sorted(everything), _NEAREST, cutoff=0.5)
    hint = f"The nearest are: {', '.join(near)}" if near else "It has no rows of this kind."
    if not near and everything:
        hint = f"It has {len(everything)} of this kind, as {', '.join(sorted(everything)[:3])}."
    excluded = [one for one in kind.exclude if address.key[-1].startswith(one.prefix)]
    if excluded:
        hint += f"\nRows whose {excluded[0].column} begins with {excluded[0].prefix} are no row of "
        hint += "a template's: each organisation has its own."
    return NotFoundError(
        f"nobody knows a row {address} in {target.slug}: it is not there, {template}, and the "
        "ledger knows none",
        hint=hint,
    )
