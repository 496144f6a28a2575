"""Valid plans, changed anywhere and given the plan_id that fits: refused, or no harm to tenants."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from reconciler import planfile
from reconciler.model.canonical import parse
from reconciler.model.plan import Plan
from reconciler.model.value import FROM_FILE
from tests.fixtures.shown import Variants
from tests.fixtures.world import World
from tests.fuzz.test_fuzz_plan_files import _places as places
from tests.fuzz.tries import dice, survived, tries

MINE = "t.organization_id = 'org_acme' OR t.managed_by_template_agent_id IS NULL"
# Parts of a plan that say what it does, to whom and why.
TELLING = ("changes", "targets", "template", "actor", "request", "kinds", "shapes", "parents")


def forged(chance: Random, plan: Plan) -> Plan:
    """The plan with other fields; raises ValueError where it is no plan any more."""
    content = parse(planfile.dumps(plan))
    for _ in range(chance.randint(1, 3)):
        part = chance.choice((*TELLING, "changes", "changes", "changes"))
        known = list(places(content[part]))
        if not known:
            continue
        inside, key = chance.choice(known)
        other, there = chance.choice(known)
        match chance.randrange(4):
            case 0:
                inside[key] = json.loads(json.dumps(other[there]))
            case 1:
                del inside[key]
            case 2 if isinstance(inside[key], str):
                inside[key] = chance.choice(
                    ("org_acme", "org_birch", "agent_pf", "entity_type.transaction", "update", "x")
                )
            case _:
                inside[key], other[there] = other[there], inside[key]
    return Plan.model_validate(content, context=FROM_FILE).identified()


def tenants_own(world: World) -> list[tuple[Any, ...]]:
    """Every row that nobody but a tenant's own people wrote, and all of whom no plan speaks."""
    found = []
    for table in ("entity_types", "entity_relationship_types", "watchers", "event_classifiers"):
        found += world.sql(f"SELECT t::text, t.xmin::text FROM {table} t WHERE {MINE} ORDER BY 1")
    found += world.sql("SELECT t::text, t.xmin::text FROM entities t ORDER BY 1")
    found += world.sql("SELECT t::text FROM organization t ORDER BY 1")
    return found


@pytest.mark.shows(
    "a valid plan changed at random by a forger who knows how plan_ids are made",
    "refused with a reason, or nobody's own rows are touched",
)
def test_forgers(birch: World, variants: Variants) -> None:
    birch.insert("entity_types", slug="own", name="mine", organization_id="org_birch")
    birch.sql(
        "UPDATE entity_types SET name = name || '!' WHERE organization_id = 'org_public_finance' "
        "AND slug IN ('goal', 'bill', 'card')"
    )
    birch.insert("entity_types", slug="new", name="new", organization_id="org_public_finance")
    plan = birch.plan("birch")
    assert len(plan.changes) == 4
    chance = dice("forgers")
    before = tenants_own(birch)
    for _ in range(tries(25, 600)):
        try:
            other = forged(chance, plan)
        except (ValueError, TypeError, KeyError):
            continue
        variants.add()
        survived(lambda other=other: birch.apply(other))
        assert tenants_own(birch) == before, planfile.dumps(other)
