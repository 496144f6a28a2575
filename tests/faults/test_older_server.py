"""The stories of this harness, and the main ones, on the system's own PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.database.embedded.binaries import Binaries
from tests.fixtures.embedded import ROOT
from tests.fixtures.private import private
from tests.fixtures.shown import Variants, depth

# The oldest one that is installed; of what is supported, that is where most may be missing.
FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
STORIES = [
    "tests/test_apply.py", "tests/test_waves.py", "tests/test_kill.py", "tests/test_lost_commit.py",
    "tests/test_races.py", "tests/faults/test_wire.py", "tests/faults/test_signals.py",
    "tests/faults/test_in_the_way.py", "tests/faults/test_timeouts.py",
    "tests/faults/test_nothing_left.py",
]  # fmt: skip
pytestmark = [
    pytest.mark.skipif(not depth(0, 1), reason="a server of its own; in `make trust`"),
    pytest.mark.skipif(not FOUND, reason="no PostgreSQL is installed in /usr/lib/postgresql"),
]


class Installed(Binaries):
    """The programs of a system's package."""

    @property
    def directory(self) -> Path:
        """Where they are."""
        return self.site


@pytest.mark.shows(
    "the system's own, older PostgreSQL in place of the embedded one",
    "the main stories and the faults end in the same way",
)
def test_an_older_server(variants: Variants) -> None:
    programs = Installed(FOUND[0].parent)
    with private(programs) as server:
        settings = {
            "RECONCILE_TEST_URL": server.dsn(),
            "RECONCILE_DEPTH": "",
            "PYTHONPATH": str(ROOT),
        }
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-rf", "--color=no", "-o", "addopts=", *STORIES],
            cwd=ROOT,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-5000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    variants.add(int(passed[1]))
