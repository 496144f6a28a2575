"""Files that say how a catalog is to be: what they may hold, and what is wrong with others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.errors import ReconcilerError
from reconciler.impact.change_file import load, read
from reconciler.published import documents

GOOD = {
    "catalog": "finance",
    "entity_types": [{"slug": "a", "metadata_schema": {"maximum": 1}}, {"slug": "b"}],
    "relationship_types": [{"slug": "a", "rules": [["a", "b"]], "metadata_schema": None}],
    "retired": ["entity_type.c", "relationship_type.x y"],
}


def test_a_file_is_told_from_an_organisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain").write_text(json.dumps(GOOD), encoding="utf-8")
    assert load("org_x") is None
    assert load("x" * 5000) is None
    assert load(Path("plain")) == load("plain")
    assert load("plain") == load("./plain") == load(str(tmp_path / "plain"))
    for missing in ("missing.json", "no/where", str(tmp_path), Path("missing")):
        with pytest.raises(ReconcilerError, match="cannot read"):
            load(missing)


def test_the_published_schema_takes_what_is_read() -> None:
    schema = json.loads(documents()["catalog-change.schema.json"])
    Draft202012Validator(schema).validate(GOOD)
    assert not Draft202012Validator(schema).is_valid({**GOOD, "retire": []})
    assert read(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "x").catalog == "finance"


def test_the_readmes_file_is_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Changing a catalog")
    (written,) = re.findall(r"```json\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    assert read(written.encode(), "README.md").retired == ("entity_type.budget",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b"\xff", "not UTF-8"),
        (b"{", "is not JSON"),
        (b'{"catalog": "a", "catalog": "b"}', "stands twice"),
        (b'{"catalog": NaN}', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "valid dictionary"),
        (b"{}", "catalog: Field required"),
        (b'{"catalog": 7}', "catalog: this is a number"),
        (b'{"catalog": ""}', "catalog: String should have at least 1"),
    ],
)
def test_what_is_no_such_file_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ReconcilerError, match=says) as refused:
        read(content, "change.json")
    assert "change.json" in refused.value.message
    assert "catalog-change.schema.json" in refused.value.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"retire": ["entity_type.a"]}, "retire: Extra inputs"),
        ({"entity_types": [{"slug": "x", "rules": []}]}, r"entity_types\.0\.rules: Extra inputs"),
        ({"entity_types": [{"slug": "$member"}]}, r"slug that begins with \$"),
        ({"entity_types": [{"slug": 5}]}, "this is a number"),
        ({"entity_types": [{"slug": "x"}, {"slug": "x"}]}, "named twice"),
        ({"retired": ["entity_type.a"]}, "both named and retired"),
        ({"retired": ["watcher.a"]}, "neither entity_type.SLUG"),
        ({"retired": ["a"]}, "is not an address"),
        ({"retired": ["entity_type.$member"]}, r"begins with \$"),
        ({"retired": ["entity_type.c"], "complete": True}, "leave out retired"),
        ({"complete": "yes"}, "complete: Input should be a valid boolean"),
        ({"complete": 1}, "complete: Input should be a valid boolean"),
        ({"relationship_types": [{"slug": "r", "rules": [["a"]]}]}, "rules"),
        ({"entity_types": [{"slug": "x\0"}]}, "NUL"),
        ({"entity_types": [{"slug": "x", "metadata_schema": {"\ud800": 1}}]}, "half a character"),
    ],
)
def test_every_mistake_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ReconcilerError, match=says):
        read(json.dumps({**GOOD, **change}).encode(), "change.json")


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("1e131071", True), ("1e131072", False), ("1e999999999999", False), ("1e-16383", True),
        ("1e-16384", False), ("9" * 5000, True), ("-0.0", True), ("1.5E+3", True),
    ],
)  # fmt: skip
def test_numbers_that_no_database_holds_are_refused(number: str, holds: bool) -> None:
    content = (
        '{"catalog": "a", "entity_types": [{"slug": "x", "metadata_schema": {"maximum": %s}}]}'
    )
    if holds:
        assert read((content % number).encode(), "x")
        return
    with pytest.raises(ReconcilerError, match="more digits"):
        read((content % number).encode(), "x")
