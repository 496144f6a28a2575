"""A command line without the settings of whoever runs the tests, and with given answers."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from tests.fixtures.answers import Library


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "RECONCILE_DATABASE_URL",
        "DATABASE_URL",
        "PGPASSWORD",
        "RECONCILE_AS",
        "RECONCILE_DEBUG",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Library:
    return Library(monkeypatch)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def type_(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return type_
