"""The story, as data: what is typed, what the platform's people do meanwhile, what comes next.

The demo plays it, and the worked plans under plans/ are its plan files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.errors import Exit


@dataclass(frozen=True)
class Run:
    """A command line of `reconcile`, and the exit code that it must end with."""

    words: tuple[str, ...]
    exits: Exit = Exit.DONE


@dataclass(frozen=True)
class Meanwhile:
    """What the platform's own people do, in their application: plain SQL."""

    what: str
    sql: str


@dataclass(frozen=True)
class Step:
    """One scene: a title, why it matters, what happens, and what to try next."""

    title: str
    tell: str
    happens: tuple[Run | Meanwhile, ...]
    next: str


def _run(line: str, exits: Exit = Exit.DONE) -> Run:
    return Run(tuple(line.split()), exits)


_SKIP: Final = "--skip entity_type.transaction"

STEPS: Final = (
    Step(
        "A plan is read before anything is written",
        "Ben looks at what the template personal-finance would bring to his organisation, birch.",
        (_run("plan personal-finance --target birch --as user_ben --out birch.plan.json"),),
        "reconcile show birch.plan.json --format markdown   (for the change ticket)",
    ),
    Step(
        "What was reviewed is what is applied, in one transaction",
        "Applying the saved plan twice is safe; and a new plan has nothing left to say.",
        (
            _run("apply birch.plan.json"),
            _run("apply birch.plan.json"),
            _run("plan personal-finance --target birch --as user_ben"),
        ),
        "reconcile show birch.plan.json --format sql   (the statements that were sent)",
    ),
    Step(
        "A row that a tenant's own people wrote is never touched",
        "Ana's organisation, acme, has a transaction type of its own. It is in the way, and the "
        "plan says so; an apply refuses the whole plan.",
        (
            _run(
                "plan personal-finance --target acme --as user_ana --out acme.plan.json",
                Exit.CONFLICTS,
            ),
            _run("apply acme.plan.json", Exit.CONFLICTS),
        ),
        "reconcile plan personal-finance --target acme --as user_ana "
        "--adopt entity_type.transaction   (the template's values win)",
    ),
    Step(
        "A person decides, by name, and the decision is in the plan",
        "Ana keeps her own type; everything else arrives.",
        (
            _run(f"plan personal-finance --target acme --as user_ana {_SKIP} --out skip.plan.json"),
            _run("apply skip.plan.json"),
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
            _run(
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
            _run("apply resync.plan.json", Exit.STALE),
        ),
        "make a new plan, and read it: the edit is in it now",
    ),
    Step(
        "Plan again, read again, apply",
        "The new plan shows birch's edit as what it is: overwritten, if this is applied.",
        (
            _run(
                "plan personal-finance --target acme --target birch --as user_ana "
                f"{_SKIP} --out again.plan.json"
            ),
            _run("apply again.plan.json"),
            _run(f"plan personal-finance --target acme --target birch --as user_ana {_SKIP}"),
        ),
        "reconcile kinds   (which tables, which columns, whose they are)",
    ),
)
