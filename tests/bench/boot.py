"""An agent's boot: its whole vocabulary by reference, and the rows alone by plain SELECT."""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Final

from reconciler import library
from tests.bench.goal import Goal
from tests.bench.measure import Connection, Spread, tidied
from tests.bench.town import ROWS, Town

LIMIT: Final = 8.0
_CALLS: Final = 20

# Every tenant has an agent that reads the template's organisation.
_BY_REFERENCE: Final = """
INSERT INTO agents (id, organization_id, name, template_entity_id)
SELECT 'agent of ' || o.id, o.id, 'Agent', t.id FROM organization o, entities t
WHERE o.visibility = 'private' AND t.slug = 'agent_template'
"""
_PLAIN: Final = (
    """SELECT id, organization_id, slug, name, description, icon, color, metadata_schema::text,
              event_kinds::text
       FROM entity_types WHERE organization_id = ANY(%s) AND deleted_at IS NULL""",
    """SELECT id, organization_id, slug, name, description, metadata_schema::text, is_symmetric,
              inverse_type_id
       FROM entity_relationship_types
       WHERE organization_id = ANY(%s) AND status = 'active' AND deleted_at IS NULL""",
    """SELECT r.relationship_type_id, r.source_entity_type_slug, r.target_entity_type_slug
       FROM entity_relationship_type_rules r
       JOIN entity_relationship_types t ON t.id = r.relationship_type_id
       WHERE t.organization_id = ANY(%s) AND r.deleted_at IS NULL""",
)


def measured(town: Town, repeats: int) -> list[Goal]:
    """One tenant's vocabulary on an open connection, by a tenant's name."""
    plain, whole = [], []
    with town.copy() as tenants:
        connection = tenants.connection
        tenants.read_a_catalog()
        connection.execute(_BY_REFERENCE.encode())
        tidied(connection)
        (tenant,) = tenants.targets(1)
        # The first of each warms up what is made once.
        for _ in range(repeats * _CALLS + 1):
            gc.collect(0)
            start = perf_counter()
            _select(connection, [tenant, "org_template"])
            middle = perf_counter()
            found = library.vocabulary(connection, tenant)
            whole.append(perf_counter() - middle)
            plain.append(middle - start)
    # And `$member`, its own.
    assert len(found.entries) == ROWS + 1
    floor, boot = Spread.of(plain[1:]), Spread.of(whole[1:])
    told = {"plain_seconds": vars(floor), "vocabulary_seconds": vars(boot)}
    says = (
        f"{ROWS} types: plain {1000 * floor.median:.2f} ms, vocabulary {1000 * boot.median:.2f} ms",
    )
    ratio = boot.median / floor.median
    return [Goal("a vocabulary, to its rows by SELECT", ratio, LIMIT, says, told)]


def _select(connection: Connection, organizations: list[str]) -> None:
    """The same rows in one round trip, by somebody who knows the path already."""
    with connection.pipeline():
        cursors = [connection.execute(text, (organizations,)) for text in _PLAIN]
    for cursor in cursors:
        cursor.fetchall()
