"""What converting is about: the rows that may give way, or come, and what points at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.database.asking import run
from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.database.templates import find_heirs
from reconciler.errors import RefusedError
from reconciler.model.address import Address
from reconciler.model.catalog import Reference
from reconciler.model.kind import Kind, Pointer
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Pointing, Snapshot, State, Target
from reconciler.reader.closer import Places, count_uses, look
from reconciler.reader.reading import Reading
from reconciler.sql.following import at_catalog, at_own, in_catalogs, pointing_now
from reconciler.sql.source import Sources


def giving_way(reading: Reading, snapshot: Snapshot, reference: Reference) -> Snapshot:
    """The same snapshot, with the rows that may give way to the catalogs' in full."""
    home = reading.template.organization
    path = [one.organization.id for one in reference.catalogs if one.public]
    if home.id not in path:
        raise RefusedError(
            f"the entity {reference.entity_id} of {reading.template.name} does not read "
            f"{home.slug}, where the rows came from, so none could give way",
            hint=f"Let it use {home.slug} as a catalog, too (a relationship of the type "
            "uses_catalog).",
        )
    kinds = [kind for kind in reading.opening.kinds if kind.pointers]
    named = {kind.name for kind in kinds}
    installs = {kind.name for kind in reading.opening.kinds if kind.installs}
    copies = [one.organization.id for one in reading.targets if one.reads is None]
    places = [
        (target, row.address)
        for row in snapshot.rows
        if row.current and row.address.kind in named
        for target in copies
    ]
    # Where a row stands twice nobody knows which is meant, and a closer look shows only one.
    doubled = [one for one in snapshot.states if one.situation == "ambiguous"]
    agents = [
        (one, r.address) for r in snapshot.rows if r.address.kind in installs for one in copies
    ]
    looked = (*_look(reading, places), *_look(reading, agents), *doubled)
    known = {
        id(one)
        for one in snapshot.states
        if one.address.kind in named | installs and not one.orphan
    }
    states = (*(one for one in snapshot.states if id(one) not in known), *looked)
    uses = count_uses(reading.connection, reading.opening, reading.asked, reading.about, places)
    update = {
        "states": states,
        "uses": uses,
        "offered": offered(reading.connection, reading.opening, path[: path.index(home.id) + 1]),
        "pointing": _at_own(reading, kinds, places),
        "heirs": find_heirs(reading.connection, reading.template, copies),
    }
    return snapshot.model_copy(update=update)


def coming_back(reading: Reading, snapshot: Snapshot, targets: Iterable[Target]) -> Snapshot:
    """The same snapshot, with what of these targets points at the template's own rows."""
    kinds = [kind for kind in reading.opening.kinds if kind.pointers]
    home = reading.template.organization.id
    there = offered(reading.connection, reading.opening, [home])
    referring = [one.organization.id for one in targets]
    found = []
    for kind in kinds:
        ids = {row: address for address, row in there.items() if address.kind == kind.name}
        asked = [
            at_catalog(reading.asked.questions.sources, kind, pointer, list(ids), referring)
            for pointer in kind.pointers
        ]
        answers = reading.about.ask(reading.connection, asked)
        for pointer, answer in zip(kind.pointers, answers, strict=True):
            found += [
                _pointing(ids[row], organization, pointer, rows)
                for row, organization, rows in answer
            ]
    # What is as the template has it did not travel, and is to be pointed at all the same.
    seen = {(one, state.address) for state in snapshot.states for one in state.organizations}
    settled = {(one.organization, one.address) for one in found} - seen
    states = (*snapshot.states, *_look(reading, sorted(settled)))
    update = {"offered": there, "pointing": tuple(found), "states": states}
    return snapshot.model_copy(update=update)


