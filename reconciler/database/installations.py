"""The platform's own tables, once more: which templates are installed, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.errors import NotFoundError
from reconciler.model.snapshot import Organization

_ORGANIZATIONS: Final = """
SELECT w.typed, o.id, o.slug, o.name, o.visibility
FROM unnest($1::text[]) AS w (typed)
LEFT JOIN public.organization o ON o.id = w.typed
       OR o.slug = w.typed
          AND NOT EXISTS (SELECT 1 FROM public.organization i WHERE i.id = w.typed)
"""
# Two joins that can be hashed: thousands of names are looked up in one pass.
_IDENTIFIED: Final = """
SELECT w.typed, coalesce(i.id, s.id)
FROM unnest($1::text[]) AS w (typed)
LEFT JOIN public.organization i ON i.id = w.typed
LEFT JOIN public.organization s ON s.slug = w.typed
"""
_BY_ID: Final = "SELECT id, slug, name, visibility FROM public.organization WHERE id = ANY($1)"

_INSTALLATIONS: Final = """
SELECT a.template_agent_id, a.organization_id, min(a.id)
FROM public.agents a
WHERE a.template_agent_id IS NOT NULL
  AND ($1::text IS NULL OR a.template_agent_id = $1)
  AND ($2::text[] IS NULL OR a.organization_id = ANY($2))
GROUP BY a.template_agent_id, a.organization_id
"""


@dataclass(frozen=True)
class Installed:
    """An agent that is installed from a template."""

    template: str
    organization: str
    agent: str


def find_organizations(connection: Connection, typed: Sequence[str]) -> tuple[Organization, ...]:
    """The organisations by id or slug; raises NotFoundError that lists every unknown one."""
    (found,) = run(connection, [Fixed(_ORGANIZATIONS, (list(typed),))])
    unknown = [row[0] for row in found if row[1] is None]
    if unknown:
        raise NotFoundError(
            f"there is no organisation {', '.join(map(repr, unknown))}",
            hint="Name targets by the id or the slug of the organisation.",
        )
    return tuple(_organization(row[1:]) for row in found)


def identified(connection: Connection, *lists: Sequence[str]) -> list[dict[str, str | None]]:
    """The ids of organisations by what was typed, an id or a slug; None for an unknown one.

    A mapping a list, all in one round trip.
    """
    asked = [Fixed(_IDENTIFIED, (list(typed),)) for typed in lists]
    return [dict(answer) for answer in run(connection, asked)]


def organizations_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Organization]:
    """The organisations with these ids; of one that is gone, its id is all there is to say."""
    (found,) = run(connection, [Fixed(_BY_ID, (list(ids),))])
    known = {row[0]: _organization(row) for row in found}
    return {
        one: known.get(one) or Organization(id=one, slug=one, name=one, visibility="gone")
        for one in ids
    }


def installations(
    connection: Connection, template: str | None, organizations: Sequence[str] | None
) -> tuple[Installed, ...]:
    """The installations of a template, or of all, in these organisations, or in all."""
    asked = Fixed(_INSTALLATIONS, (template, organizations and list(organizations)))
    (found,) = run(connection, [asked])
    return tuple(Installed(*row) for row in found)


def _organization(row: Sequence[str]) -> Organization:
    identity, slug, name, visibility = row
    return Organization(id=identity, slug=slug, name=name, visibility=visibility)
