"""How the story ends: rows leave the template, a revision is taken back, a tenant uninstalls."""

from __future__ import annotations

from typing import Final

from reconciler.demo.scenes import Meanwhile, Step, Write, run
from reconciler.errors import Exit

_BIRCH: Final = "plan personal-finance --target birch --as user_ben"
_LEFT: Final = f"{_BIRCH} --prune --moved moved.toml"

ENDING: Final = (
    Step(
        "Rows leave the template, and one gets another name",
        "What left stays until somebody prunes it, and what birch's own rows use is not retired at "
        "all. A rename is never guessed: where it is declared, the row keeps its id.",
        (
            Meanwhile(
                "The template's people delete two types, and call mortgages home loans.",
                """
                UPDATE entity_types SET deleted_at = now()
                WHERE organization_id = 'org_public_finance' AND slug IN ('receipt', 'tax_year');
                UPDATE entity_types SET slug = 'home_loan', name = 'Home loan'
                WHERE organization_id = 'org_public_finance' AND slug = 'mortgage';
                """,
            ),
            Meanwhile(
                "In birch, somebody has kept a receipt.",
                """
                INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by)
                SELECT id, 'Boiler, with guarantee', 'boiler', 'org_birch', 'user_ben'
                FROM entity_types WHERE organization_id = 'org_birch' AND slug = 'receipt';
                """,
            ),
            run(_BIRCH),
            Write(
                "moved.toml",
                '[[moved]]\nfrom = "entity_type.mortgage"\nto = "entity_type.home_loan"\n',
            ),
            run(f"{_LEFT} --out left.plan.json", Exit.CONFLICTS),
            run(f"{_LEFT} --release entity_type.receipt --out prune.plan.json"),
            run("apply prune.plan.json"),
            run(_BIRCH),
        ),
        "reconcile show left.plan.json --format markdown   (what is in use, and the ways out)",
    ),
    Step(
        "What was applied can be taken back",
        "An undo is a plan like any other: the inverse of a revision, row by row. The rows come "
        "back as they were, ids and all.",
        (
            run("history birch"),
            run("plan --undo 7 --as user_ben --out undo.plan.json"),
            run("apply undo.plan.json"),
        ),
        "reconcile show 7   (the revision, as it was reviewed)",
    ),
    Step(
        "Uninstalled, nothing of the tenant's is lost",
        "What nobody uses is retired, what birch uses becomes birch's own, and the agent stays "
        "with its conversations. Installing again would bring back the very same rows.",
        (
            run(f"{_BIRCH} --destroy --out destroy.plan.json"),
            run("apply destroy.plan.json"),
            run(_BIRCH),
        ),
        "reconcile plan personal-finance --target acme --as user_ana --destroy --keep-rows",
    ),
)
