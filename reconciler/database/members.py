"""The platform's own tables, once more: by which entity a tenant knows a user, and through whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.database.asking import Fixed, Question, Rows
from reconciler.database.platform import led
from reconciler.model.membership import Identity, Known, Membership, Person

# Nobody wrote it but the platform itself, or its sign-in did.
_TRUSTED: Final = ",auth"

# Beyond ASCII, what lower case is depends on who asks, and makes one letter of two (U+212A is a k):
# two addresses that look alike are not the same. The collation C knows ASCII only.
_PERSON: Final = """
SELECT u.id, u.name,
       CASE WHEN u."emailVerified" THEN lower(nullif(btrim(u.email), '') COLLATE "C") END AS email
FROM public."user" u WHERE u.id = $1
"""

_SETTING: Final = Fixed("SELECT value FROM reconcile.setting WHERE name = 'trusted_sources'")

# Joins that can be hashed, and targets that lack nothing stay where they are.
_KNOWN: Final = f"""
WITH person AS MATERIALIZED ({_PERSON}), known AS MATERIALIZED (
    SELECT i.organization_id, i.namespace, i.identifier, i.source_connector, e.id AS entity, e.slug,
           CASE WHEN e.organization_id <> i.organization_id THEN 'elsewhere'
                WHEN e.deleted_at IS NOT NULL THEN 'deleted'
                WHEN y.id IS NULL THEN 'other_type'
                WHEN e.parent_id IS NOT NULL THEN 'nested' END AS wrong
    FROM public.entity_identities i
    CROSS JOIN person p
    JOIN public.entities e ON e.id = i.entity_id
    LEFT JOIN public.entity_types y
           ON y.id = e.entity_type_id AND y.organization_id = i.organization_id
          AND y.slug = '$member' AND y.deleted_at IS NULL
    WHERE i.organization_id = ANY($2) AND i.deleted_at IS NULL
      AND (i.namespace = 'auth_user_id' AND i.identifier = p.id
           OR i.namespace = 'email' AND lower(i.identifier COLLATE "C") = p.email)
), others AS MATERIALIZED (
    SELECT o.entity_id, min(o.identifier) AS identifier
    FROM public.entity_identities o CROSS JOIN person p
    WHERE o.entity_id IN (SELECT k.entity FROM known k)
      AND o.namespace = 'auth_user_id' AND o.identifier <> p.id AND o.deleted_at IS NULL
    GROUP BY o.entity_id
), told AS MATERIALIZED (
    SELECT k.organization_id,
           bool_or(k.namespace = 'auth_user_id' AND coalesce(k.wrong, 'nested') = 'nested') AS here,
           bool_or(k.namespace = 'email') AS mail,
           jsonb_agg(jsonb_build_array(k.namespace, k.identifier, k.source_connector, k.slug,
                                       k.wrong, o.identifier)
                     ORDER BY k.namespace, k.identifier) AS identities
    FROM known k LEFT JOIN others o ON o.entity_id = k.entity
    GROUP BY k.organization_id
), typed AS MATERIALIZED (
    SELECT y.organization_id,
           CASE WHEN jsonb_typeof(y.metadata_schema -> 'required') = 'array'
                THEN y.metadata_schema -> 'required' ELSE '[]' END AS required
    FROM public.entity_types y
    WHERE y.organization_id = ANY($2) AND y.slug = '$member' AND y.deleted_at IS NULL
)
SELECT y.required, coalesce(t.identities, '[]'), array_agg(w.id ORDER BY w.id)
FROM unnest($2::text[]) AS w (id)
CROSS JOIN person p
LEFT JOIN told t ON t.organization_id = w.id
LEFT JOIN typed y ON y.organization_id = w.id
WHERE NOT (coalesce(t.here, false) AND (p.email IS NULL OR coalesce(t.mail, false)))
GROUP BY 1, 2 ORDER BY min(w.id)
"""  # noqa: S608 - the only thing put in is the constant above


def membership_of(user: str, organizations: Sequence[str]) -> Question[Membership]:
    """What these organisations lack of a user; the user is known to be there."""
    leading = led(len(organizations))
    asked = (
        Fixed(_PERSON, (user,)),
        _SETTING,
        Fixed(_KNOWN, (user, list(organizations))),
    )

    def meaning(answers: Sequence[Rows]) -> Membership:
        ((identity, name, email),), setting, found = answers[len(leading) :]
        sources = setting[0][0] if setting else _TRUSTED
        return Membership(
            person=Person(user_id=identity, name=name, email=email),
            trusted=frozenset(one.strip() for one in sources.split(",")),
            found=tuple(_known(*row) for row in found),
        )

    return Question([*leading, *asked], meaning)


def _known(
    required: Sequence[object] | None, identities: Sequence[Sequence[str]], here: Sequence[str]
) -> Known:
    names = ("namespace", "identifier", "source", "entity", "wrong", "other")
    told = (dict(zip(names, one, strict=True)) for one in identities)
    return Known(
        organizations=tuple(here),
        required=None if required is None else tuple(map(str, required)),
        identities=tuple(Identity.model_validate(one) for one in told),
    )
