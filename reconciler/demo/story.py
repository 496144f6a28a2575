"""The story, as data: what is typed, what the platform's people do meanwhile, what comes next.

The demo plays it, and the worked plans under plans/ are its plan files.
"""

from __future__ import annotations

from typing import Final

from reconciler.demo.catalogs import CATALOGS
from reconciler.demo.ending import ENDING
from reconciler.demo.many import MANY
from reconciler.demo.scenes import Meanwhile, Step, run
from reconciler.errors import Exit


def _publish(
    watcher: str,
    number: int,
    notes: str,
    before: str,
    after: str,
    organization: str = "org_public_finance",
) -> str:
    """A new version of a watcher, as the platform's people would publish it: row, then pointer."""
    return f"""
                INSERT INTO watcher_versions (watcher_id, version, name, description,
                    change_notes, prompt, extraction_schema, sources_schema, keying_config,
                    json_template, classifiers, required_source_types, recommended_source_types,
                    reactions_guidance, condensation_prompt, condensation_window_count, created_by,
                    created_at)
                SELECT v.watcher_id, {number}, v.name, v.description, '{notes}',
                    replace(v.prompt, '{before}', '{after}'), v.extraction_schema,
                    v.sources_schema, v.keying_config, v.json_template, v.classifiers,
                    v.required_source_types, v.recommended_source_types, v.reactions_guidance,
                    v.condensation_prompt, v.condensation_window_count, v.created_by,
                    timestamptz '2026-10-30 09:00Z'
                FROM watcher_versions v JOIN watchers w ON w.current_version_id = v.id
                WHERE w.organization_id = '{organization}' AND w.slug = '{watcher}';
                UPDATE watchers w SET current_version_id = v.id, version = {number}
                FROM watcher_versions v WHERE v.watcher_id = w.id AND v.version = {number}
                    AND w.organization_id = '{organization}' AND w.slug = '{watcher}';"""  # noqa: S608


_SKIP: Final = "--skip entity_type.transaction"

