"""reconciler: plan and apply, as Terraform does, for the rows of a tenant's schema.

Rows leave the database as a Snapshot, two sides of it become a Plan, a person reads the Plan,
and exactly that Plan becomes one transaction:

    kinds/     which tables there are, as data        model/    the nouns
    reader/    database -> Snapshot                   sql/      words for PostgreSQL
    differ/    Snapshot -> Plan                       render/   words for people
    applier/   Plan -> Outcome                        ledger/   what was applied
    database/  connections, catalog, embedded server  cli/      one file a command
    library    the calls below                        demo/     the story of `make demo`

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
        HiddenRowsError,
        InvalidPlanError,
        KindError,
        LockedError,
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
    )
    from reconciler.library import (
        apply,
        init,
        install_agent_from_template,
        plan,
        resync_installed_agent,
    )
    from reconciler.model.outcome import Installation, Outcome
    from reconciler.model.plan import Plan

_HOME = {
    "apply": "library",
    "init": "library",
    "install_agent_from_template": "library",
    "plan": "library",
    "resync_installed_agent": "library",
    "Installation": "model.outcome",
    "Outcome": "model.outcome",
    "Plan": "model.plan",
}

__all__ = [
    "ConflictsError",
    "DatabaseError",
    "HiddenRowsError",
    "Installation",
    "InvalidPlanError",
    "KindError",
    "LockedError",
    "NotAuthorisedError",
    "NotFoundError",
    "NotInitialisedError",
    "Outcome",
    "OutcomeUnknownError",
    "Plan",
    "PlanFileError",
    "ReconcilerError",
    "RefusedError",
    "SchemaMismatchError",
    "ScopeError",
    "StalePlanError",
    "__version__",
    "apply",
    "init",
    "install_agent_from_template",
    "plan",
    "resync_installed_agent",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'reconciler' has no attribute {name!r}")
    return getattr(import_module(f"reconciler.{_HOME.get(name, 'errors')}"), name)
