"""reconciler: plan and apply, as Terraform does, for the rows of a tenant's schema.

Rows leave the database as a Snapshot, two sides of it become a Plan, a person reads the Plan,
and exactly that Plan becomes one transaction:

    kinds/     which tables there are, as data        model/    the nouns
    reader/    database -> Snapshot                   sql/      words for PostgreSQL
    differ/    Snapshot -> Plan                       render/   words for people
    applier/   Plan -> Outcome                        ledger/   what was applied
    database/  connections, catalog, embedded server  cli/      one file a command
    fleet/     waves as jobs of workers
    rollout/   a plan in waves                        progress  who watches, and telling them
    library    the calls below                        past      those that look back
    insight    those that look at the present        catalogs/  what is read by reference
    impact/    what a catalog's change would do
    shards/    the same for several databases      approvals/  who has signed a plan
    demo/      the story of `make demo`

Names are imported when they are first used, so that `import reconciler` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.errors import (
        ConflictsError,
        DatabaseError,
        FenceError,
        HiddenRowsError,
        InvalidPlanError,
        KindError,
        LockedError,
        MissingGrantError,
        NotAppliedError,
        NotApprovedError,
        NotAuthorisedError,
        NotFoundError,
        NotInitialisedError,
        OutcomeUnknownError,
        PlanFileError,
        ReconcilerError,
        RefusedError,
        SchemaMismatchError,
        ScopeError,
        StalePlanError,
        StoppedError,
        UnprovenError,
    )
    from reconciler.library import (
        advise,
        apply,
        catalog_change,
        grants,
        history,
        init,
        install_agent_from_template,
        outcome,
        plan,
        plan_undo,
        resync_installed_agent,
        revision,
        status,
        templates,
        vocabulary,
        why,
    )
    from reconciler.model.advice import Advice
    from reconciler.model.catalog_change import CatalogChange
    from reconciler.model.impact import Impact
    from reconciler.model.outcome import Fate, Installation, Outcome
    from reconciler.model.plan import Plan
    from reconciler.model.revision import Revision
    from reconciler.model.selection import Selection
    from reconciler.model.status import Status
    from reconciler.model.vocabulary import Vocabulary
    from reconciler.model.why import Why

_HOME = {
    "advise": "library",
    "apply": "library",
    "catalog_change": "library",
    "grants": "library",
    "history": "library",
    "init": "library",
    "install_agent_from_template": "library",
    "outcome": "library",
    "plan": "library",
    "plan_undo": "library",
    "resync_installed_agent": "library",
    "revision": "library",
    "status": "library",
    "templates": "library",
    "vocabulary": "library",
    "why": "library",
    "Advice": "model.advice",
    "CatalogChange": "model.catalog_change",
    "Fate": "model.outcome",
    "Impact": "model.impact",
    "Installation": "model.outcome",
    "Outcome": "model.outcome",
    "Plan": "model.plan",
    "Revision": "model.revision",
    "Selection": "model.selection",
    "Status": "model.status",
    "Vocabulary": "model.vocabulary",
    "Why": "model.why",
}

__all__ = [
    "Advice",
    "CatalogChange",
    "ConflictsError",
    "DatabaseError",
    "Fate",
    "FenceError",
    "HiddenRowsError",
    "Impact",
    "Installation",
    "InvalidPlanError",
    "KindError",
    "LockedError",
    "MissingGrantError",
    "NotAppliedError",
    "NotApprovedError",
    "NotAuthorisedError",
    "NotFoundError",
    "NotInitialisedError",
    "Outcome",
    "OutcomeUnknownError",
    "Plan",
    "PlanFileError",
    "ReconcilerError",
    "RefusedError",
    "Revision",
    "SchemaMismatchError",
    "ScopeError",
    "Selection",
    "StalePlanError",
    "Status",
    "StoppedError",
    "UnprovenError",
    "Vocabulary",
    "Why",
    "__version__",
    "advise",
    "apply",
    "catalog_change",
    "grants",
    "history",
    "init",
    "install_agent_from_template",
    "outcome",
    "plan",
    "plan_undo",
    "resync_installed_agent",
    "revision",
    "status",
    "templates",
    "vocabulary",
    "why",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'reconciler' has no attribute {name!r}")
    return getattr(import_module(f"reconciler.{_HOME.get(name, 'errors')}"), name)
