"""What a fuzzing run says in the end: from which seed, how many inputs, and what broke."""

from __future__ import annotations

import pytest

from tests.fixtures.shown import COUNTED
from tests.fuzz.tries import FUZZ, SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FUZZ:
        return
    passed = terminalreporter.stats.get("", []) + terminalreporter.stats.get("passed", [])
    counted = [dict(one.user_properties) for one in passed if one.when == "teardown"]
    inputs = sum(int(one.get(COUNTED, 1)) for one in counted if "line" in one)
    failed = len(terminalreporter.stats.get("failed", []))
    terminalreporter.write_line(f"fuzz: seed {SEED}, {inputs} inputs, violations: {failed}")
