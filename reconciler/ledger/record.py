"""The ledger's own statements: fixed text, parsed once, with values as parameters only."""

from __future__ import annotations

from typing import Final

from sqlglot import parse_one

from reconciler.model.canonical import canonical
from reconciler.model.plan import Plan
from reconciler.sql.tree import DIALECT, Statement


def _fixed(serves: str, text: str) -> Statement:
    return Statement(serves, parse_one(text, dialect=DIALECT), ())


_ENTER: Final = _fixed(
    "know the targets",
    "INSERT INTO reconcile.target (organization_id) "
    "SELECT t.id FROM unnest( $1::text[]) AS t(id) ORDER BY t.id "
    "ON CONFLICT (organization_id) DO NOTHING",
)
_LOCK: Final = _fixed(
    "lock the targets",
    "SELECT t.organization_id, t.revision FROM reconcile.target AS t "
    "WHERE t.organization_id = ANY( $1::text[]) ORDER BY t.organization_id FOR UPDATE",
)
_FIND: Final = _fixed(
    "look the plan up",
    "SELECT r.id, r.counts::text, r.targets FROM reconcile.revision AS r "
    "WHERE (r.plan_id = $1::text OR r.part_of = $1::text) AND r.targets && $2::text[] "
    "ORDER BY r.id",
)
_BY_ITSELF: Final = _fixed(
    "look the part up",
    "SELECT r.id, EXISTS(SELECT 1 FROM reconcile.revision AS u WHERE u.undoes = r.id) "
    "FROM reconcile.revision AS r WHERE r.plan_id = $1::text",
)
_REVISION: Final = _fixed(
    "write the revision",
    "INSERT INTO reconcile.revision (plan_id, plan, template_agent_id, template_organization_id, "
    "fingerprint, actor_mode, actor_user_id, counts, targets, mode, undoes, installs, "
    "actor_label, template_name, template_organization_slug, part_of) "
    "SELECT $1::text, $2::json, $3::text, $4::text, $5::text, $6::text, $7::text, $8::jsonb, "
    "$9::text[], $10::text, $11::bigint, $12::int, $13::text, $14::text, $15::text, "
    "$16::text "
    "RETURNING id, transaction_id",
)
_CONTENT: Final = _fixed(
    "remember the contents",
    "INSERT INTO reconcile.content (digest, values) "
    "SELECT c.digest, c.content::json FROM unnest( $1::text[], $2::text[]) "
    "AS c(digest, content) ORDER BY c.digest ON CONFLICT (digest) DO NOTHING",
)
_ADVANCE: Final = _fixed(
    "advance the targets",
    "UPDATE reconcile.target AS t SET revision = "
    "(SELECT r.id FROM reconcile.revision AS r WHERE r.plan_id = $1::text), revised_at = now() "
    "WHERE t.organization_id = ANY( $2::text[])",
)


def enter(targets: list[str]) -> Statement:
    """Make sure that each of these targets has a row to lock."""
    return _ENTER.given(targets)


def lock(targets: list[str]) -> Statement:
    """Lock the targets in the order of their ids, so that two applies take turns; gives the last
    revision of each, by its id.
    """
    return _LOCK.given(targets, rows=len(targets))


def find(reviewed: str, targets: list[str]) -> Statement:
    """The revisions that applied the plan that was reviewed to any of these targets: number,
    counts, and all targets of each.
    """
    return _FIND.given(reviewed, targets)


def by_itself(part: str) -> Statement:
    """The revision that applied a part of a plan, reviewed as a plan of its own: number, and
    whether it was undone.
    """
    return _BY_ITSELF.given(part)


def revision(plan: Plan, counts: dict[str, dict[str, int]], part_of: str | None) -> Statement:
    """A new revision; gives its number and the transaction's id.

    `part_of` is the plan_id of the plan that was reviewed, where this is a part of it.
    """
    told = plan.written()
    return _REVISION.given(
        plan.plan_id,
        canonical(told),
        plan.template.agent_id,
        plan.template.organization.id,
        plan.fingerprint,
        plan.actor.mode,
        plan.actor.user_id,
        canonical(counts),
        list(plan.organizations),
        told["request"].get("mode", "sync"),
        told["request"].get("revision"),
        sum(target.agent_id is None for target in plan.targets),
        plan.actor.label,
        plan.template.name,
        plan.template.organization.slug,
        part_of,
    )


def content(contents: dict[str, str]) -> Statement:
    """Store base values, each distinct content once."""
    return _CONTENT.given(list(contents), list(contents.values()))


def advance(targets: list[str], plan_id: str) -> Statement:
    """Say that the revision that applied this plan was the targets' last."""
    return _ADVANCE.given(plan_id, targets, rows=len(targets))
