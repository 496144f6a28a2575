"""How far every installation is: one plan a template, over all its installations at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from reconciler import target_list
from reconciler.database.connection import Database
from reconciler.database.installations import installations, organizations_by_id
from reconciler.errors import DatabaseError, HiddenRowsError, ReconcilerError
from reconciler.insight.looking import Look, availability, look
from reconciler.insight.tally import Tally, tallies
from reconciler.ledger.traces import last_revisions
from reconciler.model.plan import Plan
from reconciler.model.selection import Selection
from reconciler.model.snapshot import Organization, Template
from reconciler.model.status import (
    Condition,
    InstallationStatus,
    Status,
    TemplateStatus,
    exit_code,
)
from reconciler.reader.owned import count_owned
from reconciler.reader.selecting import organizations


def status(
    database: Database,
    template: str | None = None,
    targets: Sequence[str] | Selection = (),
    *,
    kinds: Path | None = None,
) -> Status:
    """How far installations are: of a template, or of all, in some organisations, or in all.

    `targets` are ids or slugs, or a Selection of organisations; only installations are told of.

    An installation is an agent that is installed from a template, or what is left of one: rows
    with the tag of a template that is gone, or that is not installed there any more. What can be
    compared is compared by the planner, as `plan` would; nothing is written, and no actor needed.

    Raises NotFoundError for an unknown template or organisation, and what `plan` raises where
    the database as a whole cannot be read; what only one template suffers from, stands in it.
    """
    selection, listed = target_list.read(targets)
    with look(database, kinds) as looking:
        here = organizations(looking.connection, selection, listed)
        return _Survey(looking, template, here).status()


class _Survey:
    """One look at all installations."""

    def __init__(self, looking: Look, template: str | None, here: Sequence[str] | None) -> None:
        self.looking = looking
        connection = looking.connection
        only = looking.named(template).agent_id if template is not None else None
        self.agents: dict[str, dict[str, str | None]] = defaultdict(dict)
        for one in installations(connection, only, here):
            self.agents[one.template][one.organization] = one.agent
        self.rows = count_owned(connection, looking.asked, here)
        for organization, agent in self.rows:
            if only in (None, agent):
                self.agents[agent].setdefault(organization, None)
        ids = sorted({one for found in self.agents.values() for one in found})
        self.organizations = organizations_by_id(connection, ids)
        pairs = [(agent, one) for agent, found in self.agents.items() for one in found]
        self.revisions = last_revisions(connection, pairs)

    def status(self) -> Status:
        """All of it, sorted by template and organisation."""
        templates = sorted(
            (self._template(agent) for agent in sorted(self.agents)),
            key=lambda one: (one.name, one.agent_id),
        )
        found = Counter(one.condition for each in templates for one in each.installations)
        order: tuple[Condition, ...] = get_args(Condition)
        counts = {condition: found[condition] for condition in order if found[condition]}
        return Status(
            exit_code=exit_code(counts),
            installations=found.total(),
            counts=counts,
            templates=tuple(templates),
        )

    def _template(self, agent: str) -> TemplateStatus:
        template = self.looking.template(agent)
        available = availability(template)
        agents = self.agents[agent]
        home = template.organization.id
        compared = sorted(
            one
            for one, installed in agents.items()
            if available == "public" and installed is not None and one != home
        )
        plan, why = self._plan(template, compared)
        tally = tallies(plan, self.looking.opening.kinds) if plan else {}
        told = [
            self._installation(
                template,
                self.organizations[one],
                tally.get(one, Tally()),
                _condition(template, one, agents, tally, failed=bool(why)),
            )
            for one in agents
        ]
        return TemplateStatus(
            agent_id=agent,
            name=template.name,
            organization=template.organization,
            availability=available,
            installed_from=template.installed_from,
            rows=plan.template_rows if plan else None,
            fingerprint=plan.fingerprint if plan else None,
            why=why,
            installations=tuple(
                sorted(told, key=lambda one: (one.organization.slug, one.organization.id))
            ),
        )

    def _plan(self, template: Template, organizations: list[str]) -> tuple[Plan | None, str]:
        """The plan for all installations that can be compared, or why there is none."""
        if not organizations:
            return None, ""
        try:
            targets = self.looking.targets(organizations, template)
            return self.looking.plan(template, targets)[0], ""
        except (DatabaseError, HiddenRowsError):
            raise
        except ReconcilerError as error:
            return None, error.message

    def _installation(
        self, template: Template, organization: Organization, tally: Tally, condition: Condition
    ) -> InstallationStatus:
        at = (template.agent_id, organization.id)
        revision, revised_at = self.revisions.get(at, (None, None))
        return InstallationStatus(
            organization=organization,
            agent_id=self.agents[template.agent_id][organization.id],
            condition=condition,
            rows=self.rows[organization.id, template.agent_id],
            revision=revision,
            revised_at=revised_at,
            **tally.numbers(),
        )


def _condition(
    template: Template,
    organization: str,
    agents: Mapping[str, str | None],
    tally: Mapping[str, Tally],
    *,
    failed: bool,
) -> Condition:
    available = availability(template)
    if available == "gone":
        return "gone"
    if agents[organization] is None:
        return "unlinked"
    if available == "installed" or organization == template.organization.id:
        return "refused"
    if available == "private":
        return "private"
    if failed:
        return "failed"
    found = tally.get(organization, Tally())
    if found.conflicts:
        return "conflicts"
    if found.pending:
        return "behind"
    return "attention" if found.prunable or found.dangling else "up_to_date"
