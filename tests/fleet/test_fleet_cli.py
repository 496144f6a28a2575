"""`reconcile fleet` on the command line: what is said, and the exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler import planfile, published
from reconciler.cli import main
from reconciler.errors import Exit
from reconciler.model.enqueued import Enqueued, Queue, WaveCounts
from reconciler.model.outcome import Refusal
from reconciler.render.enqueued import render
from tests.fleet.conftest import Queued

STORED = Enqueued(
    plan_id="ab" * 32,
    template="Desk\x1b[2J",
    enqueued_by="ana",
    enqueued_at="2026-11-02T09:14:00Z",
    pace=("--wave", "500"),
    course="going",
    waves=WaveCounts(waiting=2, running=1, done=3),
    targets=3000,
    applied=1500,
)
HOSTILE = Refusal(target="o", slug="\u202eevil\n[red]", reason="locked", why="by\x1b[31m him")


@pytest.fixture(autouse=True)
def _here(fleet: Queued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_DATABASE_URL", fleet.world.dsn)


@pytest.fixture
def saved(fleet: Queued, tmp_path: Path) -> str:
    path = tmp_path / "fleet.plan.json"
    planfile.save(fleet.made, path)
    return str(path)


def test_the_way_of_a_plan(fleet: Queued, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = fleet.made.plan_id[:12]
    assert main(["fleet", "init"]) == 0
    assert capsys.readouterr().out == "Everything is installed already.\n"
    assert main(["fleet", "status"]) == 0
    assert "No plan was enqueued" in capsys.readouterr().out
    assert main(["fleet", "enqueue", saved, "-canary", "1", "--wave=2"]) == 0
    out = capsys.readouterr().out
    assert out == f"Enqueued {plan}: 5 targets, 1 wave of 3 for the workers now.\n"
    assert main(["fleet", "enqueue", saved]) == 0
    assert f"Enqueued before: {plan}." in capsys.readouterr().out
    assert main(["fleet", "status", saved]) == Exit.CHANGES
    assert "Waves    3 waiting\nTargets  0 of 5 applied\n" in capsys.readouterr().out
    assert main(["fleet", "cancel", saved]) == 0
    assert f"Cancelled {plan}: 5 targets not applied" in capsys.readouterr().out
    assert main(["fleet", "status", plan]) == Exit.ERROR
    assert f"Go on with: reconcile fleet resume {plan}\n" in capsys.readouterr().out
    assert main(["fleet", "resume", plan]) == 0
    assert "Resumed" in capsys.readouterr().out
    assert main(["fleet", "worker", "--until-empty", "--silent", "1s", "-json"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    events = [json.loads(line) for line in err.splitlines()]
    assert sum("applied (revision" in one.get("text", "") for one in events) == 3
    assert main(["fleet", "status", plan, "-json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plans"][0]["course"] == "done"
    schema = json.loads(published.documents()["queue.schema.json"])
    Draft202012Validator(schema).validate(told)
    assert main(["fleet", "resume", plan]) == 0
    assert capsys.readouterr().out == f"Nothing to do for {plan}.\n"


def test_refused_targets_are_said_while_it_works_and_afterwards(
    fleet: Queued, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.take_a_key(fleet.ids[1])
    assert main(["fleet", "enqueue", saved, "--max-failures", "1"]) == 0
    assert main(["fleet", "worker", "--until-empty", "--silent=1s"]) == 0
    err = capsys.readouterr().err
    assert "stale  entity_type.person exists by now\n" in err
    assert "4 targets applied" in err
    assert main(["fleet", "status"]) == Exit.STALE
    assert "Targets  4 of 5 applied, 1 refused\n  ! " in capsys.readouterr().out


def test_enqueue_ends_with_the_codes_of_apply(
    fleet: Queued, saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.take_a_key(fleet.ids[1])
    path = tmp_path / "conflicts.json"
    planfile.save(fleet.plan(), path)
    assert main(["fleet", "enqueue", str(path)]) == Exit.CONFLICTS
    assert main(["fleet", "enqueue", saved, "--wave", "0"]) == Exit.ERROR
    assert main(["fleet", "enqueue", saved, "--pause", "1s"]) == Exit.ERROR
    assert "--pause belongs to --wave" in capsys.readouterr().err
    assert fleet.jobs() == []


@pytest.mark.parametrize("command", ["init", "enqueue", "worker", "resume", "cancel"])
def test_without_the_extra_it_is_named(
    command: str, saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    arguments = [saved] if command in ("enqueue", "resume", "cancel") else []
    assert main(["fleet", command, *arguments]) == Exit.ERROR
    err = capsys.readouterr().err
    assert "needs procrastinate, which is not installed here" in err
    assert "pip install 'row-reconciler[fleet]'" in err
    assert main(["fleet", "--help"]) == 0
    assert main(["fleet", "status"]) == 0


def test_hostile_text_is_shown_escaped() -> None:
    text = render(Queue(plans=(STORED.model_copy(update={"refused": (HOSTILE,), "why": "\x07"}),)))
    assert not {"\x1b", "\u202e", "\x07"} & set(text)
    assert text.count("\n") == 6
    many = STORED.model_copy(update={"refused": (HOSTILE,) * 20})
    assert "... and 8 more" in render(Queue(plans=(many,)))
    assert "more" not in render(Queue(plans=(many,)), verbose=True)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, Exit.CHANGES),
        ({"waves": WaveCounts(failed=1)}, Exit.ERROR),
        ({"course": "done"}, Exit.DONE),
        ({"course": "done", "refused": (HOSTILE,)}, Exit.LOCKED),
        ({"course": "stopped", "code": Exit.NOT_AUTHORISED}, Exit.NOT_AUTHORISED),
        ({"course": "cancelled"}, Exit.ERROR),
    ],
)
def test_exit_codes(changed: dict[str, object], code: Exit) -> None:
    one = STORED.model_copy(update=changed)
    assert one.exit_code == code
    done = STORED.model_copy(update={"course": "done"})
    assert Queue(plans=(done, one, done)).exit_code == code
