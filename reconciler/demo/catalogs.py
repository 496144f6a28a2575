"""The same template without copies: tenants that read it by reference, and how a tenant changes."""

from __future__ import annotations

from typing import Final

from reconciler.demo.scenes import Meanwhile, Step, run

_JUNIPER: Final = "personal-finance --target juniper --as user_ana"
_OAK: Final = "personal-finance --target oak --as user_ana"
_WILLOW: Final = "personal-finance --target willow --as user_ana"

CATALOGS: Final = (
    Step(
        "By reference, nothing is copied",
        "The other way to have a template: an agent that reads the vocabulary where it is, in a "
        "public catalog. What the template changes is there at once, and nobody can change it for "
        "himself.",
        (
            Meanwhile(
                "The template's people say which catalogs it reads: their own organisation. What "
                "they say it with are types of the platform's.",
                """
                INSERT INTO organization (id, slug, name, visibility, "createdAt")
                VALUES ('org_platform', 'platform', 'Platform', 'public', '2026-10-26 08:00Z');
                INSERT INTO entity_types (organization_id, slug, name)
                VALUES ('org_platform', 'agent_template', 'Agent template'),
                       ('org_platform', '$catalog', 'Catalog');
                INSERT INTO entity_relationship_types (organization_id, slug, name)
                VALUES ('org_platform', 'uses_catalog', 'Uses catalog');
                INSERT INTO entities (organization_id, entity_type_id, slug, name, created_by)
                SELECT 'org_public_finance', t.id, w.slug, w.name, 'user_publisher'
                FROM entity_types t JOIN (VALUES
                    ('agent_template', 'personal-finance', 'Personal Finance'),
                    ('$catalog', 'public-finance', 'Public Finance')) AS w (type, slug, name)
                ON t.slug = w.type WHERE t.organization_id = 'org_platform';
                INSERT INTO entity_relationships (organization_id, from_entity_id, to_entity_id,
                                                  relationship_type_id)
                SELECT f.organization_id, f.id, t.id, r.id
                FROM entities f
                JOIN entities t ON t.slug = 'public-finance'
                    AND t.organization_id = f.organization_id
                JOIN entity_relationship_types r ON r.slug = 'uses_catalog'
                WHERE f.slug = 'personal-finance' AND f.organization_id = 'org_public_finance';
                """,
            ),
            Meanwhile(
                "An organisation signs up, juniper; Ana looks after it.",
                """
                INSERT INTO organization (id, slug, name, visibility, "createdAt")
                VALUES ('org_juniper', 'juniper', 'Juniper', 'private', '2026-10-27 08:00Z');
                INSERT INTO member (id, "organizationId", "userId", role, "createdAt")
                VALUES ('member_juniper', 'org_juniper', 'user_ana', 'owner', '2026-10-27 08:00Z');
                INSERT INTO entity_types (organization_id, slug, name)
                VALUES ('org_juniper', '$member', 'Member');
                """,
            ),
            run(f"plan {_JUNIPER} --mode reference --out reference.plan.json"),
            run("apply reference.plan.json"),
            run(f"plan {_JUNIPER}"),
        ),
        "reconcile vocabulary juniper   (what it reads, and from where)",
    ),
    Step(
        "The nearest row is what a slug means",
        "Oak has a copy, and a donation type of its own that it keeps. Converted, all that equals "
        "the catalog's is retired, and oak's entities are of the catalog's types; its own type "
        "shadows the catalog's of the same slug.",
        (
            run(f"apply {_OAK} --skip entity_type.donation -auto-approve"),
            Meanwhile(
                "In oak, somebody enters an account.",
                """
                INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by)
                SELECT id, 'Joint account', 'joint-account', 'org_oak', 'user_ana'
                FROM entity_types WHERE organization_id = 'org_oak' AND slug = 'account';
                """,
            ),
            run(f"plan {_OAK} --convert reference --out shadow.plan.json"),
            run("apply shadow.plan.json"),
            run("vocabulary oak"),
        ),
        "reconcile plan personal-finance --target oak --as user_ana --convert copy  (the way back)",
    ),
    Step(
        "What a tenant customised stays its own",
        "Willow has changed two types. They stay as they are and shadow the catalog's; everything "
        "else gives way, in one transaction, and an undo brings it all back.",
        (
            Meanwhile(
                "In willow, somebody calls accounts pots, and asks for a budget's owner.",
                """
                UPDATE entity_types SET name = 'Pot'
                WHERE organization_id = 'org_willow' AND slug = 'account';
                UPDATE entity_types SET metadata_schema = jsonb_set(metadata_schema,
                    '{properties,owner}', '{"type": "string", "title": "Owner"}')
                WHERE organization_id = 'org_willow' AND slug = 'budget';
                """,
            ),
            Meanwhile(
                "They have entered a pot, and a person whose it is.",
                """
                INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by)
                SELECT id, name, slug || '-1', 'org_willow', 'user_ana'
                FROM entity_types
                WHERE organization_id = 'org_willow' AND slug IN ('account', 'person');
                INSERT INTO entity_relationships (organization_id, from_entity_id, to_entity_id,
                                                  relationship_type_id)
                SELECT 'org_willow', f.id, t.id, r.id
                FROM entities f, entities t, entity_relationship_types r
                WHERE f.organization_id = 'org_willow' AND f.slug = 'person-1'
                    AND t.organization_id = 'org_willow' AND t.slug = 'account-1'
                    AND r.organization_id = 'org_willow' AND r.slug = 'owns';
                """,
            ),
            run(f"plan {_WILLOW} --convert reference --out convert.plan.json"),
            run("apply convert.plan.json"),
            run(f"plan {_WILLOW} --convert reference"),
        ),
        "reconcile show convert.plan.json --format markdown   (with the rows that follow, counted)",
    ),
)
