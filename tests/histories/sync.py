"""One sync: plan until nothing is in the way, apply, and hold the result against the truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
    asked, plan = resolved(town, who, adopting=adopting)
    before = Photo.take(town.world, everybody)
    outcome = town.world.apply(plan)
    assert outcome.status == ("applied" if plan.changes else "nothing_to_do")
    after = Photo.take(town.world, everybody)
    hold(town, Truth(before, after, plan, town.template, targets, frozenset(asked.adopt)))
    again = asked.plan(town, targets)
    assert again.conflicts == (), ("conflicts after an apply", again.conflicts)
    assert again.changes == (), ("changes after an apply", again.changes)


def hold(town: Town, applied: Truth) -> None:
    """Hold an apply against what ever happened in the town, and remember what it took over."""
    truth = replace(applied, touched=town.laid_hands_on, taken_over=frozenset(town.taken_over))
    wrongs = list(truth.wrongs())
    assert wrongs == [], wrongs
    town.taken_over |= set(truth.now_taken_over())


@dataclass
class Asked:
    """Who takes over what, and leaves what alone, by name."""

    skip: set[str] = field(default_factory=set)
    adopt: set[str] = field(default_factory=set)

    def plan(self, town: Town, targets: tuple[str, ...]) -> Plan:
        """A plan that says so."""
        agent = f"agent_{town.template}"
        return town.world.plan(
            *targets, template=agent, skip=sorted(self.skip), adopt=sorted(self.adopt)
        )


def resolved(town: Town, who: tuple[str, ...], *, adopting: bool) -> tuple[Asked, Plan]:
    """A plan for these tenants in which each conflict is resolved by name."""
    targets = tuple(town.organizations[one] for one in who)
    asked = Asked()
    plan = asked.plan(town, targets)
    for _ in range(ROUNDS):
        if not plan.conflicts:
            break
        given = asked.skip | asked.adopt
        for conflict in plan.conflicts:
            address = conflict.address
            assert address not in given & asked.skip, ("--skip does not resolve", conflict)
            if adopting and _adoptable(conflict) and address not in given | asked.skip:
                asked.adopt.add(address)
            else:
                asked.adopt.discard(address)
                asked.skip.add(address)
        plan = asked.plan(town, targets)
    assert not plan.conflicts, ("these never end", plan.conflicts)
    return asked, plan


def _adoptable(conflict: Conflict) -> bool:
    return conflict.reason == "edited_both" or (
        conflict.reason == "user_authored" and conflict.adoptable
    )
