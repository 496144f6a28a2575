"""Whether installations should have their template by reference: what converting them would do.

The planner itself is asked, as `plan --convert reference` asks it: so many installations at a time,
in one transaction, so that what is kept in memory does not grow with the fleet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler import target_list
from reconciler.database.connection import Database
from reconciler.database.indexes import count_indexes
from reconciler.database.installations import installations
from reconciler.errors import (
    DatabaseError,
    HiddenRowsError,
    NotInitialisedError,
    ReconcilerError,
    RefusedError,
)
from reconciler.insight.looking import Look, look
from reconciler.insight.weighed import Weighed
from reconciler.model.advice import Advice, TemplateAdvice, judged
from reconciler.model.change import Retire
from reconciler.model.plan import Plan
from reconciler.model.selection import Selection
from reconciler.model.snapshot import Target, Template
from reconciler.progress import tell
from reconciler.reader.selecting import organizations
from reconciler.reader.weighing import count_left, weigh

# Installations that are compared at a time: what takes memory is their rows, and what takes time
# is that the tables are read through each time.
BATCH: Final = 1000


def advise(
    database: Database,
    template: str | None = None,
    targets: Sequence[str] | Selection = (),
    *,
    fleet: bool = False,
    kinds: Path | None = None,
) -> Advice:
    """What having a template by reference would save and change, where there are copies of it.

    Of a template, or of all that are installed; `targets` are ids or slugs, or a Selection of
    organisations: only installations are told of, and with `fleet` only all of them together.
    Nothing is written, and no actor needed.

    Raises NotFoundError for an unknown template or organisation, and what `plan` raises where the
    database as a whole cannot be read; why one template cannot be converted, stands in it.
    """
    selection, listed = target_list.read(targets)
    with look(database, kinds) as looking:
        here = organizations(looking.connection, selection, listed)
        only = looking.named(template).agent_id if template is not None else None
        found: dict[str, list[str]] = defaultdict(list)
        if only is not None:
            found[only] = []
        for one in installations(looking.connection, only, here):
            found[one.template].append(one.organization)
        advice = [
            _Advising(looking, looking.template(agent)).advise(sorted(where), fleet=fleet)
            for agent, where in sorted(found.items())
        ]
    return Advice(templates=tuple(sorted(advice, key=lambda one: (one.name, one.agent_id))))


class _Advising:
    """One template, and those who have it."""

    def __init__(self, looking: Look, template: Template) -> None:
        self.looking = looking
        self.template = template
        self.about = TemplateAdvice(
            agent_id=template.agent_id, name=template.name, organization=template.organization
        )

    def advise(self, where: Sequence[str], *, fleet: bool) -> TemplateAdvice:
        """What there is to say of the template in these organisations."""
        if self.template.gone:
            return self._without("it no longer exists")
        others = [one for one in where if one != self.template.organization.id]
        targets = self.looking.targets(others, self.template)
        copies = [one for one in targets if one.reads is None]
        self.about = self.about.model_copy(
            update={"copies": len(copies), "by_reference": len(targets) - len(copies)}
        )
        weighed = Weighed(self.looking.opening.kinds, fleet=fleet)
        try:
            # Whether it can be had by reference at all is found without any installation, too.
            for first in range(0, max(1, len(copies)), BATCH):
                tell("comparing", what=f"{first} of {len(copies)} installations")
                self._compare(weighed, tuple(copies[first : first + BATCH]))
        except (DatabaseError, HiddenRowsError):
            raise
        except (RefusedError, NotInitialisedError) as error:
            return self._without(error.message, error.hint)
        except ReconcilerError as error:
            update = {"why": error.message, "hint": error.hint, "because": "failed"}
            return self.about.model_copy(update=update)
        tables = [(kind.db_schema, kind.table) for kind in weighed.kinds]
        indexes = count_indexes(self.looking.connection, tables)
        return judged(weighed.advice(self.about, indexes))

    def _without(self, why: str, hint: str = "") -> TemplateAdvice:
        return judged(self.about.model_copy(update={"why": why, "hint": hint}))

    def _compare(self, weighed: Weighed, targets: tuple[Target, ...]) -> None:
        connection, asked = self.looking.connection, self.looking.asked
        plan, snapshot = self.looking.plan(self.template, targets, convert="reference")
        ids = [one.organization.id for one in targets]
        weighed.plan(plan, snapshot)
        weighed.weights(weigh(connection, asked, _leaving(plan)))
        weighed.left(count_left(connection, asked, self.template.agent_id, ids))
        weighed.told(targets)


def _leaving(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for change in plan.changes:
        if isinstance(change, Retire):
            found[change.address.kind] += change.ids
    return found
