"""Each mutant still applies, and its test is still there; `make mutants` runs them."""

from __future__ import annotations

import ast

import pytest

from tests.mutants import ROOT, Mutant
from tests.mutants.catalogue import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.breaks)
def test_a_mutant_still_applies_and_its_test_is_there(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    ast.parse(mutant.applied(source))
    file, _, test = mutant.node.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    assert not test or test.partition("[")[0] in names


def test_each_mutant_breaks_something_else() -> None:
    assert len({one.breaks for one in MUTANTS}) == len(MUTANTS)
