"""Snapshot -> Plan. Pure: the same snapshot and request give the same plan.

to install or bring up to date: snapshot -> decide (ownership) -> build, rewrite (compare)
to uninstall, prune, release:   snapshot -> leaving
to undo:                        what was applied -> invert -> undo (what stands there now)
without targets in conflict:    the same, and then again for the others alone

All of them tell (`told`) changes, conflicts and notes; those are the plan, and it is checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from reconciler.differ.build import Builder
from reconciler.differ.check import check
from reconciler.differ.converting import come_back, give_way, go_back, still_referred
from reconciler.differ.decide import decide
from reconciler.differ.drift import drift
from reconciler.differ.invert import invert
from reconciler.differ.leaving import Leaving
from reconciler.differ.membership import Members, spoken_of
from reconciler.differ.merge import merged
from reconciler.differ.moving import named_back, renamed
from reconciler.differ.predecessors import Versions, with_predecessors
from reconciler.differ.renames import likely
from reconciler.differ.told import Told
from reconciler.differ.undo import Undoing
from reconciler.errors import NotFoundError
from reconciler.kinds import Kinds
from reconciler.model.change import Move
from reconciler.model.conflict import Conflict
from reconciler.model.plan import LeftBehind, Plan
from reconciler.model.request import Request
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
    order = {kind.name: place for place, kind in enumerate(kinds)}
    _refuse_unknown(snapshot, kinds, request)
    told, unchanged = _told(snapshot, kinds, request, undoing)
    behind: tuple[LeftBehind, ...] = ()
    if request.skip_conflicted and request.mode != "refresh" and told.conflicts:
        behind = _left_behind(snapshot, _in_order(told.conflicts, order))
        resolved = told.resolved
        snapshot = snapshot.without(frozenset(one.target.organization.id for one in behind))
        told, unchanged = _told(snapshot, kinds, request, undoing)
        # A flag that only had its use in a target that is left behind had one.
        told.resolved |= resolved
    told.finish()
    if request.mode == "refresh":
        told.only_drift()
    mirrored = {kind.name: kind.mirrored for kind in kinds}
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
        conflicts=_in_order(told.conflicts, order),
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
        left_behind=behind,
    ).identified()
    check(plan, kinds)
    return plan


def _told(
    snapshot: Snapshot, kinds: Kinds, request: Request, undoing: Plan | None
) -> tuple[Told, int]:
    """What is to be said of all targets of a snapshot, and how many rows are as they should be."""
    named = {kind.name: kind for kind in kinds}
    told = Told(snapshot, named, request.resolutions)
    unchanged = 0
    if undoing is not None and request.revision is not None:
        inverse = invert(undoing.changes, named)
        moves = [change for change in inverse if isinstance(change, Move)]
        told.snapshot, renaming = named_back(snapshot, named, moves)
        changes = list(renaming.changes(inverse))
        Undoing(told, request.revision, renaming).add(changes)
        go_back(told, changes)
    elif request.mode == "destroy":
        Leaving(told).uninstall(keep_rows=request.keep_rows)
        still_referred(told)
    elif request.mode == "release":
        Leaving(told).release()
    else:
        unchanged = _bring_up_to_date(told, kinds, request)
    return told, unchanged


def _left_behind(snapshot: Snapshot, conflicts: Iterable[Conflict]) -> tuple[LeftBehind, ...]:
    """The targets that have conflicts, each with its own."""
    found: dict[str, list[Conflict]] = defaultdict(list)
    for conflict in conflicts:
        found[conflict.target].append(conflict)
    return tuple(
        LeftBehind(target=target, conflicts=tuple(found[target.organization.id]))
        for target in snapshot.targets
        if target.organization.id in found
    )


def _in_order(conflicts: Iterable[Conflict], order: Mapping[str, int]) -> tuple[Conflict, ...]:
    return tuple(
        sorted(
            conflicts,
            key=lambda one: (one.target, order[one.address.kind], one.address, one.reason),
        )
    )


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
    if request.convert == "reference":
        give_way(told)
    elif request.convert == "copy":
        come_back(told)
    told.changes = list(
        with_predecessors(told.changes, told.notes, Versions(snapshot, reach.kinds))
    )
    told.notes += likely(told)
    Members(told).add()
    return reach.unchanged


def _refuse_unknown(snapshot: Snapshot, kinds: Kinds, request: Request) -> None:
    """Raise NotFoundError where a resolution names what there is no row for."""
    # Whoever looks closer at an address finds that nothing is there, and never was.
    known = {row.address for row in snapshot.rows}
    known |= {one.address for one in snapshot.states if one.situation != "absent" or one.ledger}
    known |= spoken_of(snapshot, kinds)
    unknown = sorted({one.address for one in request.resolutions} - known)
    if unknown:
        raise NotFoundError(
            f"there is no row {', '.join(unknown)}, neither in the template nor in a target",
            hint="An address is kind.key, as entity_type.account; the plan shows them all.",
        )
