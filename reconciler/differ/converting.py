"""From copies to references, and back: rows that nobody customised give way to the catalog's, or
come back, and what points at them follows.

| the target's row                                          | to reference                      |
|-----------------------------------------------------------|-----------------------------------|
| is the template's, equal to the catalog's, with its parts | retired; what points at it follows |
| is edited, or behind, or has parts of the tenant's own    | stays, and shadows the catalog's  |
| is the tenant's own, or another template's                | stays, and shadows the catalog's  |
| is used by rows that cannot follow                        | stays, and shadows the catalog's  |
| is referred to by one that stays                          | stays, and shadows the catalog's  |
| another installation of the organisation has it, too      | stays, and shadows the catalog's  |
| a person resolved to leave it, or to release it           | stays, or is the tenant's         |
| is not there: the tenant deleted it                       | is seen again, and said           |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler.differ.ownership import Ownership
from reconciler.differ.told import Told, in_order, remaining
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import Change, Release, Repointed, Retire, Update
from reconciler.model.kind import Kind
from reconciler.model.note import Local, Shadow, StillReferred
from reconciler.model.request import Way
from reconciler.model.snapshot import Pointing, Row, State
from reconciler.model.value import Ref, Values

_Place = tuple[Address, str]


def give_way(told: Told) -> None:
    """Retire what nobody customised, and say of all else why it stays."""
    snapshot = told.snapshot
    rows = {row.address: row for row in snapshot.rows if row.current}
    states: dict[Address, list[State]] = defaultdict(list)
    for state in snapshot.states:
        if told.kinds[state.address.kind].pointers and not state.orphan:
            states[state.address].append(state)
    foreign = {(one.address, one.organization) for one in snapshot.pointing if one.foreign}
    parts = _parts(told)
    ownership = Ownership(snapshot.template)
    leaving: dict[_Place, State] = {}
    for address, row in rows.items():
        for state in sorted(states[address], key=lambda one: one.situation != "ambiguous"):
            for organization, why, columns in _stays(told, row, state, ownership):
                place = (address, organization)
                if why is None and place in parts:
                    why = "parts"
                if why is None and organization in snapshot.heirs:
                    why = "shared"
                if why is None and (place in foreign or _used(told, place)):
                    why = "in_use"
                if why is None:
                    leaving[place] = state
                else:
                    _say(told, address, organization, why, columns)
    for place in [one for one in leaving if told.asked(one[0], "release")]:
        _release(told, leaving.pop(place), place[1])
    for place in _referred(snapshot.states, leaving):
        del leaving[place]
        _say(told, *place, "referred")
    found: dict[int, tuple[State, list[str]]] = {}
    for (_, organization), state in leaving.items():
        found.setdefault(id(state), (state, []))[1].append(organization)
    for state, organizations in found.values():
        _retire(told, state, organizations)


def _stays(
    told: Told, row: Row, state: State, ownership: Ownership
) -> Iterator[tuple[str, Local | None, tuple[str, ...]]]:
    """The organisations, and why the row stays there; None where nothing is against its going."""
    kind = told.kinds[row.address.kind]
    why: Local | None = None
    columns: tuple[str, ...] = ()
    have: Values = state.values or {}
    if state.situation == "ambiguous":
        why = "twice"
    elif state.situation == "absent" or state.situation == "dead":
        if state.ledger in (None, "retired"):
            return
        why = "deleted"
    elif not ownership.ours(state):
        why = "own"
    elif told.asked(row.address, "skip"):
        why = "asked"
    elif row.address not in told.snapshot.offered:
        why = "elsewhere"
    else:
        base = state.base or {}
        columns = tuple(
            one.name
            for one in kind.compared
            if have[one.name] != row.values[one.name] or one.name in state.kept
        )
        if columns:
            mine = [one for one in columns if one not in base or base[one] != have[one]]
            why = "edited" if mine or state.kept else "behind"
    for organization in state.organizations:
        yield organization, why, columns


def _parts(told: Told) -> set[_Place]:
    """Where a part of a row is missing, changed, or the tenant's own: what is as the template has
    it does not travel.
    """
    found: set[_Place] = set()
    for state in told.snapshot.states:
        kind = told.kinds[state.address.kind]
        above = parent_of(kind, state.address)
        if above is not None and told.kinds[above.kind].pointers and kind.mirrored:
            found.update((above, organization) for organization in state.organizations)
    return found


def _used(told: Told, place: _Place) -> bool:
    """Whether rows use it that cannot be pointed elsewhere."""
    follow = {one.table for one in told.kinds[place[0].kind].pointers}
    return bool(told.uses.get(place, {}).keys() - follow)


def _referred(states: Iterable[State], leaving: Mapping[_Place, State]) -> list[_Place]:
    """What a row refers to that stays; and what that refers to, and so on."""
    refers: dict[_Place, set[_Place]] = defaultdict(set)
    for state in states:
        at = state.address
        for value in (state.values or {}).values() if state.situation == "live" else ():
            if isinstance(value, Ref) and value.organization is None and value.ref != at:
                for organization in state.organizations:
                    refers[at, organization].add((value.ref, organization))
    gone = set(leaving)
    open_ = [place for place in refers if place not in gone]
    found = []
    while open_:
        for place in refers[open_.pop()] & gone:
            gone.remove(place)
            found.append(place)
            open_.append(place)
    return found


def _release(told: Told, state: State, organization: str) -> None:
    """What would give way becomes the tenant's own: a person resolved that."""
    told.change(
        Release(
            address=state.address,
            targets=(organization,),
            because="asked",
            before=state.values or {},
            **remaining(state),
        )
    )


