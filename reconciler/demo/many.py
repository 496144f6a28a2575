"""The story goes on with many tenants: one plan for all, and who deviates from the others."""

from __future__ import annotations

from typing import Final

from reconciler.demo.scenes import Meanwhile, Step, run
from reconciler.errors import Exit

_SLUGS: Final = (
    "aspen", "cedar", "elm", "fir", "hazel", "larch", "linden", "maple", "oak", "pine", "rowan",
    "willow",
)  # fmt: skip
_ALL: Final = " ".join(f"--target {slug}" for slug in _SLUGS)
_PLAN: Final = f"plan personal-finance {_ALL} --as user_ana"

MANY: Final = (
    Step(
        "Many tenants are one plan",
        "What all of them get stands in the plan once, and is written in one transaction.",
        (
            Meanwhile(
                "Twelve more organisations sign up, and Ana looks after them.",
                f"""
                INSERT INTO organization (id, slug, name, visibility, "createdAt")
                SELECT 'org_' || slug, slug, initcap(slug), 'private', '2026-10-19 08:00Z'
                FROM unnest(string_to_array('{" ".join(_SLUGS)}', ' ')) AS slug;
                INSERT INTO member (id, "organizationId", "userId", role, "createdAt")
                SELECT 'member_' || slug, 'org_' || slug, 'user_ana', 'owner', '2026-10-19 08:00Z'
                FROM unnest(string_to_array('{" ".join(_SLUGS)}', ' ')) AS slug;
                """,  # noqa: S608
            ),
            run(f"apply personal-finance {_ALL} --as user_ana -auto-approve"),
        ),
        "reconcile status personal-finance   (how far every installation is)",
    ),
    Step(
        "Who deviates is told apart, and holds nobody up",
        "Most of them get the same two changes. Two have edited what is changed, one has deleted "
        "it, and two are in the way with types of their own: with --skip-conflicted those two are "
        "left out, each as a whole, and the plan goes on without them.",
        (
            Meanwhile(
                "The template's people let an account have a nickname, and add donations.",
                """
                UPDATE entity_types SET metadata_schema = jsonb_set(metadata_schema,
                    '{properties,nickname}', '{"type": "string", "title": "Nickname"}')
                WHERE organization_id = 'org_public_finance' AND slug = 'account';
                INSERT INTO entity_types (organization_id, slug, name, description,
                                          metadata_schema)
                VALUES ('org_public_finance', 'donation', 'Donation',
                        'Money that is given away, and to whom.',
                        '{"type": "object", "title": "Donation",
                          "properties": {"to": {"type": "string"}}}');
                """,
            ),
            Meanwhile(
                "Hazel and maple describe accounts in their own words, rowan deletes that type, "
                "and cedar and oak have written a donation type of their own.",
                """
                UPDATE entity_types SET description = 'Where the money is.'
                WHERE organization_id = 'org_hazel' AND slug = 'account';
                UPDATE entity_types SET description = 'One of our accounts.'
                WHERE organization_id = 'org_maple' AND slug = 'account';
                UPDATE entity_types SET deleted_at = now()
                WHERE organization_id = 'org_rowan' AND slug = 'account';
                INSERT INTO entity_types (organization_id, slug, name, description,
                                          metadata_schema, created_by, created_at)
                SELECT id, 'donation', 'Donation', 'Ours.', '{}', 'user_ana',
                       '2026-10-28 09:00Z'
                FROM organization WHERE slug IN ('cedar', 'oak');
                """,
            ),
            run(f"{_PLAN} --out fleet.plan.json", Exit.CONFLICTS),
            run(f"{_PLAN} --skip-conflicted --out others.plan.json"),
            run("apply others.plan.json"),
            run(f"{_PLAN} --skip-conflicted"),
        ),
        "reconcile show fleet.plan.json --verbose   (every value, and every target by name)",
    ),
)
