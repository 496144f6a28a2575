"""Deliberate breakages of what keeps tenants' rows safe, and the tests that notice.

    python -m tests.mutants [part of a name]

Each mutant is an edit of one source file, applied to a copy of the repository; the test that is
named with it passes without the edit, and must fail with it. The last line says how many were:
`mutants: N caught of M`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """One breakage: in a file of the package, this text becomes that one, and a test fails.

    `test` is a pytest node id below tests/, for all its cases or for one.
    """

    breaks: str
    file: str
    old: str
    new: str
    test: str

    @property
    def path(self) -> Path:
        """The file, from the repository's root."""
        return Path("reconciler", self.file)

    @property
    def node(self) -> str:
        """The test's node id, from the repository's root."""
        return f"tests/{self.test}"

    def applied(self, source: str) -> str:
        """The source with the edit. Raises ValueError unless the text stands there once."""
        if source.count(self.old) != 1 or self.old == self.new:
            raise ValueError(
                f"{self.breaks}: the text stands {source.count(self.old)} times in {self.path}"
            )
        return source.replace(self.old, self.new)
