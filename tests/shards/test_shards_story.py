"""From the file of databases to rows in all of them, as a person does it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler import Selection, planfile, published, shardfile, shards
from reconciler.cli import main
from reconciler.errors import PlanFileError
from reconciler.model.sharded import ShardedPlan
from tests.fixtures.spread import PASSWORD, Spread, became


def valid(name: str, text: str) -> object:
    document = json.loads(text)
    Draft202012Validator(json.loads(published.documents()[name])).validate(document)
    return document


def test_planned_once_shown_and_applied_in_each(
    spread: Spread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all.plan.json"
    assert main(["plan", *spread.words, "--out", str(out), "-detailed-exitcode"]) == 2
    told = capfd.readouterr()
    assert f"--databases {spread.file}" in told.err
    assert told.out.startswith("Spread in 3 databases\n  eu     1 target  3 to create")
    assert "\nDatabase  asia (" in told.out
    assert told.out.endswith("\n3 databases: 18 to create, 0 to update, 0 to retire.\n")
    saved = valid("sharded-plan.schema.json", out.read_text())
    assert saved["format"] == "reconcile-sharded-plan"
    read = shardfile.load(out)
    assert isinstance(read, ShardedPlan)
    assert shardfile.dumps(read) == out.read_text()
    assert [one.plan.fingerprint for one in read.sections] == [
        read.sections[0].plan.fingerprint
    ] * 3
    assert len({one.plan.database.system_identifier for one in read.sections}) == 2

    for format_ in ("text", "markdown", "json", "sql"):
        assert main(["show", str(out), "--format", format_]) == 0
    shown = capfd.readouterr().out
    assert "# Plan: `Spread` in 3 databases" in shown
    assert "-- Database us\n" in shown

    command = ["apply", str(out), "--databases", str(spread.file)]
    assert main(command) == 0
    applied = capfd.readouterr().out
    assert applied.endswith("Apply complete in 3 databases! 18 created, 0 updated, 0 retired.\n")
    assert spread.written() == ["eu", "us", "asia"]
    assert main([*command, "-json"]) == 0
    again = capfd.readouterr()
    outcome = valid("sharded-outcome.schema.json", again.out)
    assert outcome["status"] == "already_applied"
    events = [json.loads(line)["event"] for line in again.err.splitlines()]
    assert (events.count("database_started"), events.count("database_applied")) == (3, 3)
    assert became(shards.apply(spread.databases, read)) == ["already_applied"] * 3

    settled = ["plan", spread.agent, "--installed", "--databases", str(spread.file)]
    assert main([*settled, "--as", "user_ana", "-detailed-exitcode"]) == 0
    nothing = capfd.readouterr().out
    assert "us    2 targets  no changes\n" in nothing
    assert "\nNo changes. All 2 targets match Spread.\n" in nothing
    assert "Template  " not in nothing
    everything = "".join(map(str, (told, shown, applied, again, nothing))) + out.read_text()
    assert PASSWORD not in everything


def test_planned_asked_about_once_and_applied(
    spread: Spread, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert main(["apply", *spread.words]) == 1
    assert "was not approved" in capfd.readouterr().err
    assert spread.written() == []
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert main(["apply", *spread.words, "--wave", "1"]) == 0
    told = capfd.readouterr()
    assert told.err.count("Only 'yes'") == 1
    assert "asia: Targets  3 applied\n  Waves    3\n" in told.out


def test_uninstalled_everywhere(spread: Spread) -> None:
    spread.apply(spread.plan())
    plan = spread.plan(Selection(installed=True), destroy=True)
    assert [one.plan.counts().retire for one in plan.sections] == [3, 6, 9]
    assert became(spread.apply(plan)) == ["applied"] * 3
    assert spread.plan(Selection(installed=True), destroy=True).empty


def test_only_the_databases_of_those_who_are_named_take_part(
    spread: Spread, tmp_path: Path
) -> None:
    listed = tmp_path / "orgs.txt"
    us, asia = spread.tenants["us"], spread.tenants["asia"]
    listed.write_text("\n".join([*us, asia[0]]))
    chosen = Selection(targets_from=str(listed), exclude=(us[0], asia[0]))
    plan = spread.plan(chosen)
    assert [one.database for one in plan.sections] == ["us"]
    ((section),) = plan.sections
    assert [one.organization.id for one in section.plan.targets] == [us[1]]
    # The plan says how it was asked for, in all databases.
    words = section.plan.request.command()
    assert words[words.index("--databases") + 1] == str(spread.file)
    assert words[words.index("--targets-from") + 1] == str(listed)


def test_a_condition_is_asked_in_all_of_them(spread: Spread) -> None:
    wanted = "', '".join([spread.tenants["eu"][0], *spread.tenants["asia"]])
    plan = spread.plan(Selection(where=f"id in ('{wanted}')"))
    assert [len(one.plan.targets) for one in plan.sections] == [1, 0, 3]
    assert became(spread.apply(plan)) == ["applied", "nothing_to_do", "applied"]


def test_both_formats_are_told_apart(
    spread: Spread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, all_ = str(tmp_path / "one.json"), str(tmp_path / "all.json")
    plan = spread.plan()
    shardfile.save(plan, all_)
    planfile.save(plan.sections[0].plan, one)
    assert shardfile.load(one) == planfile.load(one)
    with pytest.raises(PlanFileError, match="a section for each of several"):
        planfile.load(all_)
    assert main(["apply", all_]) == 1
    assert "reconcile apply FILE --databases FILE" in capfd.readouterr().err
    assert main(["apply", one, "--databases", str(spread.file)]) == 1
    assert "a plan for one database" in capfd.readouterr().err
    assert spread.written() == []


def test_status_of_all(spread: Spread, capfd: pytest.CaptureFixture[str]) -> None:
    spread.apply(spread.plan())
    command = ["status", spread.agent, "--databases", str(spread.file)]
    assert main(command) == 0
    text = capfd.readouterr().out
    assert text.startswith("3 databases: 6 installations of 1 template: 6 up to date.\n")
    assert "\nDatabase  us\n" in text
    world = spread.worlds["us"]
    world.sql(
        "UPDATE entity_types SET name = 'Other' WHERE organization_id = %s AND slug = 'account'",
        f"org_{spread.home}",
    )
    assert main([*command, "-json"]) == 2
    found = valid("sharded-status.schema.json", capfd.readouterr().out)
    assert [one["status"]["exit_code"] for one in found] == [0, 2, 0]
    spread.write(asia="host=127.0.0.1 port=1 user=x dbname=x")
    assert main(command) == 1
    text = capfd.readouterr().out
    assert "1 could not be asked." in text
    assert "\nDatabase  asia\n! cannot connect to the database" in text
    assert PASSWORD not in text
