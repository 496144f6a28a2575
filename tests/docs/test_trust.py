"""plans/TRUST.md has a line for each test that shows one, and no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.fixtures.shown import PAGE, Line, table

ROOT = Path(__file__).resolve().parents[2]


def marked() -> Iterator[Line]:
    """What `@pytest.mark.shows(...)` says above each test, as it is written."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.shows":
                    fault, invariant = (str(ast.literal_eval(arg)) for arg in one.args)
                    yield fault, invariant, f"{path.relative_to(ROOT)}::{node.name}"


def without_counts(page: str) -> list[str]:
    return [line.rpartition("| ")[0] for line in page.splitlines() if line.startswith("| ")]


def test_each_line_of_the_page_is_a_test_and_each_such_test_a_line() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert without_counts(page) == without_counts(table(dict.fromkeys(marked(), 0)))
