"""What the plan of one changed type for a whole fleet comes to: a file, memory, and lines to read.

The goals are those of 10,000 targets, however many are measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.goal import Goal
from tests.bench.town import Town

FILE: Final = 1_000_000
MEMORY: Final = 150_000_000
# In a process of its own, which has done nothing else.
_CLIENT: Final = """
import resource, sys
import psycopg
from reconciler import planfile
from tests.bench.town import Tenants
dsn, targets, path = sys.argv[1:]
with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
    plan = Tenants(connection, dsn).plan(int(targets))
planfile.save(plan, path)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(plan.changes), most * (1 if sys.platform == "darwin" else 1024))
"""


def measured(town: Town, repeats: int) -> list[Goal]:
    """The file, the client and the lines. Sizes need no repeats."""
    del repeats
    with town.copy() as tenants, TemporaryDirectory() as directory:
        tenants.apply(tenants.plan(town.targets))
        tenants.change_one_type()
        path = Path(directory) / "plan.json"
        done = subprocess.run(
            [sys.executable, "-c", _CLIENT, tenants.dsn, str(town.targets), str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
        lines, memory = map(int, done.stdout.split())
        size = path.stat().st_size
    about = {"targets": town.targets, "file_bytes": size, "client_bytes": memory, "lines": lines}
    of = f"for {town.targets:,} targets"
    return [
        Goal("a fleet's plan file", size / FILE, 1.0, (f"{size:,} bytes {of}",), about),
        Goal("a fleet's plan in memory", memory / MEMORY, 1.0, (f"{memory:,} bytes {of}",), about),
        Goal("a fleet's plan to read", float(lines), 1.0, (f"{lines} change {of}",), about),
    ]
