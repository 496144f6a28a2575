"""A look at the database, in one transaction: the plan that somebody could make now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reconciler import differ, reader
from reconciler import kinds as kind_files
from reconciler.database.connection import Connection, Database, session, transaction
from reconciler.database.opening import Opening, open_database
from reconciler.database.platform import find_targets
from reconciler.database.templates import find_applied
from reconciler.errors import NotFoundError
from reconciler.model.plan import Plan
from reconciler.model.request import Request, Way
from reconciler.model.snapshot import Actor, Organization, Snapshot, Target, Template
from reconciler.model.status import Availability
from reconciler.sql.asking import Asking, asking

# A plan has to be in somebody's name; one that is only looked at is in nobody's.
NOBODY: Final = Actor(mode="operator", label="nobody")


@dataclass(frozen=True)
class Look:
    """What looking needs: a connection inside a transaction, and what stands open there."""

    connection: Connection
    opening: Opening
    asked: Asking
    kinds: str | None

    def template(self, agent: str) -> Template:
        """The template agent with this id, also one of which only others still tell."""
        try:
            found = self.named(agent)
        except NotFoundError:
            found = None
        if found is not None and found.agent_id == agent:
            return found
        # It is gone, and at best another template goes by its id as a name.
        nowhere = Organization(id="", slug="", name="", visibility="gone")
        return Template(agent_id=agent, name=agent, organization=nowhere, gone=True)

    def named(self, typed: str) -> Template:
        """The template that somebody named; raises NotFoundError."""
        return find_applied(self.connection, typed, self.asked.questions.owners(typed))

    def targets(self, ids: list[str], template: Template) -> tuple[Target, ...]:
        """These organisations as targets of a template."""
        return find_targets(
            self.connection, ids, template, referring=self.opening.referring is not None
        )

    def plan(
        self, template: Template, targets: tuple[Target, ...], *, convert: Way | None = None
    ) -> tuple[Plan, Snapshot]:
        """What bringing targets up to date would do, or having them have it in another way, as
        `reconcile plan` shows it.

        Raises RefusedError for what cannot be planned.
        """
        request = Request(
            template=template.agent_id,
            targets=tuple(target.organization.id for target in targets),
            kinds=self.kinds,
            convert=convert,
        )
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        snapshot = reader.observe(self.connection, self.opening, request, template, targets)
        return differ.diff(snapshot, self.opening.kinds, request, NOBODY, now), snapshot


@contextmanager
def look(database: Database, kinds: Path | None) -> Iterator[Look]:
    """Open a database to look at it, as it is at one instant."""
    loaded = kind_files.load(kinds)
    with session(database) as connection, transaction(connection, read_only=True):
        opening = open_database(connection, loaded)
        asked = asking(opening.kinds, opening.shapes, opening.uniques, named=False)
        yield Look(connection, opening, asked, str(kinds) if kinds else None)


def availability(template: Template) -> Availability:
    """Whether anything can be planned with a template, and if not, why."""
    if template.gone:
        return "gone"
    if template.installed_from is not None:
        return "installed"
    return "public" if template.organization.visibility == "public" else "private"
