"""`reconcile show` and `reconcile kinds`, which need no database."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.render import render
from reconciler.render.escape import visible
from tests.fixtures.everything import everything
from tests.fixtures.hostile import hostile


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "acme.plan.json"
    planfile.save(everything(), path)
    return str(path)


@pytest.mark.parametrize("format_", ["text", "markdown", "json"])
def test_a_saved_plan_in_every_format(
    format_: str, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", saved, "--format", format_]) == 0
    captured = capsys.readouterr()
    assert captured.out == render(everything(), format_)  # type: ignore[arg-type]
    assert captured.err == ""


def test_text_is_the_default_and_verbose_tells_more(
    saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", saved]) == 0
    short = capsys.readouterr().out
    assert short == render(everything(), "text")
    assert main(["show", saved, "-verbose", "-no-color"]) == 0
    assert len(capsys.readouterr().out) > len(short)


@pytest.mark.parametrize("flag", ["-json", "--json", "-format=json", "--format=json"])
def test_json_is_the_plan_file_to_the_byte(
    flag: str, saved: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["show", saved, flag]) == 0
    assert capsysbinary.readouterr().out == Path(saved).read_bytes()


def test_no_colour_without_a_terminal(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", saved])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("format_", ["text", "markdown", "json"])
def test_hostile_text_is_harmless_in_every_format(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hostile.json"
    planfile.save(hostile(), path)
    assert main(["show", str(path), "--format", format_]) == 0
    out = capsys.readouterr().out
    # JSON escapes what JSON must, and is read by programs; the others are read by people.
    dangerous = (
        r"[\x00-\x09\x0b-\x1f]" if format_ == "json" else r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]"
    )
    assert not re.search(dangerous, out)


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gone\x1b.json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: cannot read gone\\x1b.json: No such file or directory\n")
    assert "reconcile plan TEMPLATE" in captured.err
    assert "Traceback" not in captured.err


def test_an_edited_file(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(saved)
    path.write_text(path.read_text().replace("Allowance window", "Something else"))
    assert main(["show", saved]) == 1
    assert "was made: its plan_id is not" in capsys.readouterr().err


def test_kinds_lists_tables_columns_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kinds"]) == 0
    out = capsys.readouterr().out
    for said in (
        "entity_type: entity type",
        "table     public.entity_types",
        "key       slug",
        "parent    relationship_type, by relationship_type_id",
        "inverse_type_id: owner template, -> relationship_type or null",
        "name: owner tenant",
        "parent    watcher, by watcher_id",
    ):
        assert said in out
    assert re.search(r"^ *\d+\. relationship_rule +in relationship_type$", out, re.MULTILINE)
    assert re.search(r"^ *\d+\. watcher +.*-> watcher_version \(second step\)$", out, re.MULTILINE)


def test_kinds_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kinds", "-json"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert kinds[0]["name"] == "agent"
    assert all(kind["table"] for kind in kinds)


def test_mistakes_in_kind_files_are_all_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.toml").write_text("kind = 3")
    (tmp_path / "two\x1b.toml").write_text("not toml")
    assert main(["kinds", "--kinds", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "one.toml" in err
    assert "two\\x1b.toml" in err
    assert all(visible(line) == line for line in err.splitlines())
