"""Templates in the platform's own tables: finding one, even one that is gone, and refusing some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.database.asking import Fixed, Question, Rows, Runnable, ask, run
from reconciler.database.connection import Connection
from reconciler.errors import NotFoundError, RefusedError
from reconciler.model.snapshot import Heir, Organization, RowOwner, Target, Template

_SLUG: Final = "trim(both '-' from regexp_replace(lower(a.name), '[^[:alnum:]]+', '-', 'g'))"

_TEMPLATE: Final = f"""
SELECT a.id, a.name, a.template_agent_id, o.id, o.slug, o.name, o.visibility,
       CASE WHEN a.id = $1 THEN 0 WHEN o.slug || '/' || {_SLUG} = $1 THEN 1
            WHEN {_SLUG} = $1 AND o.visibility = 'public' THEN 2 ELSE 3 END AS rank
FROM public.agents a JOIN public.organization o ON o.id = a.organization_id
WHERE a.id = $1
   OR a.template_agent_id IS NULL
      AND (o.id = $1 OR o.slug = $1 OR o.slug || '/' || {_SLUG} = $1
           OR {_SLUG} = $1 AND o.visibility = 'public')
ORDER BY rank, o.slug, a.id LIMIT 20
"""  # noqa: S608 - the only thing put in is the constant above

_HEIRS: Final = """
SELECT DISTINCT ON (a.organization_id)
       a.organization_id, t.id, t.organization_id, t.name, a.id
FROM public.agents a JOIN public.agents t ON t.id = a.template_agent_id
WHERE a.organization_id = ANY($1) AND t.organization_id = $2 AND t.id <> $3
ORDER BY a.organization_id, t.id, a.id
"""

# What was applied from a template, and the rows that it still owns, outlive it.
_APPLIED: Final = f"""
SELECT DISTINCT ON (a.id <> $1, a.id)
       a.id, a.name, a.organization_id, o.slug, o.name, o.visibility
FROM (SELECT template_agent_id AS id, template_organization_id AS organization_id,
             template_name AS name, r.id AS revision
      FROM reconcile.revision r) AS a
