"""Snapshot -> Plan. Pure: the same snapshot and request give the same plan.

snapshot -> decide (ownership) -> build (compare, references) -> plan -> check
"""

from __future__ import annotations

from reconciler.differ.build import Builder
from reconciler.differ.check import check
from reconciler.differ.decide import decide
from reconciler.differ.merge import merged
from reconciler.differ.predecessors import Versions, with_predecessors
from reconciler.errors import NotFoundError
from reconciler.kinds import Kinds
from reconciler.model.plan import Plan, Request
from reconciler.model.snapshot import Actor, Snapshot
from reconciler.version import __version__


def diff(snapshot: Snapshot, kinds: Kinds, request: Request, actor: Actor, created_at: str) -> Plan:
    """The checked plan that makes the targets what the template and the request say.

    `kinds` are those that fit the database. Raises NotFoundError where a resolution names an
    address that the template does not have, InvalidPlanError where the checker objects.
    """
    resolutions = {resolution.address: resolution for resolution in request.resolutions}
    unknown = sorted(resolutions.keys() - {row.address for row in snapshot.rows})
    if unknown:
        raise NotFoundError(
            f"the template has no row {', '.join(unknown)}",
            hint="An address is kind.key, as entity_type.account; the plan shows them all.",
        )
    decisions, reach = decide(snapshot, kinds, resolutions)
    builder = Builder(snapshot, reach, request.name)
    for decision in decisions:
        builder.add(decision)
    builder.finish(request.resolutions)
    mirrored = {kind.name: kind.mirrored for kind in kinds}
    order = {kind.name: place for place, kind in enumerate(kinds)}
    plan = Plan(
        created_at=created_at,
        tool_version=__version__,
        database=snapshot.database,
        actor=actor,
        template=snapshot.template,
        fingerprint=snapshot.fingerprint,
        template_rows=sum(row.current and mirrored[row.address.kind] for row in snapshot.rows),
        request=request,
        targets=snapshot.targets,
        unchanged=reach.unchanged,
        kinds={kind.name: kind.digest for kind in kinds},
        left_out=snapshot.left_out,
        schedules={
            kind.name: tuple(one.schedule for one in kind.next_run)
            for kind in kinds
            if kind.next_run
        },
        parents={kind.name: kind.parent.kind for kind in kinds if kind.parent},
        shapes=snapshot.shapes,
        changes=tuple(
            sorted(
                merged(
                    with_predecessors(
                        builder.changes, builder.notes, Versions(snapshot, reach.kinds)
                    )
                ),
                key=lambda one: (order[one.address.kind], one.address, one.targets),
            )
        ),
        conflicts=tuple(
            sorted(
                builder.conflicts,
                key=lambda one: (one.target, order[one.address.kind], one.address, one.reason),
            )
        ),
        notes=tuple(
            sorted(
                merged(builder.notes),
                key=lambda one: (one.about, order[one.address.kind], one.address, one.targets),
            )
        ),
    ).identified()
    check(plan, kinds)
    return plan
