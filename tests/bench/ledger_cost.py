"""The ledger's own part of the time that an apply takes.

The embedded server never waits for the disk, so COMMIT is all but free here. Where a server does
wait, it waits for WAL: the ledger's part of that is said, too.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from reconciler.model.plan import Plan
from tests.bench.goal import Goal
from tests.bench.measure import Spread, tidied
from tests.bench.stopwatch import Stopwatch, is_the_ledgers
from tests.bench.town import ROWS, Tenants, Town

LIMIT: Final = 0.15


def measured(town: Town, repeats: int) -> list[Goal]:
    """A first install, and a re-sync of one changed type."""
    # What is made once a process (imports, texts of statements) is nobody's share.
    _timed(town, 1)
    timed, plain = [], []
    for _ in range(repeats):
        timed.append(_timed(town, town.targets))
        plain.append(_untimed(town))
    return [
        _goal(name, town, [one[place] for one in timed], [one[place] for one in plain])
        for place, name in enumerate(
            ("the ledger's share of a first install", "the ledger's share of a re-sync of one type")
        )
    ]


def _timed(town: Town, targets: int) -> tuple[Stopwatch, Stopwatch]:
    install, resync = Stopwatch(), Stopwatch()
    with town.copy() as tenants:
        plan = _planned(tenants, targets)
        with install.running():
            tenants.apply(plan)
        _publish(tenants)
        plan = _planned(tenants, targets)
        with resync.running():
            tenants.apply(plan)
    return install, resync


def _untimed(town: Town) -> tuple[float, float]:
    """The same applies as they are, with nothing that looks on."""
    with town.copy() as tenants:
        install = _seconds(tenants, town.targets)
        _publish(tenants)
        return install, _seconds(tenants, town.targets)


def _seconds(tenants: Tenants, targets: int) -> float:
    plan = _planned(tenants, targets)
    start = perf_counter()
    tenants.apply(plan)
    return perf_counter() - start


def _planned(tenants: Tenants, targets: int) -> Plan:
    """A plan, and what planning left behind collected: else the apply would pay for it."""
    plan = tenants.plan(targets)
    gc.collect()
    return plan


def _publish(tenants: Tenants) -> None:
    tidied(tenants.connection)
    tenants.change_one_type()


def _goal(name: str, town: Town, timed: Sequence[Stopwatch], plain: Sequence[float]) -> Goal:
    share = Spread.of(one.share for one in timed)
    statements = {
        serves: {
            "milliseconds": 1000 * Spread.of(one.sent[serves] for one in timed).median,
            "guard_milliseconds": 1000 * Spread.of(one.guarded[serves] for one in timed).median,
            "wal_bytes": Spread.of(one.wal[serves] for one in timed).median,
        }
        for serves in timed[0].sent
    }
    totals = {
        "seconds": Spread.of(one.total for one in timed),
        "seconds_unobserved": Spread.of(plain),
        "commit_seconds": Spread.of(one.commit for one in timed),
        "ledger_seconds": Spread.of(one.ledgers_time for one in timed),
        "ledger_built_seconds": Spread.of(one.built for one in timed),
        "ledger_wal_share": Spread.of(one.ledgers_wal for one in timed),
    }
    slowest = sorted(
        (serves for serves in statements if is_the_ledgers(serves)),
        key=lambda serves: -statements[serves]["milliseconds"],
    )
    return Goal(
        name,
        share.median,
        LIMIT,
        (
            f"share {share.shown(3)}; {totals['seconds'].shown(2)} s for {town.targets:,} targets, "
            f"unobserved {totals['seconds_unobserved'].shown(2)} s",
            f"of the ledger's {totals['ledger_seconds'].median:.2f} s: "
            + ", ".join(
                f"{serves} {statements[serves]['milliseconds']:.0f} ms" for serves in slowest[:4]
            )
            + f", made by the client {1000 * totals['ledger_built_seconds'].median:.0f} ms",
            f"the ledger's share of the WAL {totals['ledger_wal_share'].median:.3f}, "
            f"COMMIT {1000 * totals['commit_seconds'].median:.0f} ms",
        ),
        {
            "targets": town.targets,
            "rows_a_target": ROWS + 1,
            "share": vars(share),
            **{text: vars(spread) for text, spread in totals.items()},
            "statements": statements,
        },
    )
