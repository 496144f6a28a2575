"""Snapshot -> Plan. Pure: the same snapshot and request give the same plan.

to install or bring up to date: snapshot -> decide (ownership) -> build, rewrite (compare)
to uninstall, prune, release:   snapshot -> leaving
to undo:                        what was applied -> invert -> undo (what stands there now)

All of them tell (`told`) changes, conflicts and notes; those are the plan, and it is checked.
"""

from __future__ import annotations

from reconciler.differ.build import Builder
from reconciler.differ.check import check
from reconciler.differ.decide import decide
from reconciler.differ.drift import drift
from reconciler.differ.invert import invert
from reconciler.differ.leaving import Leaving
from reconciler.differ.merge import merged
from reconciler.differ.moving import named_back, renamed
from reconciler.differ.predecessors import Versions, with_predecessors
from reconciler.differ.renames import likely
from reconciler.differ.told import Told
from reconciler.differ.undo import Undoing
from reconciler.errors import NotFoundError
from reconciler.kinds import Kinds
from reconciler.model.change import Move
from reconciler.model.plan import Plan, Request
from reconciler.model.snapshot import Actor, Snapshot
from reconciler.version import __version__


def diff(
    snapshot: Snapshot,
    kinds: Kinds,
    request: Request,
    actor: Actor,
    created_at: str,
    undoing: Plan | None = None,
) -> Plan:
    """The checked plan that makes the targets what the request says.

    `kinds` are those that fit the database, `undoing` is the plan that was applied and is to be
    undone. Raises NotFoundError where a resolution names an address that there is no row for,
    InvalidPlanError where the checker objects.
    """
    named = {kind.name: kind for kind in kinds}
    told = Told(snapshot, named, request.resolutions)
    _refuse_unknown(told)
    unchanged = 0
    if undoing is not None and request.revision is not None:
        inverse = invert(undoing.changes, named)
        moves = [change for change in inverse if isinstance(change, Move)]
        told.snapshot, renaming = named_back(snapshot, named, moves)
        Undoing(told, request.revision, renaming).add(list(renaming.changes(inverse)))
    elif request.mode == "destroy":
        Leaving(told).uninstall(keep_rows=request.keep_rows)
    elif request.mode == "release":
        Leaving(told).release()
    else:
        unchanged = _bring_up_to_date(told, kinds, request)
    told.finish()
    if request.mode == "refresh":
        told.only_drift()
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
        unchanged=unchanged,
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
                merged(told.changes),
                key=lambda one: (order[one.address.kind], one.address, one.targets),
            )
        ),
        conflicts=tuple(
            sorted(
                told.conflicts,
                key=lambda one: (one.target, order[one.address.kind], one.address, one.reason),
            )
        ),
        notes=tuple(
            sorted(
                merged(told.notes),
                key=lambda one: (one.about, order[one.address.kind], one.address, one.targets),
            )
        ),
        drift=tuple(
            sorted(
                merged(drift(told)),
                key=lambda one: (order[one.address.kind], one.address, one.column, one.targets),
            )
        ),
    ).identified()
    check(plan, kinds)
    return plan


def _bring_up_to_date(told: Told, kinds: Kinds, request: Request) -> int:
    """What makes the targets what the template is; gives how many rows are so already."""
    told.snapshot, moves = renamed(told.snapshot, told.kinds, request.moved, told.resolutions)
    snapshot = told.snapshot
    decisions, reach = decide(snapshot, kinds, told.resolutions)
    builder = Builder(told, reach, request.name, moves)
    for decision in decisions:
        builder.add(decision)
    builder.left_out()
    Leaving(told).orphans(reach, prune=request.prune)
    told.changes = list(
        with_predecessors(told.changes, told.notes, Versions(snapshot, reach.kinds))
    )
    told.notes += likely(told)
    return reach.unchanged


def _refuse_unknown(told: Told) -> None:
    """Raise NotFoundError where a resolution names what there is no row for."""
    snapshot = told.snapshot
    # Whoever looks closer at an address finds that nothing is there, and never was.
    known = {row.address for row in snapshot.rows}
    known |= {one.address for one in snapshot.states if one.situation != "absent" or one.ledger}
    unknown = sorted(told.resolutions.keys() - known)
    if unknown:
        raise NotFoundError(
            f"there is no row {', '.join(unknown)}, neither in the template nor in a target",
            hint="An address is kind.key, as entity_type.account; the plan shows them all.",
        )
