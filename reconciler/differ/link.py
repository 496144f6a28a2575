"""What a row refers to, target by target: values differ where something cannot be referred to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from reconciler.differ.decide import Decision
from reconciler.differ.references import Reach
from reconciler.model.conflict import Conflict, MissingReference
from reconciler.model.kind import Column
from reconciler.model.note import Held, Note, Unlinked
from reconciler.model.value import Ref, Values


@dataclass(frozen=True)
class Group:
    """Targets that are to get the same values; `held` are the pointers that stay as they are."""

    organizations: frozenset[str]
    values: Values
    held: frozenset[str] = frozenset()


@dataclass
class Linked:
    """The groups, and what is to be said about references that cannot be made."""

    groups: list[Group]
    notes: list[Note] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def link(decision: Decision, organizations: frozenset[str], reach: Reach) -> Linked:
    """Split the targets by what the template's row can refer to in them."""
    found = Linked([Group(organizations, decision.row.values)])
    new = decision.verdict == "create"
    # What is blocked by one reference needs no word about the others.
    for column in sorted(
        decision.kind.references, key=lambda one: reach.fallback(one, new=new) != "conflict"
    ):
        if column.owner == "tenant" and not new:
            continue
        wanted = decision.row.values[column.name]
        left = frozenset(one for group in found.groups for one in group.organizations)
        unresolved = reach.unresolved(wanted, left)
        if unresolved and isinstance(wanted, Ref) and wanted.ref != decision.row.address:
            _without(found, decision, column, wanted, unresolved, reach)
    found.groups = [group for group in found.groups if group.organizations]
    return found


def _without(
    found: Linked,
    decision: Decision,
    column: Column,
    wanted: Ref,
    unresolved: frozenset[str],
    reach: Reach,
) -> None:
    have = decision.state.values or {}
    there = have.get(column.name) == wanted
    fallback = reach.fallback(column, new=decision.verdict == "create")
    if there and fallback != "stay":
        # A row that points there already, be it at a retired row, goes on doing so.
        return
    address, targets = decision.row.address, tuple(sorted(unresolved))
    match fallback:
        case "stay":
            names = {column.name}
            names.update(one.name for one in decision.kind.compared if one.follows == column.name)
            found.groups = _split(
                found.groups, unresolved, {one: have[one] for one in names}, names
            )
            found.notes.append(
                Held(
                    address=address,
                    targets=targets,
                    column=column.name,
                    refers_to=wanted.ref,
                    stays=have[column.name],
                )
            )
        case "null" | "itself":
            instead = Ref(ref=address) if fallback == "itself" else None
            found.groups = _split(found.groups, unresolved, {column.name: instead})
            found.notes.append(
                Unlinked(
                    address=address,
                    targets=targets,
                    column=column.name,
                    itself=instead is not None,
                    refers_to=wanted.ref,
                )
            )
        case "conflict":
            found.groups = [
                replace(group, organizations=group.organizations - unresolved)
                for group in found.groups
            ]
            found.conflicts += [
                MissingReference(
                    address=address, target=target, column=column.name, refers_to=wanted.ref
                )
                for target in targets
            ]
        case _:
            assert_never(fallback)


def _split(
    groups: Iterable[Group], apart: frozenset[str], values: Values, held: Iterable[str] = ()
) -> list[Group]:
    split = []
    for group in groups:
        split.append(replace(group, organizations=group.organizations - apart))
        split.append(
            Group(
                group.organizations & apart,
                {**group.values, **values},
                group.held | frozenset(held),
            )
        )
    return split


def remembered(decision: Decision, group: Group) -> Values:
    """What the ledger remembers of pointers that stay: not what was applied, so that it asks."""
    state, found = decision.state, {}
    for column in group.held:
        if decision.kind.column(column).owner != "shared":
            continue
        wanted, have = decision.row.values[column], group.values[column]
        if state.base is not None and column in state.base:
            found[column] = state.base[column]
        elif isinstance(have, Ref) and have == wanted:
            # The number is the template's, the row is not.
            found[column] = have.model_copy(update={"own": True})
        else:
            found[column] = wanted
    return found
