"""The whole of it against an answer that is found in another way."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler import CatalogChange, catalog_change
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.shown import depth
from tests.fixtures.world import World
from tests.impact.test_schema import SCALARS, SCHEMAS, VALUES

OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "a/b"]), VALUES, max_size=3)
SCHEMA = st.none() | SCHEMAS
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), OBJECTS | SCALARS), max_size=8)
SLUGS = ("one", "two")


def holds(schema: Any, content: Any) -> bool:
    return schema is None or Draft202012Validator(schema).is_valid(content)


def complete(schema: Any) -> Any:
    """With what it may refer to."""
    return {**schema, "$defs": {"one": {"type": "object"}}} if isinstance(schema, dict) else schema


@settings(
    max_examples=depth(6, 300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(now=st.tuples(SCHEMA, SCHEMA), then=st.tuples(SCHEMA, SCHEMA), rows=ROWS)
def test_as_jsonschema_says_of_each_row(
    shared_world: World, now: tuple[Any, Any], then: tuple[Any, Any], rows: list[Any]
) -> None:
    now, then = (tuple(map(complete, side)) for side in (now, then))  # type: ignore[assignment]
    catalogs: Catalogs = gathered(shared_world)
    catalog, tenants = catalogs.catalog(), [catalogs.tenant() for _ in range(3)]
    ids = [
        catalogs.type(catalog, slug, metadata_schema=json.dumps(schema))
        for slug, schema in zip(SLUGS, now, strict=True)
    ]
    broken: Counter[str] = Counter()
    already: Counter[str] = Counter()
    for number, (whose, of, content) in enumerate(rows):
        catalogs.thing(tenants[whose], ids[of], f"r{number}", metadata=json.dumps(content))
        if now[of] != then[of] and not holds(then[of], content):
            (broken if holds(now[of], content) else already)[tenants[whose]] += 1
    types = [
        {"slug": slug, "metadata_schema": schema} for slug, schema in zip(SLUGS, then, strict=True)
    ]
    change = CatalogChange.model_validate({"catalog": catalog, "entity_types": types})
    impact = catalog_change(shared_world.dsn, change)
    found = [tenant for one in impact.types for tenant in one.tenants]
    for expected, side in ((broken, "broken"), (already, "already")):
        told: Counter[str] = Counter()
        for one in found:
            told[one.organization.id] += getattr(one, side)
        assert +told == expected
    assert (impact.broken, impact.organizations) == (broken.total(), len(broken))