STEPS: Final = (
    Step(
        "A plan is read before anything is written",
        "Ben looks at what the template personal-finance would bring to his organisation, birch.",
        (run("plan personal-finance --target birch --as user_ben --out birch.plan.json"),),
        "reconcile show birch.plan.json --format markdown   (for the change ticket)",
    ),
    Step(
        "What was reviewed is what is applied, in one transaction",
        "Applying the saved plan twice is safe; and a new plan has nothing left to say.",
        (
            run("apply birch.plan.json"),
            run("apply birch.plan.json"),
            run("plan personal-finance --target birch --as user_ben"),
        ),
        "reconcile show birch.plan.json --format sql   (the statements that were sent)",
    ),
    Step(
        "A row that a tenant's own people wrote is never touched",
        "Ana's organisation, acme, has a transaction type of its own. It is in the way, and the "
        "plan says so; an apply refuses the whole plan.",
        (
            run(
                "plan personal-finance --target acme --as user_ana --out acme.plan.json",
                Exit.CONFLICTS,
            ),
            run("apply acme.plan.json", Exit.CONFLICTS),
        ),
        "reconcile plan personal-finance --target acme --as user_ana "
        "--adopt entity_type.transaction   (the template's values win)",
    ),
    Step(
        "A person decides, by name, and the decision is in the plan",
        "Ana keeps her own type; everything else arrives.",
        (
            run(f"plan personal-finance --target acme --as user_ana {_SKIP} --out skip.plan.json"),
            run("apply skip.plan.json"),
        ),
        'psql "$RECONCILE_DATABASE_URL" -c "SELECT organization_id, slug, '
        'managed_by_template_agent_id FROM entity_types ORDER BY 1, 2"',
    ),
    Step(
        "The template moves on, and so do the tenants",
        "One plan for both: identical changes are one line, an edit that would be lost is said "
        "aloud, and what a tenant deleted stays deleted.",
        (
            Meanwhile(
                "The template's people publish a new version: accounts get an IBAN and the LISA "
                "wrapper, there is a new type, and a duplicate is no longer symmetric.",
                """
                UPDATE entity_types SET
                    description = 'A bank, savings or pension account.',
                    metadata_schema = jsonb_set(jsonb_set(metadata_schema,
                        '{properties,iban}',
                        '{"type": "string", "title": "IBAN", "maxLength": 34}'),
                        '{properties,wrapper,enum}',
                        metadata_schema #> '{properties,wrapper,enum}' || '["LISA"]')
                WHERE organization_id = 'org_public_finance' AND slug = 'account';
                INSERT INTO entity_types (organization_id, slug, name, description,
                                          metadata_schema)
                VALUES ('org_public_finance', 'allowance_window', 'Allowance window',
                        'The months in which a yearly allowance can be used.',
                        '{"type": "object", "title": "Allowance window",
                          "required": ["opens_on", "closes_on"],
                          "properties": {"opens_on": {"type": "string", "format": "date"},
                                         "closes_on": {"type": "string", "format": "date"}}}');
                UPDATE entity_relationship_types SET is_symmetric = false
                WHERE organization_id = 'org_public_finance' AND slug = 'duplicate_of';
                """,
            ),
            Meanwhile(
                "In acme, somebody edits the budget type and deletes the goal type.",
                """
                UPDATE entity_types SET description = 'What we allow ourselves.'
                WHERE organization_id = 'org_acme' AND slug = 'budget';
                UPDATE entity_types SET deleted_at = now()
                WHERE organization_id = 'org_acme' AND slug = 'goal';
                """,
            ),
            run(
                "plan personal-finance --target acme --target birch --as user_ana "
                f"{_SKIP} -detailed-exitcode --out resync.plan.json",
                Exit.CHANGES,
            ),
        ),
        "reconcile show resync.plan.json --format markdown",
    ),
    Step(
        "A plan that no longer fits is refused whole",
        "After the review, somebody in birch changes a row that the plan would change.",
        (
            Meanwhile(
                "In birch, somebody edits the account type.",
                """
                UPDATE entity_types SET description = 'Where our money sleeps.'
                WHERE organization_id = 'org_birch' AND slug = 'account';
                """,
            ),
            run("apply resync.plan.json", Exit.STALE),
        ),
        "make a new plan, and read it: the edit is in it now",
    ),
    Step(
        "Plan again, read again, apply",
        "The new plan shows birch's edit as what it is: overwritten, if this is applied.",
        (
            run(
                "plan personal-finance --target acme --target birch --as user_ana "
                f"{_SKIP} --out again.plan.json"
            ),
            run("apply again.plan.json"),
            run(f"plan personal-finance --target acme --target birch --as user_ana {_SKIP}"),
        ),
        "reconcile kinds   (which tables, which columns, whose they are)",
    ),
    Step(
        "A new version is a new row, and what the tenant's instance does is its own",
        "The template publishes a version of a watcher: in birch a row is added and the pointer "
        "moves, and nothing that was found with the old version changes its meaning.",
        (
            Meanwhile(
                "The template's people publish version 4 of bills_due, which looks further ahead.",
                _publish("bills_due", 4, "Looks three weeks ahead.", "fortnight", "three weeks"),
            ),
            Meanwhile(
                "They also let it run an hour earlier.",
                """
                UPDATE watchers SET schedule = '30 6 * * *'
                WHERE organization_id = 'org_public_finance' AND slug = 'bills_due';
                """,
            ),
            Meanwhile(
                "In birch, the platform runs the watcher through a connection of birch's own.",
                """
                UPDATE watchers SET connection_id = 'conn_birch', entity_ids = '{1,2}'
                WHERE organization_id = 'org_birch' AND slug = 'bills_due';
                """,
            ),
            run("plan personal-finance --target birch --as user_ben --out version.plan.json"),
            run("apply version.plan.json"),
        ),
        "reconcile show version.plan.json --verbose   (the whole prompt)",
    ),
    Step(
        "What a tenant switched off stays off",
        "Acme archived a watcher. Its slug is still taken, and its versions are still there; the "
        "re-sync leaves all that alone and brings the rest.",
        (
            Meanwhile(
                "In acme, somebody archives the watcher large_transaction.",
                """
                UPDATE watchers SET status = 'archived', next_run_at = NULL
                WHERE organization_id = 'org_acme' AND slug = 'large_transaction';
                """,
            ),
            run(
                f"plan personal-finance --target acme --as user_ana {_SKIP} "
                "--out archived.plan.json"
            ),
            run("apply archived.plan.json"),
        ),
        "reconcile show archived.plan.json --format markdown",
    ),
    Step(
        "A version that a tenant published is the tenant's",
        "Acme wrote a version 2 of its own, and runs it; then the template publishes a version "
        "2, too. A number means one thing in a tenant, so the plan asks. Left as it is, acme keeps "
        "its version; the template's next number will arrive beside it.",
        (
            Meanwhile(
                "In acme, somebody publishes a version 2 of budget_overrun and lets it run.",
                _publish("budget_overrun", 2, "Ours.", "household", "company", "org_acme"),
            ),
            Meanwhile(
                "The template's people publish their version 2 of budget_overrun.",
                _publish("budget_overrun", 2, "Says it kindly.", "household", "family"),
            ),
            run(
                f"plan personal-finance --target acme --as user_ana {_SKIP} --out own.plan.json",
                Exit.CONFLICTS,
            ),
            run(
                f"plan personal-finance --target acme --as user_ana {_SKIP} "
                "--skip watcher_version.budget_overrun/2"
            ),
        ),
        "reconcile show own.plan.json --format json   (the conflict, for a program)",
    ),
    Step(
        "What needs a row of the tenant's waits for it",
        "One classifier belongs to an entity, main-account. Birch had none, so it was deferred; "
        "now that there is one, it arrives.",
        (
            run("plan personal-finance --target birch --as user_ben --out missing.plan.json"),
            Meanwhile(
                "In birch, somebody enters the main account.",
                """
                INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by)
                SELECT id, 'Main account', 'main-account', 'org_birch', 'user_ben'
                FROM entity_types WHERE organization_id = 'org_birch' AND slug = 'account';
                """,
            ),
            run("plan personal-finance --target birch --as user_ben --out arrives.plan.json"),
            run("apply arrives.plan.json"),
            run("plan personal-finance --target birch --as user_ben"),
        ),
        "reconcile kinds   (what belongs to what, and in which order it is written)",
    ),
    *ENDING,
    *MANY,
    *CATALOGS,
)
