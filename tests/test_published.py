"""The published JSON Schemas: fresh, and true of what is written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from reconciler import planfile, published
from reconciler.model.canonical import Number, parse, pretty
from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from tests.fixtures import plans
from tests.fixtures.everything import everything
from tests.fixtures.hostile import hostile

ALL = pytest.mark.parametrize("make", [plans.plan, plans.worked, everything, hostile, plans.fleet])


def _edited(edit: Callable[[dict[str, Any]], object]) -> str:
    content = parse(planfile.dumps(everything()))
    edit(content)
    return pretty(content)


def _validator() -> Draft202012Validator:
    schema = planfile.schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@ALL
def test_the_published_schema_accepts_what_is_written(make: Callable[[], Plan]) -> None:
    _validator().validate(json.loads(planfile.dumps(make())))


def test_the_plan_with_everything_has_every_class() -> None:
    made = everything()
    for union, found in ((Change, made.changes), (Conflict, made.conflicts), (Note, made.notes)):
        assert {type(one) for one in found} == set(get_args(get_args(union)[0]))


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan.pop("plan_id"),
        lambda plan: plan.update(format_version="2.0"),
        lambda plan: plan["changes"][0].pop("action"),
        lambda plan: plan["changes"][0].update(action="explode"),
        lambda plan: plan["changes"][0]["values"].update(name={"unheard": 1}),
        lambda plan: plan["changes"][0]["values"].update(name={"ref": "no address"}),
        lambda plan: plan["changes"][0]["values"].update(name={"text": "{}"}),
        lambda plan: plan["changes"][0]["values"].update(name=Number("1.5")),
        lambda plan: plan["conflicts"][0].pop("target"),
        lambda plan: plan["notes"][0].update(about="weather"),
    ],
)
def test_the_published_schema_refuses_what_is_not_written(
    edit: Callable[[dict[str, Any]], object],
) -> None:
    assert not _validator().is_valid(json.loads(_edited(edit)))


def test_the_published_files_are_fresh() -> None:
    assert published.main(["--check"]) == 0


def test_a_stale_file_is_found_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(published, "schemas_directory", lambda: tmp_path)
    assert published.main(["--check"]) == 1
    assert "schemas/plan.schema.json is stale" in capsys.readouterr().err
    assert published.main([]) == 0
    assert published.main(["--check"]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == published.documents().keys()


def test_the_kind_schema_accepts_the_built_in_kinds_and_no_typing_error() -> None:
    validator = Draft202012Validator(json.loads(published.documents()["kind.schema.json"]))
    for file in files("reconciler.kinds").iterdir():
        if file.name.endswith(".toml"):
            kind = tomllib.loads(file.read_text())
            validator.validate(kind)
            assert not validator.is_valid({**kind, "ownr": {}})


def test_the_schemas_are_found_beside_the_package_and_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (published.schemas_directory() / "plan.schema.json").is_file()
    package = tmp_path / "site-packages" / "reconciler"
    (package / "schemas").mkdir(parents=True)
    monkeypatch.setattr(published, "__file__", str(package / "published.py"))
    assert published.schemas_directory() == package / "schemas"
