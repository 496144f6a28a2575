"""Whatever was customised: from copies to references and back, nothing is lost, and all means what
it did; and both are undone.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World
from tests.test_convert import Town, founded

SLUGS = ("account", "loan", "person")
SLUG = st.sampled_from(SLUGS)
STEP = st.one_of(
    st.tuples(st.just("edit"), SLUG),
    st.tuples(st.just("delete"), SLUG),
    st.tuples(st.just("publish"), SLUG),
    st.tuples(st.just("rule"), SLUG),
    st.tuples(st.just("unrule"), st.just("")),
    st.tuples(st.just("thing"), SLUG),
    st.tuples(st.just("own"), st.just("pet")),
)


def live(town: Town, step: tuple[str, str], number: int) -> None:
    """What the tenant, or the publisher, does."""
    act, slug = step
    types = "organization_id = %s AND slug = %s AND deleted_at IS NULL"
    match act:
        case "edit" | "publish":
            whose = town.tenant if act == "edit" else town.catalogs.home
            sql = f"UPDATE entity_types SET description = %s WHERE {types}"
            town.sql(sql, f"{act} {number}", whose, slug)
        case "delete":
            unused = "AND NOT EXISTS (SELECT FROM entities e WHERE e.entity_type_id = t.id)"
            sql = f"UPDATE entity_types t SET deleted_at = now() WHERE {types} {unused}"
            town.sql(sql, town.tenant, slug)
        case "rule":
            town.catalogs.rule(town.own("entity_relationship_types", "owns"), slug, slug)
        case "unrule":
            town.sql(
                "UPDATE entity_relationship_type_rules SET deleted_at = now() "
                "WHERE relationship_type_id = %s",
                town.own("entity_relationship_types", "owns"),
            )
        case "thing":
            there = town.sql(f"SELECT id FROM entity_types WHERE {types}", town.tenant, slug)
            for (own,) in there:
                town.catalogs.thing(town.tenant, own, f"more-{number}")
        case "own":
            there = town.sql(f"SELECT id FROM entity_types WHERE {types}", town.tenant, slug)
            if not there:
                town.catalogs.type(town.tenant, slug)


@pytest.mark.shows(
    "a tenant with random customisations is converted to references, to copies, and both undone",
    "each entity and relationship means what it did; after each undo the rows are what they were",
)
def test_there_and_back_nothing_is_lost(shared_world: World, variants: Variants) -> None:
    @settings(
        deadline=None,
        max_examples=depth(3, 100),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=st.lists(STEP, max_size=6))
    def convert(steps: list[tuple[str, str]]) -> None:
        town = founded(shared_world)
        for number, step in enumerate(steps):
            live(town, step, number)
        before, meant = town.rows(), town.meaning()
        there = town.plan(convert="reference")
        assert there.conflicts == ()
        first = town.apply(there)
        assert town.meaning() == meant
        between = town.rows()
        assert town.plan(convert="reference").empty
        back = town.plan(convert="copy", skip=asked(town))
        assert back.conflicts == ()
        second = town.apply(back)
        assert town.meaning() == meant
        assert town.plan(convert="copy", skip=asked(town)).empty
        if not any(act in ("edit", "publish", "own", "delete") for act, _ in steps):
            assert town.rows() == before
        town.apply(town.undo(second))
        assert town.rows() == between
        town.apply(town.undo(first))
        assert town.rows() == before
        variants.add()

    convert()


def asked(town: Town) -> list[str]:
    """What is in the way of a copy stays as it is."""
    plan = town.plan(convert="copy")
    return sorted({str(one.address) for one in plan.conflicts})
