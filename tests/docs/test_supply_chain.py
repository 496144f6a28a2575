"""What is installed with reconciler: locked by hashes, of known licences, and declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / ".ci").glob("*.lock"))
PINNED = re.compile(r"([a-z0-9.-]+)==[^\s;]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")
# All may be used by, and installed beside, what is under the Apache licence 2.0. The LGPL and the
# MPL speak of changes to the library itself, of which there are none.
COMPATIBLE = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD", "LGPL-3.0-only", "MIT", "MPL-2.0",
    "PSF-2.0",
}  # fmt: skip
# What older metadata writes instead of an identifier of SPDX.
CALLED = {
    "Apache 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause", "BSD License": "BSD", "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}  # fmt: skip


def licence(name: str) -> set[str]:
    """The licences of which one may be chosen, by the installed package's own word."""
    told = distribution(name).metadata
    classified = [one for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    written = told.get("License-Expression") or told.get("License") or ""
    if not written or len(written) > 40:
        written = classified[0].rpartition(" :: ")[2] if classified else "unknown"
    return {CALLED.get(one, one) for one in written.split(" OR ")}


def needed(text: str, because: set[str], found: set[tuple[str, str]]) -> None:
    """What a requirement of somebody's with these extras installs here, with all that it needs."""
    one = Requirement(text)
    if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in because):
        return
    extras = {"", *one.extras}
    new = {(canonicalize_name(one.name), extra) for extra in extras} - found
    found |= new
    for deeper in (distribution(one.name).requires or []) if new else []:
        needed(deeper, extras, found)


def asked() -> list[str]:
    """What reconciler requires, with every extra but `dev`."""
    optional = PROJECT["optional-dependencies"]
    return [*PROJECT["dependencies"], *optional["embedded"], *optional["fleet"]]


def runtime() -> set[str]:
    """The distributions that a user of reconciler gets."""
    found: set[tuple[str, str]] = set()
    for text in asked():
        needed(text, {""}, found)
    return {name for name, _ in found}


def requirements(lock: Path) -> list[str]:
    """What a lock installs, a line each."""
    joined = re.sub(r"\s*\\\n\s*", " ", lock.read_text(encoding="utf-8"))
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def locked(lock: Path) -> set[str]:
    return {line.partition("==")[0] for line in requirements(lock)}


def listed() -> Iterator[tuple[str, str]]:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## What it stands on\n")
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            name, told, what = (part.strip() for part in line.strip("| ").split("|"))
            assert what, line
            yield name.strip("`"), told


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_by_its_hashes_and_names_no_index(lock: Path) -> None:
    lines = requirements(lock)
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_what_users_get_is_listed_with_its_licence() -> None:
    found = {name: " or ".join(sorted(licence(name))) for name in runtime()}
    assert dict(listed()) == found
    assert [name for name, _ in listed()] == sorted(found)


def test_all_licences_are_compatible() -> None:
    elsewhere = {"colorama"}  # for another system than those that we run on
    names = set().union(*map(locked, LOCKS)) - elsewhere
    assert {name: told for name in names if not (told := licence(name)) & COMPATIBLE} == {}


def test_what_users_get_is_locked() -> None:
    assert runtime() <= locked(ROOT / ".ci" / "test.lock")


def imported() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                yield name.partition(".")[0], str(path.relative_to(ROOT))


def test_nothing_is_imported_that_is_not_declared() -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in asked()}
    known = packages_distributions()
    undeclared = {
        (module, path)
        for module, path in imported()
        if module not in {"reconciler", *sys.stdlib_module_names}
        and not declared.intersection(map(canonicalize_name, known.get(module, [])))
    }
    assert undeclared == set()
