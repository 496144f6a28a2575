"""The platform's own tables: who the targets and the actor are, and who may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.database.asking import Fixed, Question, Rows, ask
from reconciler.database.connection import Connection
from reconciler.errors import NotAuthorisedError, NotFoundError
from reconciler.model.snapshot import Actor, Organization, Target, Template

_SHOWN: Final = 20
ADMINISTRATORS: Final = frozenset({"owner", "admin"})


# Text forms are compared and stored, so they must not depend on the session; and where
# row-level security would hide rows, PostgreSQL itself shall refuse.
SETTINGS: Final = Fixed(
    "SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true), "
    "set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true), "
    "set_config('extra_float_digits', '1', true), set_config('row_security', 'off', true), "
    # These decide what NULL in an array, a backslash in a constant, and a type's name mean.
    "set_config('array_nulls', 'on', true), "
    "set_config('standard_conforming_strings', 'on', true), "
    "set_config('quote_all_identifiers', 'off', true)"
)

# The planner takes the list of targets for short, and what they have for one row, where there
# are no statistics yet: after a first install its nested loops would take minutes. What it hashes
# shall stay in memory; sorting wide rows, or compiling what runs once, does not pay.
FEW: Final = 10
_MANY: Final = Fixed(
    "SELECT set_config('enable_nestloop', 'off', true), "
    "set_config('enable_mergejoin', 'off', true), set_config('enable_sort', 'off', true), "
    "set_config('work_mem', '64MB', true), set_config('jit', 'off', true)"
)

# What is an id is no slug.
_TYPED: Final = """
FROM unnest($1::text[]) AS w (typed)
LEFT JOIN public.organization i ON i.id = w.typed
LEFT JOIN public.organization s ON s.slug = w.typed AND i.id IS NULL
LEFT JOIN public.organization o ON o.id = coalesce(i.id, s.id)
"""

# Joins that can be hashed, whatever the planner knows: ten thousand names are one pass.
_TARGETS: Final = f"""
WITH found AS MATERIALIZED (
    SELECT w.typed, o.id, o.slug, o.name, o.visibility
    {_TYPED}
), installed AS MATERIALIZED (
    SELECT organization_id, min(id) AS id, {{reads}} AS reads FROM public.agents
    WHERE template_agent_id = $2 AND organization_id = ANY(ARRAY(SELECT f.id FROM found f))
    GROUP BY organization_id
)
SELECT f.typed, f.id, f.slug, f.name, f.visibility, a.id, a.reads, t.revision,
       to_char(t.revised_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM found f
LEFT JOIN installed a ON a.organization_id = f.id
LEFT JOIN reconcile.target t ON t.organization_id = f.id
ORDER BY f.id
"""  # noqa: S608 - the only thing put in is the constant above

_ACTOR: Final = 'SELECT id, email FROM public."user" WHERE id = $1 OR email = $1 ORDER BY id <> $1'

_ROLES: Final = f"""
SELECT DISTINCT o.id, o.slug, m.role
{_TYPED}
LEFT JOIN public.member m ON m."organizationId" = o.id AND m."userId" = $2
WHERE o.id IS NOT NULL
ORDER BY o.id
"""

_OPERATOR: Final = """
SELECT current_user::text, s.value, r.oid IS NOT NULL,
       coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false)
