"""Which template has to do with a row: whose tag it has, who placed it, or what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.database.installations import installations
from reconciler.errors import ReconcilerError
from reconciler.insight.looking import Look
from reconciler.ledger.traces import Placement
from reconciler.model.address import Address
from reconciler.model.snapshot import Organization, RowOwner, State, Template


def tagged(
    states: Mapping[Address, State], chain: Sequence[Address]
) -> tuple[RowOwner, Address] | None:
    """The tag of a row, or of the nearest row above it that has one, and where that stands."""
    for address in chain:
        state = states.get(address)
        if state is not None and state.owner is not None:
            return state.owner, address
    return None


def find_template(
    looking: Look,
    target: Organization,
    typed: str | None,
    owner: RowOwner | None,
    placement: Placement | None,
) -> Template | None:
    """The template to ask about, or None where none has to do with the row.

    What another agent of an installed template's organisation placed, is that template's, too.
    Raises ReconcilerError where several could be meant.
    """
    if typed is not None:
        return looking.named(typed)
    found = installations(looking.connection, None, [target.id])
    here = {one.template: looking.template(one.template) for one in found}
    said = [(owner.agent, owner.organization)] if owner else []
    said += [(placement.template, placement.home)] if placement else []
    for agent, home in said:
        if agent in here:
            return here[agent]
        siblings = [one for one in here.values() if one.organization.id == home]
        return siblings[0] if len(siblings) == 1 else looking.template(agent)
    if len(here) > 1:
        names = ", ".join(f"{one.name} ({agent})" for agent, one in sorted(here.items()))
        raise ReconcilerError(
            f"{target.slug} has several templates, and the row is none of theirs: {names}",
            hint="Say which one is meant: --template TEMPLATE, by its id.",
        )
    return next(iter(here.values()), None)
