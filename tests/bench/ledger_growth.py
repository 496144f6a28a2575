"""How much the ledger grows with every target, and what of it is stored once for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.bench.goal import Goal
from tests.bench.measure import sizes, tidied
from tests.bench.town import ROWS, Town

LIMIT: Final = 1.1
_LEDGER: Final = "reconcile"


def measured(town: Town, repeats: int) -> list[Goal]:
    """Contents are stored once, however many targets have them. Sizes need no repeats."""
    del repeats
    alone, _, _ = _grown(town, 1)
    content, install, resync = _grown(town, town.targets)
    return [
        Goal(
            "contents are stored once for all targets",
            content / alone,
            LIMIT,
            (
                f"content: {alone:,} bytes for 1 target, {content:,} for {town.targets:,}",
                f"first install of {ROWS} rows and the agent: {_split(install)}",
                f"re-sync of one changed type: {_split(resync)}",
            ),
            {
                "targets": town.targets,
                "rows_a_target": ROWS + 1,
                "content_bytes_for_one_target": alone,
                "content_bytes": content,
                "first_install_bytes_a_target": install,
                "resync_bytes_a_target": resync,
            },
        )
    ]


def _grown(town: Town, targets: int) -> tuple[int, dict[str, float], dict[str, float]]:
    """The bytes of the contents; and by table, what an install and a re-sync cost a target."""
    with town.copy() as tenants:
        connection = tenants.connection
        empty = sizes(connection, _LEDGER)
        tenants.apply(tenants.plan(targets))
        installed = sizes(connection, _LEDGER)
        # With a map of what is free in each table, as there is when the next version comes.
        tidied(connection)
        tenants.change_one_type()
        plan = tenants.plan(targets)
        before = sizes(connection, _LEDGER)
        tenants.apply(plan)
        synced = sizes(connection, _LEDGER)
    return (
        installed["content"],
        _a_target(empty, installed, targets),
        _a_target(before, synced, targets),
    )


def _a_target(
    before: Mapping[str, int], after: Mapping[str, int], targets: int
) -> dict[str, float]:
    grown = {table: (size - before[table]) / targets for table, size in after.items()}
    return {"total": sum(grown.values()), **grown}


def _split(grown: Mapping[str, float]) -> str:
    tables = ", ".join(
        f"{table} {size:,.0f}" for table, size in grown.items() if size and table != "total"
    )
    return f"{grown['total']:,.0f} bytes a target ({tables})"
