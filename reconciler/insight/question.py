"""Whose a row is, and why it is as it is: one row of one target, from all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.database.connection import Database
from reconciler.database.installations import find_organizations
from reconciler.database.templates import refuse
from reconciler.errors import RefusedError
from reconciler.insight import rule
from reconciler.insight.facts import Facts, only
from reconciler.insight.looking import Look, look
from reconciler.insight.naming import find_address, nearest, whole
from reconciler.insight.ways import planned, ways
from reconciler.insight.whose import find_template, tagged
from reconciler.kinds.order import parent_of
from reconciler.ledger import traces
from reconciler.model.address import Address
from reconciler.model.snapshot import Organization, Row, State, Template
from reconciler.model.why import Placed, StandingRow, Why
from reconciler.reader import closer
from reconciler.reader.answers import About


def why(
    database: Database,
    target: str,
    address: str,
    *,
    template: str | None = None,
    kinds: Path | None = None,
) -> Why:
    """Whose the row at this address is in an organisation, and why it is as it is.

    Without `template` it is the one that the row is tagged with, that the ledger says placed it,
    or the only one that is installed there; a template may be private or gone. Nothing is
    written, and no actor needed.

    Raises NotFoundError for an unknown organisation or template, and for a row that nobody knows,
    with the nearest addresses; ReconcilerError where it is not clear which template is meant.
    """
    with look(database, kinds) as looking:
        (organization,) = find_organizations(looking.connection, [target])
        return _Question(looking, organization, address).answer(template)


class _Question:
    """One question, inside its transaction."""

    def __init__(self, looking: Look, target: Organization, typed: str) -> None:
        self.looking = looking
        self.target = target
        self.kind, self.address = find_address(looking, typed)
        self.kinds = {kind.name: kind for kind in looking.opening.kinds}
        if not whole(looking, self.kind, self.address):
            raise nearest(looking, self.kind, self.address, target, ())

    def answer(self, typed: str | None) -> Why:
        """All that is known."""
        connection = self.looking.connection
        chain = self._chain()
        bare = self._look(None, chain)
        tag = tagged(bare, chain)
        placements = [traces.placement(connection, self.target.id, one) for one in chain]
        template = find_template(
            self.looking,
            self.target,
            typed,
            tag[0] if tag else None,
            next(filter(None, placements), None),
        )
        facts, rows, unplanned = self._facts(template, bare[self.address])
        touches = traces.touches(connection, self.target.id, chain)
        (placement, *_), row = placements, bare[self.address]
        if row.situation == "absent" and not (placement or facts.wanted or touches.told):
            known = [one.address for one in rows if one.address.kind == self.kind.name]
            said = []
            if template is None:
                said = ["no template is installed there (--template TEMPLATE asks about one)"]
            elif unplanned:
                said = [f"what the template has is not looked at ({unplanned})"]
            raise nearest(self.looking, self.kind, self.address, self.target, known, *said)
        if tag and tag[1] != self.address and facts.state.ledger is None:
            # What belongs to a row of the template's is the template's if it was placed.
            tag = None
        doubled = any(one.reason == "ambiguous" for one in facts.conflicts)
        return Why(
            address=self.address,
            organization=self.target,
            template=template,
            row=StandingRow(
                situation="ambiguous" if doubled else row.situation,
                id=row.ids[0] if row.ids else None,
                owner=tag[0] if tag else None,
                through=tag[1] if tag and tag[1] != self.address else None,
                author=row.author,
            ),
            placed=placement
            and Placed(
                state=placement.state,
                template_agent_id=placement.template,
                since=touches.first,
                last=placement.revision,
            ),
            rule=rule.of_row(facts),
            revisions=touches.told,
            more=touches.more,
            columns=rule.of_columns(facts),
            planned=planned(facts),
            unplanned=unplanned,
            ways=ways(facts),
        )

    def _chain(self) -> list[Address]:
        """The row, and the rows that it belongs to, the nearest first."""
        found = [self.address]
        while (above := parent_of(self.kinds[found[-1].kind], found[-1])) is not None:
            found.append(above)
        return found

    def _look(self, template: Template | None, chain: Sequence[Address]) -> dict[Address, State]:
        """What stands at these addresses, as a template's planner sees it, or as nobody's."""
        agent, home = (template.agent_id, template.organization.id) if template else ("", "")
        looking = self.looking
        states = closer.look(
            looking.connection,
            looking.opening,
            looking.asked,
            About(agent, home, [self.target.id]),
            [(self.target.id, one) for one in chain],
        )
        return {state.address: state for state in states}

    def _facts(self, template: Template | None, bare: State) -> tuple[Facts, tuple[Row, ...], str]:
        """What there is to reason with, the template's rows, and why there is no plan."""
        if template is None:
            return Facts(self.kind, self.address, self.target, None, bare), (), ""
        state = self._look(template, [self.address])[self.address]
        facts = Facts(
            self.kind,
            self.address,
            self.target,
            template,
            state,
            kinds=self.looking.kinds,
        )
        if template.gone:
            return facts, (), f"the template {template.name} no longer exists"
        targets = self.looking.targets([self.target.id], template)
        try:
            refuse(template, targets)
        except RefusedError as error:
            return facts, (), error.message
        plan, snapshot = self.looking.plan(template, targets)
        wanted = next((one for one in snapshot.rows if one.address == self.address), None)
        found = replace(facts, wanted=wanted, plan=only(plan, self.address))
        return found, snapshot.rows, ""
