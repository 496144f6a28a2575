"""A row that is there, or comes back: what changes in it, and what of the tenant's stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reconciler.differ.compare import Comparison, change, compare
from reconciler.differ.decide import Decision
from reconciler.differ.link import Group, remembered
from reconciler.differ.told import bases, in_order, seeds
from reconciler.model.address import Address
from reconciler.model.change import Adopt, Move, Restore, Update
from reconciler.model.conflict import Conflict, EditedBoth, RewrittenVersion
from reconciler.model.note import KeptEdit, NoBase, Note, RewrittenPast
from reconciler.model.value import Values

if TYPE_CHECKING:
    from reconciler.differ.build import Builder


def rewrite(builder: Builder, decision: Decision, group: Group) -> None:
    """Compare a row with the template's in some targets, and say what follows."""
    kind, state, address, told = decision.kind, decision.state, decision.row.address, builder.told
    have: Values = state.values or {}
    resolution = decision.resolution
    keeps = resolution is not None and resolution.keep
    found = compare(
        kind,
        group.values,
        have,
        state.base,
        # A row that is taken over belongs to this agent from now on.
        owner=state.owner.agent if state.owner and not decision.taken_over else None,
        is_own=builder.reach.is_own,
        # To take over a row as it is, decides nothing about one that is ours.
        resolved=resolution.action
        if resolution and not keeps and (decision.taken_over or resolution.fits("edited_both"))
        else None,
        kept=state.kept,
    )
    if decision.taken_over and keeps:
        found = _as_it_is(found)
    if found.forced:
        told.resolved.add(address)
    if found.stays:
        told.skip(address, group.organizations, "edited_both")
    conflicts, notes = _edited(decision, group, found)
    told.notes += notes
    told.report(address, conflicts)
    if conflicts:
        return
    told.notes += [
        KeptEdit(address=address, targets=in_order(group.organizations), column=column)
        for column in found.kept
        if column not in found.stays and not decision.taken_over
    ]
    if kind.history:
        return
    fields = tuple(found.fields)
    changed = frozenset(one.column for one in fields)
    targets = in_order(builder.without_collisions(decision, group.organizations, changed))
    if not targets:
        return
    kept = {**seeds(kind, state), **found.kept, **remembered(decision, group)}
    # What keeps the tenant's values goes on keeping them, also while they are the template's.
    kept |= {name: have[name] for name in state.kept if name not in changed | kept.keys()}
    pinned = tuple(
        one.name
        for one in kind.compared
        if one.name in kept and (one.name in state.kept or one.owner == "template")
    )
    same: dict[str, Any] = {
        "address": address,
        "before": have,
        "fields": fields,
        "kept": kept,
        "pinned": pinned,
        "was": state.ledger,
        "bases": bases(state, fields),
    }
    if decision.taken_over:
        told.change(Adopt(targets=targets, owner=state.owner, **same))
        return
    if decision.verdict == "restore":
        told.change(Restore(targets=targets, ids=state.ids_in(targets), **same))
        return
    for source, renamed in _apart(builder, address, targets):
        if source is not None:
            told.change(Move(source=source, targets=renamed, **same))
        elif fields:
            told.change(Update(targets=renamed, **same))
        if fields and (state.base is None or not changed <= state.base.keys()):
            told.notes.append(NoBase(address=address, targets=renamed))


def _apart(
    builder: Builder, address: Address, targets: Iterable[str]
) -> list[tuple[Address | None, tuple[str, ...]]]:
    """The targets by the name that the row has there, where that is another one."""
    found: dict[Address | None, list[str]] = defaultdict(list)
    for target in targets:
        found[builder.moves.get((address, target))].append(target)
    return [(source, tuple(some)) for source, some in found.items()]


def _as_it_is(found: Comparison) -> Comparison:
    """A row that is taken over without changing a value: the ledger remembers the template's, so
    that the columns are kept as those of a tenant's edit are.
    """
    kept = {
        **found.kept,
        **{field.column: field.after for field in found.fields},
        **{column: theirs for column, _, _, theirs in found.edited},
    }
    return Comparison(kept=kept)


def _edited(
    decision: Decision, group: Group, found: Comparison
) -> tuple[list[Conflict], list[Note]]:
    """What both sides changed; of a version, whatever the template changed in it."""
    address, targets = decision.row.address, in_order(group.organizations)
    if decision.kind.history and (found.fields or found.edited):
        # What the template did; what the tenant did to the same columns is said beside it.
        fields = (
            *found.fields,
            *(change(name, base, theirs) for name, base, _, theirs in found.edited),
        )
        notes: list[Note] = [
            KeptEdit(address=address, targets=targets, column=name) for name, *_ in found.edited
        ]
        if not decision.row.current:
            columns = tuple(sorted(field.column for field in fields))
            notes.append(RewrittenPast(address=address, targets=targets, columns=columns))
            return [], notes
        rewritten = [
            RewrittenVersion(address=address, target=target, fields=fields) for target in targets
        ]
        return [*rewritten], notes
    edited = [
        EditedBoth(
            address=address, target=target, column=column, base=base, ours=ours, theirs=theirs
        )
        for column, base, ours, theirs in found.edited
        for target in targets
    ]
    return [*edited], []
