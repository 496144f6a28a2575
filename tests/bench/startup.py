"""What the command line takes before it does anything, as whole processes."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import Final

from tests.bench.goal import Goal
from tests.bench.measure import Spread
from tests.bench.town import Town

HELP: Final = 1.5
PLAN: Final = 2.0
_CLICK: Final = ("-c", "import click")
_BARE: Final = ("-c", "import sys, psycopg, pydantic; psycopg.connect(sys.argv[1]).close()")
_RECONCILE: Final = ("-c", "import sys; from reconciler.cli import main; sys.exit(main())")


def measured(town: Town, repeats: int) -> list[Goal]:
    """`reconcile --help`, and a plan of one target that has nothing to do."""
    with town.copy() as tenants:
        tenants.apply(tenants.plan(1))
        dsn = tenants.connection.info.dsn
        (target,) = tenants.targets(1)
        plan = (*_RECONCILE, "plan", "agent_template", "--target", target, "--as", "user_owner",
                "--database-url", dsn)  # fmt: skip
        asked = {
            "import click": _CLICK,
            "--help": (*_RECONCILE, "--help"),
            "connect": (*_BARE, dsn),
            "plan": plan,
        }
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(repeats + 1):
            for name, arguments in asked.items():
                start = perf_counter()
                subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
                seconds[name].append(perf_counter() - start)
    # The first of each reads files that are not in memory yet.
    found = {name: Spread.of(times[1:]) for name, times in seconds.items()}
    told = {name: vars(spread) for name, spread in found.items()}
    return [
        Goal(goal, found[ours].median / found[bare].median, limit,
             (f"{found[ours].shown(3)} s, and {bare} {found[bare].shown(3)} s",), told)
        for goal, ours, bare, limit in (
            ("reconcile --help, to import click", "--help", "import click", HELP),
            ("a plan with nothing to do, as a process, to connecting", "plan", "connect", PLAN),
        )
    ]  # fmt: skip
