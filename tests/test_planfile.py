"""Plan files: nothing is lost, nothing is half written, and nothing that was edited is read."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler import planfile
from reconciler.errors import PlanFileError
from reconciler.model.canonical import Number, parse, pretty
from reconciler.model.plan import Plan
from tests.fixtures import plans
from tests.fixtures.everything import everything
from tests.fixtures.hostile import hostile

ALL = pytest.mark.parametrize("make", [plans.plan, plans.worked, everything, hostile, plans.fleet])


@ALL
def test_what_is_written_is_read(make: Callable[[], Plan]) -> None:
    made = make()
    text = planfile.dumps(made)
    assert planfile.loads(text) == made
    assert planfile.dumps(planfile.loads(text)) == text


def test_targets_of_an_earlier_format_are_read() -> None:
    """Each was an object of its own; the ledger still has such plans."""
    plan = everything()
    earlier = plan.written() | {"targets": [one.model_dump() for one in plan.targets]}
    assert planfile.loads(planfile.text_of(earlier)) == plan


def test_numbers_keep_every_digit() -> None:
    text = planfile.dumps(planfile.loads(planfile.dumps(everything())))
    for digits in (
        '"a": 12345678901234567890',
        '"b": 1.10',
        '"c": 1e400',
        '"d": 0.1000000000000000000001',
        f'"big": {2**80}',
    ):
        assert digits in text


def test_fields_come_in_the_order_of_the_model() -> None:
    assert list(json.loads(planfile.dumps(plans.worked()))) == list(Plan.model_fields)


def test_nesting_that_a_file_cannot_hold_is_said() -> None:
    deep = plans.json("[" * 700 + "]" * 700)
    with pytest.raises(PlanFileError, match="nested deeper"):
        planfile.dumps(plans.plan([plans.create(deep=deep)]))


@pytest.mark.shows("a plan file that was cut off", "refused, and said so")
@pytest.mark.parametrize("length", [0, 1, 300, 2000, -2])
def test_a_file_that_was_cut_off_says_so(length: int) -> None:
    with pytest.raises(PlanFileError, match="cut off in the middle" if length else "^empty, so"):
        planfile.loads(planfile.dumps(everything()).rstrip()[:length])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing like it", "not JSON: .* line 1, column 1"),
        ("[]", "not a plan"),
        ('{"changes": []}', "no format_version"),
        ('{"format_version": "1.0", "a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"format_version": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "nested deeper"),
        ('{"format_version": "2.0"}', '"2.0", and this reconcile reads "1.x"'),
        ('{"format_version": "10.0"}', '"10.0", and this'),
        ('{"format_version": 1.0}', "made in format"),
        ('{"format_version": "1.0"}', "plan_id: is missing"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(PlanFileError, match=message) as refusal:
        planfile.loads(text)
    assert "reconcile" in refusal.value.hint


def _edited(edit: Callable[[dict[str, Any]], object]) -> str:
    content = parse(planfile.dumps(everything()))
    edit(content)
    return pretty(content)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda plan: plan.pop("fingerprint"), "fingerprint: is missing"),
        (lambda plan: plan["changes"][2].pop("before"), r"changes\[2\].before: is missing"),
        (
            lambda plan: plan["changes"][1]["values"].update(name={"unheard": 1}),
            r"changes\[1\].values.name: not a value that a column can have",
        ),
        (
            lambda plan: plan["changes"][1]["values"].update(name=Number("1.5")),
            r"changes\[1\].values.name: ",
        ),
        (lambda plan: plan["changes"].append({"action": "explode"}), r"changes\[\d+\]: .*explode"),
        (
            lambda plan: plan["conflicts"][0].update(address="no address"),
            r"conflicts\[0\].address: .*write kind.key",
        ),
        (lambda plan: plan["targets"]["rows"].append("acme"), r"targets.rows\[1\]: "),
        (lambda plan: plan["targets"]["rows"][0].pop(), r"targets.rows\[0\]: "),
        (lambda plan: plan["targets"]["columns"].append("id"), r"targets: "),
    ],
)
def test_the_wrong_field_is_named(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(PlanFileError, match=message) as refusal:
        planfile.loads(_edited(edit))
    assert len(refusal.value.message.splitlines()) == 2


def test_five_wrong_fields_are_named_and_the_others_counted() -> None:
    with pytest.raises(PlanFileError) as refusal:
        planfile.loads('{"format_version": "1.0", "plan_id": ""}')
    lines = refusal.value.message.splitlines()
    assert len(lines) == 7
    assert lines[-1] == "  and 6 more"


def test_a_key_of_the_file_cannot_feign_a_line_of_the_message() -> None:
    hostile = "x\nError: feigned"
    with pytest.raises(PlanFileError) as refusal:
        planfile.loads(_edited(lambda plan: plan["kinds"].update({hostile: None})))
    assert len(refusal.value.message.splitlines()) == 2


@pytest.mark.shows(
    "a plan file edited by hand", "refused: its effects are not those of its plan_id"
)
@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan["changes"][1]["values"].update(name="Other"),
        lambda plan: plan["changes"][1].update(targets=["org_other"]),
        lambda plan: plan["changes"].pop(),
        lambda plan: plan["conflicts"].clear(),
        lambda plan: plan["request"]["resolutions"][0].update(action="skip"),
        lambda plan: plan["actor"].update(user_id="user_eve"),
        lambda plan: plan["database"].update(name="production"),
        lambda plan: plan["targets"]["rows"][0].__setitem__(5, 13),
        lambda plan: plan.update(plan_id="0" * 64),
    ],
)
def test_an_edited_plan_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(PlanFileError, match="changed after it was made") as refusal:
        planfile.loads(_edited(edit))
    assert "make another" in refusal.value.hint


def test_a_newer_minor_format_is_read_and_what_it_adds_ignored() -> None:
    def newer(plan: dict[str, Any]) -> None:
        plan["format_version"] = "1.9"
        plan["mood"] = {"good": True}
        plan["changes"][0]["colour"] = "red"

    assert planfile.loads(_edited(newer)).changes == everything().changes


def test_times_and_wording_are_no_part_of_what_a_plan_means() -> None:
    text = _edited(lambda plan: plan.update(created_at="2031-01-01", tool_version="9"))
    assert planfile.loads(text).plan_id == everything().plan_id


def test_a_damaged_json_value_is_refused() -> None:
    broken = {"text": "no JSON"}
    with pytest.raises(PlanFileError, match="not a plan that can be used"):
        planfile.loads(_edited(lambda plan: plan["changes"][1]["values"].update(name=broken)))


def test_saving_writes_a_file_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "a plan.json"
    before = os.umask(0o027)
    try:
        planfile.save(plans.worked(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert planfile.load(path) == plans.worked()


@pytest.mark.shows("writing the plan file fails", "the old file stays; no half-written one")
@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_plan_and_nothing_else(
    failing: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    planfile.save(plans.worked(), path)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(*(os, "fsync", fail) if failing == "fsync" else (Path, "replace", fail))
    expected = PlanFileError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        planfile.save(everything(), path)
    assert list(tmp_path.iterdir()) == [path]
    assert planfile.load(path) == plans.worked()


def test_a_link_keeps_pointing_at_the_plan(tmp_path: Path) -> None:
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "plan.json")
    planfile.save(plans.worked(), link)
    assert link.is_symlink()
    assert planfile.load(link) == plans.worked()


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(PlanFileError, match="not a file that could hold a plan"):
            planfile.save(plans.worked(), path)
    assert Path(os.devnull).is_char_device()


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match=r"cannot write .*No such file or directory"):
        planfile.save(plans.worked(), tmp_path / "nowhere" / "plan.json")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match=r"cannot read .*gone.json: No such file"):
        planfile.load(tmp_path / "gone.json")
    with pytest.raises(PlanFileError, match="Is a directory"):
        planfile.load(tmp_path)
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"name": "caf\u00e9"}'.encode("latin-1"))
    with pytest.raises(PlanFileError, match=r"latin.json: not UTF-8"):
        planfile.load(latin)
    latin.write_text("{}")
    with pytest.raises(PlanFileError, match=r"latin.json: JSON, but not a plan"):
        planfile.load(latin)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(planfile.dumps(plans.worked()), encoding="utf-8-sig")
    assert planfile.load(path) == plans.worked()


def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO(planfile.dumps(everything()).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content, encoding="ascii"))
    assert planfile.load("-") == everything()
