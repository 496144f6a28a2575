"""By copy or by reference, the same vocabulary: over random catalogs, and what shadows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reconciler
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

TYPES, RELATIONS = ("account", "loan", "pet"), ("owns", "owned_by")
SLUG, RELATION = st.sampled_from(TYPES), st.sampled_from(RELATIONS)


@dataclass(frozen=True)
class Shelf:
    """What an organisation has: types, and relationships with inverses and rules; some retired."""

    types: dict[str, tuple[int, bool]]
    relations: dict[str, tuple[int, bool, str | None, list[tuple[str, str]]]]


SHELF = st.builds(
    Shelf,
    types=st.dictionaries(SLUG, st.tuples(st.integers(0, 9), st.booleans())),
    relations=st.dictionaries(
        RELATION,
        st.tuples(
            st.integers(0, 9),
            st.booleans(),
            st.none() | RELATION,
            st.lists(st.tuples(SLUG, SLUG), max_size=2, unique=True),
        ),
    ),
)


def filled(catalogs: Catalogs, organization: str, shelf: Shelf) -> None:
    sql = catalogs.world.sql
    for slug, (variant, live) in shelf.types.items():
        schema = json.dumps({"title": f"{variant}", "maxProperties": variant})
        dead = {} if live else {"deleted_at": "2026-01-01"}
        catalogs.type(organization, slug, name=f"N{variant}", metadata_schema=schema, **dead)
    made: dict[str, int] = {}
    for slug, (variant, live, _, rules) in shelf.relations.items():
        dead = {} if live else {"status": "archived"}
        made[slug] = catalogs.relationship(
            organization, slug, name=f"N{variant}", is_symmetric=variant > 4, **dead
        )
        for source, target in rules:
            catalogs.rule(made[slug], source, target)
    for slug, (_, live, inverse, _) in shelf.relations.items():
        # What is retired is the inverse of nothing that is in use.
        if live and inverse in made and shelf.relations[inverse][1]:
            sql(
                "UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s",
                made[inverse], made[slug],
            )  # fmt: skip


def meaning(world: World, tenant: str) -> dict[tuple[str, str], Any]:
    """What each slug means there, wherever it is from."""
    where = {"id", "organization", "agents", "shadows"}
    return {
        (one.kind, one.slug): one.model_dump(exclude=where)
        for one in reconciler.vocabulary(world.dsn, tenant).entries
    }


def copied(catalogs: Catalogs, template: str, tenant: str) -> None:
    """Install a copy; what is there already stays, since what was there first is nearer."""
    world, options = catalogs.world, {"template": template}
    plan = world.plan(tenant, **options)
    plan = world.plan(tenant, skip=sorted({one.address for one in plan.conflicts}), **options)
    assert plan.conflicts == ()
    world.apply(plan)


@pytest.mark.shows(
    "a tenant has random catalogs by copy, another by reference, beside rows of their own",
    "both resolve to the same vocabulary",
)
def test_both_ways_give_the_same_vocabulary(shared_world: World, variants: Variants) -> None:
    @settings(
        deadline=None,
        max_examples=depth(3, 100),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(shelves=st.lists(SHELF, min_size=1, max_size=3), own=SHELF)
    def resolve(shelves: list[Shelf], own: Shelf) -> None:
        catalogs = gathered(shared_world)
        by_copy, by_reference = catalogs.tenant(), catalogs.tenant()
        for tenant in (by_copy, by_reference):
            filled(catalogs, tenant, own)
        for shelf in shelves:
            catalog = catalogs.catalog()
            filled(catalogs, catalog, shelf)
            catalogs.uses(catalog)
            agent = f"agent_{catalog}"
            shared_world.insert("agents", id=agent, organization_id=catalog, name="Shelf")
            copied(catalogs, agent, by_copy)
        plan = shared_world.plan(by_reference, template=catalogs.agent, mode="reference")
        shared_world.apply(plan)
        assert meaning(shared_world, by_copy) == meaning(shared_world, by_reference)
        variants.add()

    resolve()
