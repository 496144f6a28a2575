"""What leaves: rows of ours that the template no longer has, and all of them at an uninstall.

| the row                                  | pruned            | uninstalled               |
|------------------------------------------|-------------------|---------------------------|
| its kind cannot be retired               | stays, `orphaned` | released                  |
| another template of its organisation has it |                | released to that one      |
| something of the tenant's uses it        | conflict `in_use` | released                  |
| the tenant has edited it                 | retired, and said | released                  |
| nothing of all that                      | retired           | retired                   |

A person can resolve otherwise, row by row: release it, or leave it as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from reconciler.differ.compare import change
from reconciler.differ.references import Reach
from reconciler.differ.told import Told, in_order, remaining
from reconciler.kinds.order import parent_of
from reconciler.model.address import Address
from reconciler.model.change import FieldChange, Release, Retire
from reconciler.model.kind import Kind
from reconciler.model.note import NoBase, Orphaned, WithParent
from reconciler.model.snapshot import Heir, State
from reconciler.model.value import Ref, Values

_Because = Literal["asked", "in_use", "edited", "lasting", "handed_over"]


class Leaving:
    """Decides for the rows of ours that leave; parents come before what belongs to them."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.doubled: dict[Address, set[str]] = defaultdict(set)
        for state in told.snapshot.states:
            if state.situation == "ambiguous":
                self.doubled[state.address].update(state.organizations)
        self.gone: dict[Address, set[str]] = defaultdict(set)
        self.stays: dict[Address, set[str]] = defaultdict(set)
        self.given: dict[tuple[Address, str], tuple[_Because, Heir | None]] = {}
        self.held: dict[Address, set[str]] = defaultdict(set)
        self.inside: dict[tuple[Address, str], list[str]] = defaultdict(list)
        for kind, state in self._held():
            self.held[state.address].update(state.organizations)
            if edited(kind, state):
                self._edited_inside(kind, state)

    def orphans(self, reach: Reach, *, prune: bool) -> None:
        """Rows that the template no longer has: noted, or retired where that is asked for.

        What belongs to a row that was given away is nobody's business.
        """
        self._ambiguous(everything=prune)
        for kind, state in self._held():
            organizations = self._undecided(kind, state)
            parent = parent_of(kind, state.address)
            if parent is not None and kind.owner is None:
                known = parent in reach.template
                organizations &= organizations if known else frozenset(self.held[parent])
                organizations -= reach.foreign[parent]
            with_parent = organizations & self.stays[parent] if parent else frozenset()
            stays = not prune or kind.history is not None or not kind.retired
            if stays or self.told.asked(state.address, "skip", "orphaned"):
                with_parent = organizations
            if with_parent:
                self.stays[state.address] |= with_parent
                note = Orphaned(address=state.address, targets=in_order(with_parent))
                self.told.notes.append(note)
            self._prune(kind, state, organizations - with_parent)

    def uninstall(self, *, keep_rows: bool) -> None:
        """All rows of ours: retired where nobody misses them, and given away otherwise."""
        self._ambiguous(everything=True)
        for kind, state in self._held():
            if kind.owner is None and not kind.installs:
                # What belongs to a row goes, or stays, with it.
                continue
            if self.told.asked(state.address, "skip"):
                self.stays[state.address].update(state.organizations)
                self.told.skip(state.address, state.organizations, "uninstall")
                continue
            organizations = self._undecided(kind, state)
            if kind.installs:
                self._retire(kind, state, organizations)
                continue
            parent = parent_of(kind, state.address)
            if parent and self.told.kinds[parent.kind].mirrored:
                organizations = self._with_parent(state, parent, organizations)
            self._leave(kind, state, organizations, keep_rows=keep_rows)

    def release(self) -> None:
        """Only what a person resolved to give away."""
        self._ambiguous(everything=False)
        for kind, state in self._held():
            self._undecided(kind, state)

    def _held(self) -> Iterator[tuple[Kind, State]]:
        by_kind: dict[str, list[State]] = defaultdict(list)
        for state in self.told.snapshot.states:
            if state.orphan and state.situation == "live":
                by_kind[state.address.kind].append(state)
        for kind in self.told.kinds.values():
            for state in by_kind[kind.name]:
                yield kind, state

    def _ambiguous(self, *, everything: bool) -> None:
        """What stands twice is not known well enough to leave, be it as a person resolved."""
        for address in self.doubled.keys() & self.held.keys():
            if everything or self.told.asked(address, "release"):
                self.told.ambiguous(address, self.doubled[address] & self.held[address])

    def _edited_inside(self, kind: Kind, state: State) -> None:
        """An edit of a part goes with the row that it belongs to, so it is told of that one."""
        parent = parent_of(kind, state.address)
        while parent is not None and self.told.kinds[parent.kind].mirrored:
            for organization in state.organizations:
                self.inside[parent, organization].append(str(state.address))
            parent = parent_of(self.told.kinds[parent.kind], parent)

    def _undecided(self, kind: Kind, state: State) -> frozenset[str]:
        """The organisations in which nothing is decided yet: a person may have released the row,
        or what it belongs to may be gone.
        """
        address = state.address
        organizations = frozenset(state.organizations) - self.doubled[address]
        parent = parent_of(kind, address)
        if kind.owner is not None and self.told.asked(address, "release"):
            used = self.told.used(address, organizations)
            only_used = self.told.resolutions[address].reason == "in_use"
            given = organizations & used if only_used else organizations
            self._give(state, given, "asked")
            organizations -= given
        if kind.owner is None and parent is not None:
            organizations -= self.gone[parent]
        return organizations

    def _with_parent(
        self, state: State, parent: Address, organizations: frozenset[str]
    ) -> frozenset[str]:
        """A row with an owner of its own stays with what it belongs to, or goes where that goes."""
        stays = organizations & self.stays[parent]
        if stays:
            self.stays[state.address] |= stays
            note = WithParent(address=state.address, targets=in_order(stays))
            self.told.notes.append(note)
        # What is not among the rows of ours, is somebody's own.
        foreign = organizations - stays - self.held[parent]
        self._give(state, foreign, "in_use")
        given = [
            (one, self.given[parent, one]) for one in organizations if (parent, one) in self.given
        ]
        for one, (because, heir) in given:
            kind = self.told.kinds[state.address.kind]
            fields = _handed_over(kind, state, heir) if heir else ()
            self._give(state, [one], because, heir, fields)
        return organizations - stays - foreign - {one for one, _ in given}

    def _prune(self, kind: Kind, state: State, organizations: frozenset[str]) -> None:
        used = self.told.used(state.address, organizations)
        self.stays[state.address] |= used
        self.told.in_use(state.address, used)
        here = edited(kind, state)
        parts: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for one in organizations - used:
            parts[(*here, *self.inside.get((state.address, one), ()))].add(one)
        for lost, targets in parts.items():
            self._retire(kind, state, targets, edited=lost)

    def _leave(
        self, kind: Kind, state: State, organizations: frozenset[str], *, keep_rows: bool
    ) -> None:
        heirs = {
            one: self.told.snapshot.heirs[one]
            for one in organizations & self.told.snapshot.heirs.keys()
        }
        for heir, targets in _grouped(heirs):
            self._give(state, targets, "handed_over", heir, _handed_over(kind, state, heir))
        rest = organizations - heirs.keys()
        used = self.told.used(state.address, rest)
        if keep_rows:
            self._give(state, rest, "asked")
        elif not kind.retired:
            self._give(state, rest, "lasting")
        else:
            self._give(state, frozenset(used), "in_use")
            inside = {one for one in rest if self.inside.get((state.address, one))}
            touched = frozenset(rest if edited(kind, state) else inside) - used
            self._give(state, touched, "edited")
            self._retire(kind, state, rest - used - touched)

    def _give(
        self,
        state: State,
        organizations: Iterable[str],
        because: _Because,
        heir: Heir | None = None,
        fields: tuple[FieldChange, ...] = (),
    ) -> None:
        targets = in_order(organizations)
        self.gone[state.address].update(targets)
        self.given.update({(state.address, one): (because, heir) for one in targets})
        if targets:
            release = Release(
                address=state.address,
                targets=targets,
                because=because,
                to=heir.owner if heir else None,
                before=state.values or {},
                fields=fields,
                **remaining(state, fields),
            )
            self.told.change(release)

    def _retire(
        self,
        kind: Kind,
        state: State,
        organizations: Iterable[str],
        edited: tuple[str, ...] = (),
    ) -> None:
        targets = in_order(organizations)
        self.gone[state.address].update(targets)
        if targets and kind.owner is not None and kind.compared and state.base is None:
            self.told.notes.append(NoBase(address=state.address, targets=targets))
        if targets:
            retire = Retire(
                address=state.address,
                targets=targets,
                ids=state.ids_in(targets),
                before=state.values or {},
                edited=edited,
                **remaining(state),
            )
            self.told.change(retire)


