"""A goal: a ratio that shall not be larger than its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """One line of the report.

    Ratios, because they say the same on a slow machine and on a busy one.

    says      what was measured, for people, one line each
    measured  the same and more, for programs
    """

    goal: str
    ratio: float
    limit: float
    says: tuple[str, ...]
    measured: Mapping[str, Any]

    @property
    def met(self) -> bool:
        """Whether the ratio is within the limit."""
        return self.ratio <= self.limit
