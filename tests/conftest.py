"""Fixtures by subject, each in a file of its own; and how often garbage is looked for."""

from __future__ import annotations

import gc

pytest_plugins = [
    "tests.fixtures.server",
    "tests.fixtures.world",
    "tests.fixtures.roles",
    "tests.fixtures.publisher",
    "tests.fixtures.vocabulary",
    "tests.fixtures.fleet",
    "tests.fixtures.settlers",
    "tests.fixtures.cut",
    "tests.fixtures.behind",
    "tests.fixtures.golden",
    "tests.fixtures.shown",
    "tests.fixtures.spread",
    "tests.fixtures.embedded",
    "tests.fixtures.people",
]


def pytest_configure() -> None:
    """Look for garbage seldom: trees of statements are full of cycles, and soon gone together.

    With Python's own thresholds a third of what the tests' processes do is looking.
    """
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: it is not looked at again."""
    gc.freeze()
