"""What an apply did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reconciler.model.base import Noun


class Outcome(Noun):
    """The result of an apply.

    status    applied; already_applied (the same plan, before); nothing_to_do
    counts    rows written, by kind and action: `{"entity_type": {"create": 24}}`
    template_moved  the template has changed since the plan was made; what was reviewed is
              what was applied, and a new plan would show the rest
    """

    status: Literal["applied", "already_applied", "nothing_to_do"]
    plan_id: str
    revision: int | None = None
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    template_moved: bool = False


class Fate(Noun):
    """What became of a plan, as the database tells it.

    status    applied      the ledger has it, as `revision`
              not_applied  nothing of it was written, and nothing is on its way
              unknown      not in the ledger (yet), for the reason in `why`
    counts    rows written, as in `Outcome`
    """

    status: Literal["applied", "not_applied", "unknown"]
    plan_id: str
    revision: int | None = None
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    why: str = ""


class Installation(Noun):
    """What an install or a re-sync did for one organisation.

    created says whether the agent row is new; revision is None when nothing was to do.
    """

    agent_id: str
    organization_id: str
    created: bool
    revision: int | None
    counts: dict[str, dict[str, int]]
