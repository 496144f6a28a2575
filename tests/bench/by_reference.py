"""A first install of all targets by copy and by reference: time, rows, bytes, an agent's boot.

Boot is `reconciler.vocabulary` for one tenant, on an open connection. A tenant's bytes are its
share of the tables with their indexes: of the vocabulary's, of all the platform's, the ledger's.
"""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Final

from reconciler import library
from reconciler.model.request import Way
from tests.bench.goal import Goal
from tests.bench.measure import Connection, Spread, sizes, tidied
from tests.bench.town import ROWS, Town

LIMIT: Final = 0.5
BOOT: Final = 2.0
_CALLS: Final = 20
_VOCABULARY: Final = ("entity_types", "entity_relationship_types", "entity_relationship_type_rules")


@dataclass(frozen=True)
class _Installed:
    """One way to have a template: seconds, and what a tenant has then."""

    plan: float
    apply: float
    rows: float
    vocabulary: float
    platform: float
    ledger: float
    boot: Spread

    @property
    def bytes(self) -> float:
        """All that a tenant takes."""
        return self.platform + self.ledger

    def says(self, way: Way) -> str:
        """For people."""
        return (
            f"by {way}: plan {self.plan:.2f} s, apply {self.apply:.2f} s; a tenant has "
            f"{self.rows:.0f} rows, {self.vocabulary / 1000:.1f} kB of vocabulary, "
            f"{self.platform / 1000:.1f} kB in all tables and {self.ledger / 1000:.1f} kB in the "
            f"ledger; boot {1000 * self.boot.median:.2f} ms"
        )


def measured(town: Town, repeats: int) -> list[Goal]:
    """Each way once, and a boot as often as the repeats ask for."""
    copy, reference = (_installed(town, way, repeats) for way in ("copy", "reference"))
    told = {"targets": town.targets, "copy": asdict(copy), "reference": asdict(reference)}
    says = (copy.says("copy"), reference.says("reference"))
    seconds = (reference.plan + reference.apply) / (copy.plan + copy.apply)
    boot = reference.boot.median / copy.boot.median
    return [
        Goal("an install by reference, to one by copy", seconds, LIMIT, says, told),
        Goal("its bytes, to those of a copy", reference.bytes / copy.bytes, LIMIT, (), told),
        Goal("a boot by reference, to one by copy", boot, BOOT, (), told),
    ]


def _installed(town: Town, way: Way, repeats: int) -> _Installed:
    with town.copy() as tenants:
        connection = tenants.connection
        tenants.read_a_catalog()
        before = _sizes(connection)
        # Planning writes nothing: the first warms up what is made once.
        tenants.plan(1, way)
        gc.collect()
        start = perf_counter()
        plan = tenants.plan(town.targets, way)
        middle = perf_counter()
        tenants.apply(plan)
        end = perf_counter()
        tidied(connection)
        added = [(b - a) / town.targets for a, b in zip(before, _sizes(connection), strict=True)]
        boot = _boot(connection, tenants.targets(1)[0], repeats * _CALLS)
        rows = sum(len(one.targets) for one in plan.changes) / town.targets
    return _Installed(middle - start, end - middle, rows, *added, boot)


def _sizes(connection: Connection) -> tuple[int, int, int]:
    """Of the vocabulary's tables, of all of the platform's, and of the ledger's."""
    platform = sizes(connection, "public")
    vocabulary = sum(platform[one] for one in _VOCABULARY)
    return vocabulary, sum(platform.values()), sum(sizes(connection, "reconcile").values())


def _boot(connection: Connection, tenant: str, calls: int) -> Spread:
    """The first warms up what is made once."""
    seconds = []
    for _ in range(calls + 1):
        start = perf_counter()
        found = library.vocabulary(connection, tenant)
        seconds.append(perf_counter() - start)
    # And `$member`, the tenant's own.
    assert len(found.entries) == ROWS + 1
    return Spread.of(seconds[1:])
