"""One sync: plan until nothing is in the way, apply, and hold the result against the truth."""

from __future__ import annotations

from reconciler.model.conflict import Conflict
from reconciler.model.plan import Plan
from tests.histories.photo import Photo
from tests.histories.town import Town
from tests.histories.truth import Truth

ROUNDS = 8


def sync(town: Town, who: tuple[str, ...], *, adopting: bool) -> None:
    """Plan for these tenants, resolving each conflict by name, and apply."""
    town.log.append(("sync", who, adopting))
    targets = tuple(town.organizations[one] for one in who)
    everybody = list(town.organizations.values())
    skip: set[str] = set()
    adopt: set[str] = set()
    plan = _plan(town, targets, skip, adopt)
    for _ in range(ROUNDS):
        if not plan.conflicts:
            break
        given = skip | adopt
        for conflict in plan.conflicts:
            address = conflict.address
            assert address not in given & skip, ("--skip does not resolve", conflict)
            if adopting and _adoptable(conflict) and address not in given | skip:
                adopt.add(address)
            else:
                adopt.discard(address)
                skip.add(address)
        plan = _plan(town, targets, skip, adopt)
    assert not plan.conflicts, ("these never end", plan.conflicts)
    before = Photo.take(town.world, everybody)
    outcome = town.world.apply(plan)
    assert outcome.status == ("applied" if plan.changes else "nothing_to_do")
    after = Photo.take(town.world, everybody)
    touched = frozenset((town.organizations[one], slug) for one, slug in town.touched)
    truth = Truth(before, after, plan, town.template, targets, frozenset(adopt), touched)
    wrongs = list(truth.wrongs())
    assert wrongs == [], wrongs
    again = _plan(town, targets, skip, adopt)
    assert again.conflicts == (), ("conflicts after an apply", again.conflicts)
    assert again.changes == (), ("changes after an apply", again.changes)


def _plan(town: Town, targets: tuple[str, ...], skip: set[str], adopt: set[str]) -> Plan:
    agent = f"agent_{town.template}"
    return town.world.plan(*targets, template=agent, skip=sorted(skip), adopt=sorted(adopt))


def _adoptable(conflict: Conflict) -> bool:
    return conflict.reason == "edited_both" or (
        conflict.reason == "user_authored" and conflict.adoptable
    )