def edited(kind: Kind, state: State) -> tuple[str, ...]:
    """The columns that the tenant has edited, as far as it is known what was applied.

    That a row runs under no installation any more is no edit: the agent, or its template, is gone.
    """
    base: Values = state.base or {}
    have: Values = state.values or {}
    return tuple(
        column.name
        for column in kind.compared
        if not column.installation
        and column.name in base
        and base[column.name] != have.get(column.name)
    )


def _handed_over(kind: Kind, state: State, heir: Heir) -> tuple[FieldChange, ...]:
    """What belongs to an installation belongs to the heir's, from now on."""
    have: Values = state.values or {}
    return tuple(
        change(column.name, have[column.name], Ref(ref=Address.of(str(column.references), key)))
        for column in kind.compared
        if column.installation
        for key in [(heir.owner.agent,)]
        if have[column.name] != Ref(ref=Address.of(str(column.references), key))
    )


def _grouped(heirs: Mapping[str, Heir]) -> list[tuple[Heir, set[str]]]:
    """Each owner with the targets that have it; which installation it is there does not matter."""
    found: dict[str, tuple[Heir, set[str]]] = {}
    for target, heir in sorted(heirs.items()):
        found.setdefault(heir.owner.agent, (heir, set()))[1].add(target)
    return list(found.values())
