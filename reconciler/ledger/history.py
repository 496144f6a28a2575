"""Reading the ledger: which revisions there are, and the plan of one.

A list never looks at a plan: plans have megabytes, and what a list shows stands beside them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection
from reconciler.errors import NotFoundError
from reconciler.model.approval import Approved
from reconciler.model.outcome import Undone, Wave
from reconciler.model.revision import Revision, What
from reconciler.model.snapshot import Actor

_COLUMNS: Final = """
SELECT r.id, r.plan_id, to_char(r.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       r.mode, r.installs, r.undoes,
       ARRAY(SELECT u.id FROM reconcile.revision u WHERE u.undoes = r.id ORDER BY u.id),
       ARRAY(SELECT u.id FROM reconcile.revision u
             WHERE u.undoes = r.id AND NOT r.targets <@ ARRAY(
                 SELECT unnest(w.targets) FROM reconcile.revision w WHERE w.undoes = r.id)
             ORDER BY u.id),
       r.template_agent_id, r.template_name, r.template_organization_id,
       r.template_organization_slug, r.actor_mode, r.actor_user_id, r.actor_label,
       r.database_role, cardinality(r.targets), r.counts::text, r.part_of,
       (SELECT json_agg(json_build_array(a.principal, a.key,
                   to_char(a.signed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                   to_char(a.expires AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
               ORDER BY a.principal, a.signed_at)::text
        FROM reconcile.approval a
        WHERE a.plan_id = coalesce(r.part_of, r.plan_id) AND a.recorded_at <= r.applied_at
          AND a.expires > r.applied_at)"""

_ALL: Final = f"{_COLUMNS} FROM reconcile.revision r ORDER BY r.id DESC LIMIT $1"
# The planner does not know how long the lists of targets are: it would rather read them all, or
# those of the newest revisions first, than use their index.
_BY_INDEX: Final = Fixed("SELECT set_config('enable_seqscan', 'off', true)")
_OF_ONE: Final = f"""
WITH found AS MATERIALIZED (
    SELECT id FROM reconcile.revision WHERE targets @> ARRAY[$2::text]
), newest AS (SELECT id FROM found ORDER BY id DESC LIMIT $1)
{_COLUMNS} FROM newest JOIN reconcile.revision r USING (id) ORDER BY r.id DESC"""  # noqa: S608 - the only thing put in is the constant above
_ONE: Final = f"{_COLUMNS}, r.plan::text FROM reconcile.revision r WHERE r.id = $1"
_NUMBERED: Final = f"{_COLUMNS} FROM reconcile.revision r WHERE r.id = ANY($1)"
_APPLIED: Final = (
    "SELECT id, counts::text, targets FROM reconcile.revision "
    "WHERE plan_id = $1 OR part_of = $1 ORDER BY id"
)
# An undo may be undone in its turn: what was done last to a target is what holds there.
_UNDONE: Final = """
WITH RECURSIVE chain (id, targets, undoing) AS (
    SELECT u.id, u.targets, true FROM reconcile.revision u WHERE u.undoes = ANY($1)
    UNION ALL
    SELECT u.id, u.targets, NOT c.undoing
    FROM reconcile.revision u JOIN chain c ON u.undoes = c.id
), last AS (
    SELECT DISTINCT ON (t.id) c.id AS revision, c.undoing
    FROM chain c CROSS JOIN unnest(c.targets) AS t (id)
    WHERE t.id = ANY($2) ORDER BY t.id, c.id DESC
)
SELECT revision, count(*) FROM last WHERE undoing GROUP BY 1 ORDER BY 1"""
_LARGEST: Final = Fixed("SELECT max(id) FROM reconcile.revision")
_ORGANIZATION: Final = """
SELECT id FROM public.organization WHERE id = $1 OR slug = $1 ORDER BY id <> $1 LIMIT 1"""
_LARGEST_NUMBER: Final = 2**63 - 1

_WHAT: Final[dict[str, What]] = {"destroy": "uninstall", "release": "release", "undo": "undo"}


def revisions(connection: Connection, target: str | None, limit: int) -> tuple[Revision, ...]:
    """The last revisions, newest first; of one organisation, by id or slug, or of all.

    An organisation that the platform no longer has is found by its id. Raises NotFoundError for
    one that neither the platform nor the ledger knows.
    """
    if target is None:
        (rows,) = run(connection, [Fixed(_ALL, (limit,))])
        return tuple(map(_revision, rows))
    (known,) = run(connection, [Fixed(_ORGANIZATION, (target,))])
    organization = known[0][0] if known else target
    _, rows = run(connection, [_BY_INDEX, Fixed(_OF_ONE, (limit, organization))])
    if not rows and not known:
        raise NotFoundError(
            f"there is no organisation {target!r}, and the ledger knows none of that id",
            hint="Name an organisation by its id or slug; one that was deleted, by its id.",
        )
    return tuple(map(_revision, rows))


def revision(connection: Connection, number: int) -> tuple[Revision, str]:
    """One revision, and its plan as JSON text. Raises NotFoundError for an unknown number."""
    asked = Fixed(_ONE, (min(number, _LARGEST_NUMBER),))
    rows, ((largest,),) = run(connection, [asked, _LARGEST])
    if largest is None:
        raise NotFoundError(
            f"there is no revision {number}: nothing has been applied yet",
            hint="A revision is what an apply leaves: reconcile apply FILE",
        )
    if not rows or number > _LARGEST_NUMBER:
        raise NotFoundError(
            f"there is no revision {number}; the largest is {largest}",
            hint="`reconcile history` lists them. A number below the largest may be missing: it "
            "belongs to an apply that was refused.",
        )
    *told, plan = rows[0]
    return _revision(tuple(told)), plan


def numbered(connection: Connection, numbers: Sequence[int]) -> dict[int, Revision]:
    """These revisions, by their numbers."""
    (rows,) = run(connection, [Fixed(_NUMBERED, (list(numbers),))])
    return {row[0]: _revision(row) for row in rows}


def applied(connection: Connection, reviewed: str) -> list[tuple[int, str, list[str]]]:
    """The revisions that applied the plan that was reviewed, at once or in waves: number, counts as
    JSON, and targets of each.
    """
    (rows,) = run(connection, [Fixed(_APPLIED, (reviewed,))])
    return [(number, counts, targets) for number, counts, targets in rows]


def undone(
    connection: Connection, rows: Sequence[tuple[Any, ...]], changed: Collection[str]
) -> tuple[Undone, ...]:
    """What was undone since of these revisions, as `applied` gives them, in the targets that their
    plan changes. Asks nothing where there are none.
    """
    if not rows:
        return ()
    numbers = [number for number, *_ in rows]
    targets = sorted(done_of(rows) & set(changed))
    (found,) = run(connection, [Fixed(_UNDONE, (numbers, targets))])
    return tuple(Undone(revision=number, targets=count) for number, count in found)


def done_of(rows: Sequence[tuple[Any, ...]]) -> set[str]:
    """The targets to which these revisions, as `applied` gives them, were applied."""
    return {target for *_, targets in rows for target in targets}


def waves_of(rows: Sequence[tuple[Any, ...]]) -> tuple[Wave, ...]:
    """What was applied of a plan before, from number, counts and targets of each revision."""
    return tuple(
        Wave(revision=number, targets=len(targets), counts=json.loads(counts), earlier=True)
        for number, counts, targets in rows
    )


def _revision(row: tuple[Any, ...]) -> Revision:
    (
        number, plan_id, applied_at, mode, installs, undoes, undone_by, partly, agent, name,
        organization, slug, actor_mode, user, label, role, targets, counts, part_of, approvals,
    ) = row  # fmt: skip
    return Revision(
        number=number,
        plan_id=plan_id,
        applied_at=applied_at,
        what=_WHAT.get(mode, "install" if installs else "sync"),
        undoes=undoes,
        undone_by=undone_by,
        partly_undone_by=partly,
        template_agent_id=agent,
        template_name=name,
        template_organization_id=organization,
        template_organization_slug=slug,
        actor=Actor(mode=actor_mode, user_id=user, label=label),
        database_role=role,
        targets=targets,
        counts=json.loads(counts),
        part_of=part_of,
        approvals=tuple(
            Approved(principal=who, key=key, signed_at=at, expires=until)
            for who, key, at, until in json.loads(approvals or "[]")
        ),
    )
