"""The schema search path: which public catalogs a template reads, and in which order.

A template of this kind is an entity of the type `agent_template` in a catalog, and its
relationships of the type `uses_catalog` lead to entities of the catalogs that it reads. An agent
that names such an entity (`agents.template_entity_id`) reads them by reference.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.model.catalog import Catalog, Reference
from reconciler.model.snapshot import Organization, Template

# A row of `o` is a catalog: public and, where the platform tells kinds of organisations apart,
# one of that kind.
IS_CATALOG: Final = (
    "(o.visibility = 'public' AND (to_jsonb(o) -> 'kind' IS NULL "
    "OR to_jsonb(o) ->> 'kind' IS NOT DISTINCT FROM 'public_catalog'))"
)

# The catalogs of the template entities `t` (id, organization_id): `uses` has a line for each, in
# order. Only its own people say what a template reads: a stranger's relationship does not count.
USES: Final = """
SELECT t.id AS template_entity_id, c.organization_id, min(n.place) AS place
FROM t
JOIN LATERAL (
    SELECT r.to_entity_id, row_number() OVER (
        ORDER BY CASE WHEN jsonb_typeof(r.metadata -> 'position') = 'number'
                      THEN (r.metadata ->> 'position')::numeric END NULLS LAST, r.id) AS place
    FROM public.entity_relationships r
    JOIN public.entity_relationship_types k ON k.id = r.relationship_type_id
    WHERE r.from_entity_id = t.id AND r.organization_id = t.organization_id
      AND r.deleted_at IS NULL AND k.slug = 'uses_catalog' AND k.deleted_at IS NULL
      AND k.status = 'active'
) n ON true
JOIN public.entities c ON c.id = n.to_entity_id AND c.deleted_at IS NULL
GROUP BY t.id, c.organization_id
"""

# Which entity stands for a template agent: the one that names it, else the only one beside it.
_REFERENCES: Final = f"""
WITH t AS (
    SELECT e.id, e.organization_id, e.name
    FROM public.entities e JOIN public.entity_types k ON k.id = e.entity_type_id
    WHERE e.organization_id = $2 AND e.deleted_at IS NULL AND k.slug = 'agent_template'
      AND k.deleted_at IS NULL AND coalesce(e.metadata ->> 'agent_id', $1) = $1
), uses AS ({USES})
SELECT t.id, t.name, o.id, o.slug, o.name, o.visibility, {IS_CATALOG}
FROM t LEFT JOIN uses u ON u.template_entity_id = t.id
LEFT JOIN public.organization o ON o.id = u.organization_id
ORDER BY t.id, u.place
"""  # noqa: S608 - the only things put in are the constants above


def references_of(connection: Connection, template: Template) -> tuple[Reference, ...]:
    """The entities that stand for a template agent, each with the catalogs that it reads.

    Installing by reference needs exactly one.
    """
    asked = Fixed(_REFERENCES, (template.agent_id, template.organization.id))
    (rows,) = run(connection, [asked])
    names: dict[int, str] = {}
    found: dict[int, list[Catalog]] = defaultdict(list)
    for entity, name, organization, slug, called, visibility, public in rows:
        names[entity] = name
        if organization is not None:
            home = Organization(id=organization, slug=slug, name=called, visibility=visibility)
            found[entity].append(Catalog(organization=home, public=public))
    return tuple(
        Reference(entity_id=entity, name=name, catalogs=tuple(found[entity]))
        for entity, name in names.items()
    )
