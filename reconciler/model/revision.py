"""What the ledger tells of the past, without the plans themselves."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field

from reconciler.model.approval import Approved
from reconciler.model.base import Noun
from reconciler.model.snapshot import Actor

What = Literal["install", "sync", "uninstall", "release", "undo"]


class Revision(Noun):
    """One entry of the ledger: a plan that was applied.

    number         counts up; a number that is missing belongs to an apply that was refused
    plan_id        the plan's; applying that plan again does nothing
    part_of        the plan_id of the plan that was reviewed, where this is a wave of it
    applied_at     the transaction's time, as `2026-11-02T09:14:00Z`
    what           install (the template was new to a target at least), sync, uninstall, release,
                   or undo of the revision `undoes`
    undone_by      the revisions that undid this one, if any; `partly_undone_by` are those of them
                   that did so in some of its targets only, where others are left
    template_...   as they were called then
    actor          in whose name; its label is the e-mail address, or what an operator was known by
    database_role  which role of the database applied it
    approvals      those by which it was applied, as they were recorded
    targets        of how many organisations
    counts         rows written, by kind and action: `{"entity_type": {"create": 24}}`
    """

    number: int
    plan_id: str
    part_of: str | None = None
    applied_at: str
    what: What
    undoes: int | None = None
    undone_by: tuple[int, ...] = ()
    partly_undone_by: tuple[int, ...] = ()
    template_agent_id: str
    template_name: str
    template_organization_id: str
    template_organization_slug: str
    actor: Actor
    database_role: str
    approvals: tuple[Approved, ...] = ()
    targets: int
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)

    def actions(self) -> Counter[str]:
        """Rows by action, of all kinds: `{"create": 24}`."""
        rows: Counter[str] = Counter()
        for actions in self.counts.values():
            rows.update(actions)
        return rows


class History(Noun):
    """What `reconcile history -json` prints: revisions, newest first.

    more  whether there are older ones, beyond the limit
    """

    revisions: tuple[Revision, ...] = ()
    more: bool = False