def going_back(reading: Reading, applied: Plan, snapshot: Snapshot) -> Snapshot:
    """The same snapshot, with what a plan pointed elsewhere, as far as it still points there.

    A row that is to go is not used by what goes back.
    """
    own = {
        (state.address, organization): row
        for state in snapshot.states
        for organization, row in zip(state.organizations, state.ids, strict=False)
    }
    kinds = {kind.name: kind for kind in reading.opening.kinds}
    found: list[Pointing] = []
    back: dict[tuple[Address, str, str], set[str]] = {}
    for change in applied.changes:
        for one in change.repointed:
            (pointer,) = [
                each
                for each in kinds[change.address.kind].pointers
                if (each.table, each.column) == (one.table, one.column)
            ]
            asked = pointing_now(pointer, [row for rows in one.rows for row in rows])
            (answer,) = reading.about.ask(reading.connection, [asked])
            now = {row: (whose, at) for row, whose, at in answer}
            for target, rows in zip(change.targets, one.rows, strict=True):
                at = one.catalog if one.way == "reference" else own.get((change.address, target))
                left = [row for row in rows if now.get(row) == (target, at)]
                found.append(_pointing(change.address, target, pointer, left))
                if one.way == "copy":
                    back[change.address, target, one.table] = set(left)
    places = sorted({(target, address) for address, target, _ in back})
    with_pointers = [kind for kind in kinds.values() if kind.pointers]
    still = {
        (one.address, one.organization, one.table)
        for one in _at_own(reading, with_pointers, places)
        if one.foreign
        or not back.get((one.address, one.organization, one.table), set()).issuperset(one.rows)
    }
    uses = [
        one
        for one in snapshot.uses
        if (place := (one.address, one.organization, one.table)) in still or place not in back
    ]
    return snapshot.model_copy(update={"pointing": tuple(found), "uses": tuple(uses)})


def offered(connection: Connection, opening: Opening, path: Sequence[str]) -> dict[Address, str]:
    """The ids of the last catalog's rows, where no nearer one has such a row."""
    *nearer, home = path
    hidden = in_these(connection, opening, nearer).keys()
    found = in_these(connection, opening, [home])
    return {address: row for address, row in found.items() if address not in hidden}


def in_these(connection: Connection, opening: Opening, catalogs: list[str]) -> dict[Address, str]:
    """What these catalogs have of what can be had by reference: the id of some such row."""
    sources = Sources(opening.kinds, opening.shapes)
    kinds = [kind for kind in opening.kinds if kind.pointers]
    answers = run(connection, [in_catalogs(sources, kind, catalogs) for kind in kinds])
    return {
        Address.of(kind.name, tuple(key)): row
        for kind, answer in zip(kinds, answers, strict=True)
        for *key, row in answer
    }


def _at_own(reading: Reading, kinds: Sequence[Kind], places: Places) -> tuple[Pointing, ...]:
    own: dict[tuple[Address, str, str, str], list[str]] = {}
    foreign: set[tuple[Address, str, str, str]] = set()
    for kind in kinds:
        there = [place for place in places if place[1].kind == kind.name]
        if not there:
            continue
        asked = [
            at_own(reading.asked.questions.sources, kind, pointer, there)
            for pointer in kind.pointers
        ]
        answers = reading.about.ask(reading.connection, asked)
        for pointer, answer in zip(kind.pointers, answers, strict=True):
            for *key, organization, whose, rows in answer:
                at = (
                    Address.of(kind.name, tuple(key)),
                    organization,
                    pointer.table,
                    pointer.column,
                )
                if whose == organization:
                    own[at] = list(rows)
                else:
                    foreign.add(at)
    return tuple(
        Pointing(
            address=at[0],
            organization=at[1],
            table=at[2],
            column=at[3],
            rows=tuple(own.get(at, ())),
            foreign=at in foreign,
        )
        for at in sorted({*own, *foreign})
    )


def _pointing(
    address: Address, organization: str, pointer: Pointer, rows: Sequence[str]
) -> Pointing:
    return Pointing(
        address=address,
        organization=organization,
        table=pointer.table,
        column=pointer.column,
        rows=tuple(rows),
    )


def _look(reading: Reading, places: Places) -> list[State]:
    if not places:
        return []
    return look(reading.connection, reading.opening, reading.asked, reading.about, places)