def _retire(told: Told, state: State, organizations: Iterable[str]) -> None:
    targets = in_order(organizations)
    told.change(
        Retire(
            address=state.address,
            targets=targets,
            ids=state.ids_in(targets),
            before=state.values or {},
            repointed=_repointed(told, state.address, targets, "reference"),
            **remaining(state),
        )
    )


def _repointed(
    told: Told, address: Address, targets: Iterable[str], way: Way
) -> tuple[Repointed, ...]:
    """What follows in these targets."""
    known = {
        (one.table, one.column, one.organization): one.rows
        for one in told.snapshot.pointing
        if one.address == address
    }
    kind: Kind = told.kinds[address.kind]
    found = (
        Repointed(
            table=pointer.table,
            column=pointer.column,
            way=way,
            catalog=told.snapshot.offered[address],
            rows=tuple(known.get((pointer.table, pointer.column, one), ()) for one in targets),
        )
        for pointer in kind.pointers
        if any(known.get((pointer.table, pointer.column, one)) for one in targets)
    )
    return tuple(found)


def come_back(told: Told) -> None:
    """Point what points at the catalog's rows at the target's own, where it has or gets them."""
    pointing: dict[Address, dict[str, list[Pointing]]] = defaultdict(lambda: defaultdict(list))
    for one in told.snapshot.pointing:
        if one.rows:
            pointing[one.address][one.organization].append(one)
    changes: list[Change] = []
    for change in told.changes:
        here = pointing.get(change.address, {})
        if here and not isinstance(change, Release | Retire):
            followed = _repointed(told, change.address, change.targets, "copy")
            change = change.model_copy(update={"repointed": followed})
            for target in change.targets:
                here.pop(target, None)
        changes.append(change)
    told.changes = changes
    for address, organizations in pointing.items():
        for state in told.snapshot.states:
            if state.address == address and state.situation == "live":
                _follow(told, state, organizations)
        left = {id(one) for some in organizations.values() for one in some}
        still_referred(told, [one for one in told.snapshot.pointing if id(one) in left])


def still_referred(told: Told, pointing: Iterable[Pointing] | None = None) -> None:
    """Say what goes on pointing at the catalog's rows, though nothing leads there any more."""
    told.notes += [
        StillReferred(address=one.address, targets=(one.organization,), table=one.table)
        for one in (told.snapshot.pointing if pointing is None else pointing)
        if one.rows
    ]


def _follow(told: Told, state: State, organizations: dict[str, list[Pointing]]) -> None:
    """What points at the catalog's row, though the target has one of its own that is ours."""
    ours = Ownership(told.snapshot.template).ours(state)
    targets = in_order(set(state.organizations) & organizations.keys()) if ours else ()
    if targets:
        told.change(
            Update(
                address=state.address,
                targets=targets,
                before=state.values or {},
                repointed=_repointed(told, state.address, targets, "copy"),
                **remaining(state),
            )
        )
    for target in targets:
        del organizations[target]


def _say(
    told: Told, address: Address, organization: str, why: Local, columns: tuple[str, ...] = ()
) -> None:
    note = Shadow(address=address, targets=(organization,), because=why, columns=columns)
    told.notes.append(note)


def go_back(told: Told, inverse: Iterable[Change]) -> None:
    """What followed when something was applied goes back, where it still points there."""
    still = {
        (one.address, one.organization, one.table, one.column): frozenset(one.rows)
        for one in told.snapshot.pointing
    }
    back: dict[_Place, list[tuple[Repointed, tuple[str, ...]]]] = defaultdict(list)
    for change in inverse:
        for one in change.repointed:
            for target, rows in zip(change.targets, one.rows, strict=True):
                there = still.get((change.address, target, one.table, one.column), frozenset())
                left = tuple(row for row in rows if row in there)
                back[change.address, target].append((one.model_copy(update={"rows": ()}), left))
    told.changes = [_going_back(change, back) for change in told.changes]


def _going_back(
    change: Change, back: Mapping[_Place, list[tuple[Repointed, tuple[str, ...]]]]
) -> Change:
    found: dict[Repointed, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for target in change.targets if not isinstance(change, Release) else ():
        for one, rows in back.get((change.address, target), ()):
            if rows:
                found[one][target] = rows
    followed = tuple(
        one.model_copy(update={"rows": tuple(rows.get(target, ()) for target in change.targets)})
        for one, rows in found.items()
    )
    return change.model_copy(update={"repointed": followed})
