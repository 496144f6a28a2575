"""Run the mutants: whatever survives is a hole in the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from reconciler.database import embedded
from tests.mutants import ROOT, Mutant
from tests.mutants.catalogue import MUTANTS

_COPIED: Final = ("reconciler", "tests", "schemas", "plans", "pyproject.toml", "README.md")
# A test that fails says what does not hold; a program, or a statement, that no longer runs says
# something else.
_FAILS: Final = re.compile(
    r"assert |AssertionError|Failed: DID NOT RAISE|reconciler\.errors\.(?!DatabaseError)\w+"
)
_SECONDS: Final = 900


def main(arguments: Sequence[str]) -> int:
    """Try the mutants whose names contain what was asked for, or all."""
    asked = [one for one in MUTANTS if all(word in one.breaks for word in arguments)]
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as directory,
        embedded.temporary() as server,
    ):
        room = _Room(Path(directory), server.dsn())
        for name in _COPIED:
            _copy(ROOT / name, room.copy / name)
        if failed := room.run(sorted({one.node for one in asked})):
            print("\n".join(f"fails without any mutant: {one}" for one in failed))
            return 1
        caught = sum(room.catches(one) for one in asked)
    print(f"mutants: {caught} caught of {len(asked)}")
    return 0 if caught == len(asked) else 1


@dataclass(frozen=True)
class _Room:
    """Where mutants live: a copy of the repository, and a server for their tests."""

    copy: Path
    conninfo: str

    def catches(self, mutant: Mutant) -> bool:
        """Whether the mutant's test fails, and as a test does."""
        path = self.copy / mutant.path
        source = path.read_text(encoding="utf-8")
        path.write_text(mutant.applied(source), encoding="utf-8")
        try:
            failed = self.run([mutant.node])
        finally:
            path.write_text(source, encoding="utf-8")
        found = next((one for one in failed if _FAILS.match(one)), None)
        word = "caught" if found else "BROKEN" if failed else "SURVIVES"
        said = (found or next(iter(failed), "the test passes")).partition("\n")[0]
        print(
            f"{word:8} {mutant.breaks}\n         {mutant.test}\n         {said[:100]}", flush=True
        )
        return found is not None

    def run(self, nodes: Sequence[str]) -> list[str]:
        """Run tests; gives what the failed ones say."""
        report = self.copy / "report.xml"
        report.unlink(missing_ok=True)
        own = {
            **os.environ,
            "PYTHONPATH": str(self.copy),
            # Compiled files are told from stale ones by second and size, and an edit may keep both.
            "PYTHONDONTWRITEBYTECODE": "1",
            "RECONCILE_TEST_URL": self.conninfo,
        }
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
        try:
            ended = subprocess.run(
                [*command, f"--junitxml={report}", *nodes],
                cwd=self.copy, env=own, capture_output=True, text=True, check=False,
                timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return [f"no end after {_SECONDS} seconds"]
        if not report.exists():
            return [f"pytest ended with {ended.returncode}: {ended.stdout[-300:]}"]
        cases = ElementTree.parse(report).getroot().iter("testcase")
        wrong = [one for case in cases for word in ("failure", "error") for one in case.iter(word)]
        said = [
            f"{'' if one.tag == 'failure' else 'error: '}{one.get('message', '')}" for one in wrong
        ]
        return said if said or not ended.returncode else [f"pytest ended with {ended.returncode}"]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