FROM reconcile.setting s LEFT JOIN pg_roles r ON r.rolname = s.value
WHERE s.name = 'operator_role'
"""


def led(targets: int) -> list[Fixed]:
    """What the planner is told first, in a transaction that reads so many targets."""
    return [_MANY] if targets > FEW else []


def find_targets(
    connection: Connection, typed: Sequence[str], template: Template, *, referring: bool
) -> tuple[Target, ...]:
    """The organisations by id or slug, in the order of their ids, each once.

    `referring` says whether this database knows of installations by reference.
    Raises NotFoundError that lists every unknown one.
    """
    return ask(connection, targets_of(typed, template, referring=referring))


def targets_of(
    typed: Sequence[str], template: Template, *, referring: bool
) -> Question[tuple[Target, ...]]:
    """The same as a question, to be asked with others."""
    reads = "min(template_entity_id)" if referring else "NULL::bigint"
    asked = Fixed(_TARGETS.format(reads=reads), (list(typed), template.agent_id))
    return Question([*led(len(typed)), asked], _targets)


def _targets(answers: Sequence[Rows]) -> tuple[Target, ...]:
    *_, found = answers
    unknown = [row[0] for row in found if row[1] is None]
    if unknown:
        raise NotFoundError(
            f"there is no organisation {', '.join(map(repr, unknown))}",
            hint="Name targets by the id or the slug of the organisation.",
        )
    targets: dict[str, Target] = {}
    for _, organization, slug, name, visibility, agent, reads, revision, revised_at in found:
        targets[organization] = Target(
            organization=Organization(id=organization, slug=slug, name=name, visibility=visibility),
            agent_id=agent,
            reads=reads,
            revision=revision,
            revised_at=revised_at,
        )
    return tuple(targets.values())


_SIGNS_AS: Final = Fixed(
    "SELECT current_user::text, s.value, u.id FROM (SELECT 1) AS one "
    "LEFT JOIN reconcile.setting s ON s.name = 'operator_user' "
    'LEFT JOIN public."user" u ON u.id = s.value'
)


def actor_of(typed: str | None) -> Question[Actor]:
    """The user by id or e-mail address, or, where none is named, the database role.

    Raises NotFoundError for an unknown user.
    """
    if typed is None:
        return Question([_SIGNS_AS], _operator)

    def member(answers: Sequence[Rows]) -> Actor:
        (rows,) = answers
        if not rows:
            raise NotFoundError(
                f"there is no user {typed!r}",
                hint="Name the actor by the user's id or e-mail address (--as).",
            )
        return Actor(mode="member", user_id=rows[0][0], label=rows[0][1])

    return Question([Fixed(_ACTOR, (typed,))], member)


def _operator(answers: Sequence[Rows]) -> Actor:
    role, user, found = answers[0][0]
    if user != found:
        raise NotFoundError(
            f"there is no user {user!r}, whom the setting operator_user names",
            hint="Correct it: UPDATE reconcile.setting SET value = ... "
            "WHERE name = 'operator_user'.",
        )
    return Actor(mode="operator", label=f"database role {role}", signs_as=user)


def authorising(actor: Actor, organizations: Sequence[str]) -> Question[None]:
    """Raises NotAuthorisedError, with every refused target, unless the actor may change all.

    The organisations are named by id or slug. A member must be owner or admin of every target (a
    role cell may hold several, split at commas); an operator's database role must be a member of
    the configured role.
    """
    if actor.mode == "operator":
        return Question([Fixed(_OPERATOR)], _authorise_operator)

    def member(answers: Sequence[Rows]) -> None:
        refused = {
            organization: (slug, f"has the role {role}" if role else "is no member")
            for organization, slug, role in answers[0]
            if not ADMINISTRATORS & {part.strip() for part in (role or "").split(",")}
        }
        if refused:
            lines = [f"{slug} ({one}): {why}" for one, (slug, why) in refused.items()]
            more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
            raise NotAuthorisedError(
                f"{actor.label} ({actor.user_id}) may not change\n  "
                + "\n  ".join([*lines[:_SHOWN], *more]),
                hint="1. Ask an owner or admin of the organisation to plan and apply, or to give "
                "the actor that role.\n"
                "2. Or plan without it: --exclude ORG, or --where CONDITION.\n"
                "3. Or plan as operator, for a whole fleet: without --as.",
                targets={one: f"{actor.label} {why} there" for one, (_, why) in refused.items()},
            )

    return Question([Fixed(_ROLES, (list(organizations), actor.user_id))], member)


def _authorise_operator(answers: Sequence[Rows]) -> None:
    (rows,) = answers
    role, operators, exists, belongs = rows[0] if rows else ("", "", False, False)
    if not belongs:
        reason = "is not a member of" if exists else "cannot be a member of the missing role"
        remedy = f"GRANT {operators} TO {role};" if exists else f"CREATE ROLE {operators};"
        raise NotAuthorisedError(
            f"the database role {role} {reason} {operators}, so it may not act as operator",
            hint="Name a user who is owner or admin of every target: --as USER.\n"
            f"Or let an administrator of the database run: {remedy}",
        )
