"""What converting would do, counted: plans come in, an installation is in one of them only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.kinds import Kinds
from reconciler.model.address import Address
from reconciler.model.advice import (
    Frequent,
    InstallationAdvice,
    KindAdvice,
    Left,
    Stays,
    Sum,
    TemplateAdvice,
)
from reconciler.model.change import Retire
from reconciler.model.kind import Kind
from reconciler.model.note import Local, Shadow
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Snapshot, Target
from reconciler.reader.weighing import Weight

# Of the addresses at which rows stay for one reason so many are named.
FREQUENT: Final = 5

# The template's rows that stay, and what is somebody's own doing.
_OURS: Final = frozenset({"edited", "behind", "parts", "in_use", "referred", "elsewhere"})
_CUSTOMISED: Final = frozenset({"edited", "own", "parts", "deleted"})


class Weighed:
    """Counts of all installations, and of each where they are asked for one by one."""

    def __init__(self, kinds: Kinds, *, fleet: bool) -> None:
        self.kinds = tuple(kind for kind in kinds if kind.pointers)
        self.fleet = fleet
        self._named = {kind.name: kind for kind in self.kinds}
        self._parts = {kind.name: _tables_below(kind, kinds) for kind in self.kinds}
        # By (kind, what is counted); and of the installations at hand, by organisation, too.
        self._sums: Counter[tuple[str, str]] = Counter()
        self._here: Counter[tuple[str, str, str]] = Counter()
        self._follow: Counter[tuple[str, str]] = Counter()
        self._stays: Counter[tuple[str, Local]] = Counter()
        self._stays_in: Counter[tuple[str, Local]] = Counter()
        self._used_by: Counter[tuple[str, str]] = Counter()
        self._at: Counter[tuple[Local, Address]] = Counter()
        self._columns: dict[tuple[Local, Address], Counter[str]] = defaultdict(Counter)
        self._left: Counter[str] = Counter()
        self._left_in: Counter[str] = Counter()
        self._customised_in = self._conflicts_in = 0
        self._conflicts: Counter[str] = Counter()
        self._installations: list[InstallationAdvice] = []

    def plan(self, plan: Plan, snapshot: Snapshot) -> None:
        """What a plan says of its targets' rows."""
        for change in plan.changes:
            if isinstance(change, Retire):
                self._retired(change)
        users = self._users(snapshot)
        where: set[tuple[str, Local, str]] = set()
        for note in plan.notes:
            if isinstance(note, Shadow):
                where.update((note.address.kind, note.because, one) for one in note.targets)
                self._stay(note, users)
        self._stays_in.update((kind, because) for kind, because, _ in where)
        self._conflicts = Counter(one.target for one in plan.conflicts)

    def weights(self, weights: Iterable[Weight]) -> None:
        """What the rows take that give way."""
        for one in weights:
            self._here[one.organization, one.kind, "bytes"] += one.bytes
            if one.part:
                self._here[one.organization, one.kind, "parts"] += one.rows

    def left(self, rows: Mapping[str, Counter[str]]) -> None:
        """Rows by kind and organisation that stay as they are."""
        for kind, found in rows.items():
            self._left[kind] += found.total()
            self._left_in[kind] += len(found)

    def told(self, targets: Iterable[Target]) -> None:
        """All is said of these installations."""
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for (organization, kind, what), number in self._here.items():
            sums[organization][what] += number
            self._sums[kind, what] += number
        self._here.clear()
        for one in targets:
            organization = one.organization.id
            self._customised_in += bool(sums[organization]["customised"])
            self._conflicts_in += bool(self._conflicts[organization])
            if not self.fleet:
                told = InstallationAdvice(
                    organization=one.organization,
                    agent_id=one.agent_id or "",
                    conflicts=self._conflicts[organization],
                    **sums[organization],
                )
                self._installations.append(told)

    def advice(
        self, about: TemplateAdvice, indexes: Mapping[tuple[str, str], int]
    ) -> TemplateAdvice:
        """All of it, beside what is known of the template; `indexes` are the tables'."""
        total: Counter[str] = Counter()
        for (_, what), number in self._sums.items():
            total[what] += number
        return about.model_copy(
            update={
                "customised_in": self._customised_in,
                "conflicts_in": self._conflicts_in,
                "total": Sum(**total),
                "kinds": tuple(
                    self._kind(kind, indexes[kind.db_schema, kind.table]) for kind in self.kinds
                ),
                "left": tuple(
                    Left(kind=kind, rows=rows, installations=self._left_in[kind])
                    for kind, rows in self._left.items()
                    if rows
                ),
                "installations": tuple(
                    sorted(
                        self._installations,
                        key=lambda one: (one.organization.slug, one.organization.id),
                    )
                ),
            }
        )

    def _retired(self, change: Retire) -> None:
        kind = change.address.kind
        for organization in change.targets:
            self._here[organization, kind, "rows"] += 1
            self._here[organization, kind, "gives_way"] += 1
        for one in change.repointed:
            self._follow[kind, one.table] += one.number
            for organization, rows in zip(change.targets, one.rows, strict=True):
                self._here[organization, kind, "repointed"] += len(rows)

    def _users(self, snapshot: Snapshot) -> dict[tuple[Address, str], set[str]]:
        """The tables whose rows use a row and cannot follow."""
        found: dict[tuple[Address, str], set[str]] = defaultdict(set)
        for use in snapshot.uses:
            follow = {one.table for one in self._named[use.address.kind].pointers}
            if use.table not in follow:
                found[use.address, use.organization].add(use.table)
        for one in snapshot.pointing:
            if one.foreign:
                found[one.address, one.organization].add(one.table)
        return found

    def _stay(self, note: Shadow, users: Mapping[tuple[Address, str], set[str]]) -> None:
        kind, because = note.address.kind, note.because
        self._stays[kind, because] += len(note.targets)
        self._at[because, note.address] += len(note.targets)
        for column in note.columns:
            self._columns[because, note.address][column] += len(note.targets)
        for organization in note.targets:
            used_by = users.get((note.address, organization), set()) if because == "in_use" else ()
            self._used_by.update((kind, table) for table in used_by)
            # What a tenant hung under a row is its own doing, too.
            customised = because in _CUSTOMISED or self._parts[kind] & {*used_by}
            for what, counted in (
                ("rows", because in _OURS),
                ("behind", because == "behind"),
                ("customised", customised),
            ):
                if counted:
                    self._here[organization, kind, what] += 1

    def _kind(self, kind: Kind, indexes: int) -> KindAdvice:
        numbers = {what: number for (name, what), number in self._sums.items() if name == kind.name}
        follow = {table: number for (name, table), number in self._follow.items()
                  if name == kind.name}  # fmt: skip
        stays = [
            self._reason(kind, because, rows)
            for (name, because), rows in self._stays.most_common()
            if name == kind.name
        ]
        return KindAdvice(
            kind=kind.name, indexes=indexes, follow=follow, stays=tuple(stays), **numbers
        )

    def _reason(self, kind: Kind, because: Local, rows: int) -> Stays:
        at = Counter(
            {
                address: number
                for (why, address), number in self._at.items()
                if why == because and address.kind == kind.name
            }
        )
        most = sorted(at, key=lambda address: (-at[address], address))[:FREQUENT]
        used_by = {table: number for (name, table), number in self._used_by.items()
                   if name == kind.name and because == "in_use"}  # fmt: skip
        return Stays(
            because=because,
            rows=rows,
            installations=self._stays_in[kind.name, because],
            used_by=used_by,
            most=tuple(
                Frequent(
                    address=address,
                    installations=at[address],
                    columns=_most_first(self._columns[because, address]),
                )
                for address in most
            ),
        )


def _most_first(found: Counter[str]) -> dict[str, int]:
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _tables_below(kind: Kind, kinds: Kinds) -> set[str]:
    """The tables of kinds whose rows belong to this kind's."""
    return {one.table for one in kinds if one.mirrored and one.parent
            and one.parent.kind == kind.name}  # fmt: skip
