"""What a first install of all targets takes in the client's memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from tests.bench.goal import Goal
from tests.bench.town import ROWS, Town

LIMIT: Final = 250.0
# ru_maxrss is what a process inherits at its start, too: the system's own line is of this one.
_CLIENT: Final = """
import json, sys, psycopg
from reconciler import library
def peak():
    with open("/proc/self/status") as told:
        return next(int(line.split()[1]) / 1024 for line in told if line.startswith("VmHWM"))
dsn, targets = sys.argv[1], int(sys.argv[2])
with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
    found = connection.execute(
        "SELECT md5('target ' || n) FROM generate_series(1, %s) AS n", (targets,))
    wanted = [one for (one,) in found]
    plan = library.plan(connection, "agent_template", wanted, actor="user_owner")
    planned = peak()
    library.apply(connection, plan)
    # Row locks are no entries in the table that all of the server's sessions share.
    print(json.dumps({"planned": planned, "applied": peak()}))
"""


def measured(town: Town, repeats: int) -> list[Goal]:
    """The peak, in MB; it needs no repeats."""
    del repeats
    if not sys.platform.startswith("linux"):
        return []
    with town.copy() as tenants:
        dsn = tenants.connection.info.dsn
        done = subprocess.run(
            [sys.executable, "-c", _CLIENT, dsn, str(town.targets)],
            capture_output=True,
            text=True,
            check=True,
        )
    told = json.loads(done.stdout)
    return [
        Goal(
            "MB of memory in the client, for a first install",
            told["applied"],
            LIMIT,
            (
                f"{told['planned']:.0f} MB once it is planned, {told['applied']:.0f} MB once it is "
                f"applied, {town.targets:,} targets of {ROWS} rows",
            ),
            {"targets": town.targets, **told},
        )
    ]