LEFT JOIN public.organization o ON o.id = a.organization_id
WHERE a.id = $1 OR {_SLUG} = $1
ORDER BY a.id <> $1, a.id, a.revision DESC LIMIT 20
"""  # noqa: S608 - the only thing put in is the constant above
_ORGANIZATION: Final = "SELECT id, slug, name, visibility FROM public.organization WHERE id = $1"


def find_template(connection: Connection, typed: str) -> Template:
    """The template agent by id, by its name's slug, by organisation, or by organisation/name.

    Raises NotFoundError where there is none, or several.
    """
    return ask(connection, template_of(typed))


def template_of(typed: str) -> Question[Template]:
    """The same as a question, to be asked with others."""

    def meaning(answers: Sequence[Rows]) -> Template:
        found = _template(typed, answers)
        if found is None:
            raise _unknown(typed)
        return found

    return Question([Fixed(_TEMPLATE, (typed,))], meaning)


def _unknown(typed: str) -> NotFoundError:
    return NotFoundError(
        f"there is no template {typed!r}",
        hint="Name the template agent by its id, by its name as a slug (personal-finance), by "
        "its organisation's slug, or as organisation/agent. A private organisation's "
        "template is found by id only, and cannot be installed.",
    )


def _several(typed: str, found: Iterable[tuple[str, str, str]]) -> NotFoundError:
    names = ", ".join(f"{agent} ({name}, in {home})" for agent, name, home in found)
    return NotFoundError(
        f"{typed!r} names several templates: {names}", hint="Name the template agent by its id."
    )


def _template(typed: str, answers: Sequence[Rows]) -> Template | None:
    """The template that is meant. Raises NotFoundError where that may be several."""
    (found,) = answers
    best = [row for row in found if row[7] == found[0][7]]
    if not best:
        return None
    if len(best) > 1:
        raise _several(typed, ((row[0], row[1], row[4]) for row in best))
    agent, agent_name, installed_from, organization, slug, name, visibility, _ = best[0]
    return Template(
        agent_id=agent,
        name=agent_name,
        installed_from=installed_from,
        organization=Organization(id=organization, slug=slug, name=name, visibility=visibility),
    )


def find_applied(connection: Connection, typed: str, owners: Sequence[Runnable]) -> Template:
    """The template, also where it is gone: by id or name from the ledger, by id from its rows.

    `owners` ask, each of one table, for the (agent, organisation) of a row that the agent owns.
    Raises NotFoundError where nothing tells of it, or where a name may mean several.
    """
    known = _template(typed, run(connection, [Fixed(_TEMPLATE, (typed,))]))
    if known is not None:
        return known
    (applied,) = run(connection, [Fixed(_APPLIED, (typed,))])
    if len(applied) > 1 and applied[0][0] != typed:
        raise _several(typed, ((row[0], row[1], row[3] or row[2] or "?") for row in applied))
    if applied:
        agent, name, organization, slug, called, visibility = applied[0]
        home = _home(organization, slug, called, visibility)
        return Template(agent_id=agent, name=name, organization=home, gone=True)
    for answer in run(connection, owners):
        for agent, organization in answer:
            (rows,) = run(connection, [Fixed(_ORGANIZATION, (organization,))])
            home = _home(organization, *(rows[0][1:] if rows else (None, None, None)))
            return Template(agent_id=agent, name=agent, organization=home, gone=True)
    raise _unknown(typed)


def _home(
    organization: str | None, slug: str | None, name: str | None, visibility: str | None
) -> Organization:
    """An organisation that may be gone: then its id is all that is known of it."""
    known = organization or ""
    return Organization(
        id=known, slug=slug or known, name=name or known, visibility=visibility or "gone"
    )


def find_heirs(
    connection: Connection, template: Template, organizations: Sequence[str]
) -> dict[str, Heir]:
    """Another template of the same organisation, by the organisation that installed it."""
    asked = Fixed(_HEIRS, (list(organizations), template.organization.id, template.agent_id))
    (rows,) = run(connection, [asked])
    return {
        target: Heir(
            owner=RowOwner(agent=agent, organization=home, name=name, exists=True),
            agent_id=installed,
        )
        for target, agent, home, name, installed in rows
    }


def installed_from(connection: Connection, agent: str) -> tuple[str, str]:
    """The template and the organisation of an installed agent.

    Raises NotFoundError for an unknown agent, RefusedError for one that is not installed.
    """
    sql = "SELECT template_agent_id, organization_id FROM public.agents WHERE id = $1"
    (found,) = run(connection, [Fixed(sql, (agent,))])
    if not found:
        raise NotFoundError(
            f"there is no agent {agent!r}", hint="Name the installed agent by its id."
        )
    template, organization = found[0]
    if template is None:
        raise RefusedError(
            f"agent {agent} is not installed from a template",
            hint="Install a template first: install_agent_from_template, or reconcile plan.",
        )
    return template, organization


def refuse_itself(template: Template, targets: Sequence[Target]) -> None:
    """Raise RefusedError where a target is the template's own organisation."""
    for target in targets:
        if target.organization.id == template.organization.id:
            raise RefusedError(
                f"{target.organization.slug} is the organisation of the template "
                f"{template.name} ({template.agent_id})",
                hint="A template's own organisation has the rows already; name another target.",
            )


def refuse(template: Template, targets: Sequence[Target]) -> None:
    """Raise RefusedError for a template that may not be installed into these targets."""
    where = f"{template.name} ({template.agent_id}) in {template.organization.slug}"
    if template.installed_from is not None:
        raise RefusedError(
            f"{where} is no template: it is itself installed from {template.installed_from}",
            hint=f"Plan with the template that it came from: {template.installed_from}.",
        )
    refuse_itself(template, targets)
    if template.organization.visibility != "public":
        raise RefusedError(
            f"the organisation {template.organization.slug} of the template {where} is "
            f"{template.organization.visibility}",
            hint=f"Make {template.organization.slug} public first, so that nobody installs what "
            "its people have not published.",
        )
