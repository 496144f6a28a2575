"""What a user meets by name is explained in README.md or ARCHITECTURE.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

import reconciler
from reconciler import kinds as kind_files
from reconciler.cli import COMMANDS
from reconciler.errors import Exit
from reconciler.kinds.order import draw
from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import Local, Note
from reconciler.model.status import Condition, exit_code

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = README + (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def literals(union: Any, field: str) -> list[str]:
    """The name that each variant of a union goes by."""
    variants = get_args(get_args(union)[0])
    return [variant.model_fields[field].default for variant in variants]


def section(title: str) -> str:
    """The README's part under this heading."""
    (_, _, rest) = README.partition(f"# {title}\n")
    assert rest, f"README.md has no section {title!r}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("reason", literals(Conflict, "reason"))
def test_every_conflict_reason_is_explained(reason: str) -> None:
    assert f"`{reason}`" in TEXT


@pytest.mark.parametrize("about", literals(Note, "about"))
def test_every_note_is_explained(about: str) -> None:
    assert f"`{about}`" in TEXT


def test_the_page_says_each_reason_why_a_row_stays_the_tenants_own() -> None:
    page = (ROOT / "plans" / "COPY-OR-REFERENCE.md").read_text(encoding="utf-8")
    assert [one for one in get_args(Local) if f"`{one}`" not in page] == []


@pytest.mark.parametrize("action", literals(Change, "action"))
def test_every_action_is_explained(action: str) -> None:
    assert action in section("What a plan says")


@pytest.mark.parametrize("kind", [kind.name for kind in kind_files.load()])
def test_every_kind_is_named(kind: str) -> None:
    assert f"`{kind}`" in TEXT


def test_every_command_is_explained() -> None:
    assert [one for one in COMMANDS if f"`reconcile {one}" not in section("Commands")] == []


@pytest.mark.parametrize("code", list(Exit), ids=lambda code: code.name)
def test_every_exit_code_is_explained(code: Exit) -> None:
    assert re.search(rf"^\| {code.value} `{code.name}` \|", section("Exit codes"), re.MULTILINE)


@pytest.mark.parametrize("condition", get_args(Condition))
def test_every_condition_of_an_installation_is_explained(condition: Condition) -> None:
    (code,) = re.findall(rf"^\| `{condition}` \| .* \| (\d) \|$", section("Status"), re.MULTILINE)
    assert int(code) == exit_code({condition: 1})


def test_no_name_is_explained_that_does_not_exist() -> None:
    known = {*literals(Conflict, "reason"), *literals(Note, "about")}
    told = re.findall(r"^\| `([a-z_]+)` \|", section("What a plan says"), re.MULTILINE)
    assert sorted(told) == sorted(known)
    codes = re.findall(r"^\| (\d+) `", section("Exit codes"), re.MULTILINE)
    assert [int(code) for code in codes] == sorted(Exit)


def test_the_readmes_kinds_are_ones_that_load(tmp_path: Path) -> None:
    told = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    for number, toml in enumerate(told):
        (tmp_path / f"{number}.toml").write_text(toml, encoding="utf-8")
    loaded = {kind.name for kind in kind_files.load(tmp_path)}
    assert {"price_list", "price_list_version"} <= loaded


def test_the_order_of_writing_is_drawn_as_the_kinds_have_it() -> None:
    assert f"```\n{draw(kind_files.load())}\n```" in TEXT


def test_the_readmes_calls_exist() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    compile(code, "README.md", "exec")
    for name in re.findall(r"reconciler\.(\w+)", code):
        assert callable(getattr(reconciler, name))
