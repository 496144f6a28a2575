"""Waves on the command line: the flags, what is said when it stops, and what is told meanwhile."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler import library, planfile, published
from reconciler.cli import main, watching
from reconciler.cli.watching import Progress, waiting
from reconciler.errors import Exit, StalePlanError, StoppedError
from reconciler.model.event import Paused, Phase, Started, WaveApplied, WaveStarted
from reconciler.model.outcome import Outcome, Refusal
from reconciler.model.plan import Plan
from reconciler.progress import report, tell
from tests.fixtures.answers import APPLIED, CHANGES, CONFLICTS, TARGET, Library

STOPPED = Outcome(
    status="incomplete",
    plan_id=CHANGES.plan_id,
    targets={"org_acme": "refused", "org_birch": "not_reached"},
    refused=(Refusal(target="org_acme", slug="acme", reason="stale", why="x is gone"),),
)
FACTS = {"plan_id": "0" * 64, "waves": 2, "targets": 3, "rows": 300}
FIRST = {"wave": 1, "waves": 2, "revision": 7, "targets": 2, "rows": 200, "targets_done": 2,
         "targets_total": 3, "rows_done": 200, "rows_total": 300, "seconds": 0.5}  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "plan.json"
    planfile.save(CHANGES, path)
    return str(path)


def events(text: str) -> list[dict[str, Any]]:
    """Every line is an event of the published schema."""
    validator = Draft202012Validator(json.loads(published.documents()["event.schema.json"]))
    found = [json.loads(line) for line in text.splitlines()]
    for one in found:
        validator.validate(one)
        assert one["reconcile_event"] == 1
    return found


def test_the_pace_reaches_the_library(answers: Library, saved: str) -> None:
    command = ["apply", saved, "-wave", "10%", "--canary=5", "-max-failures=3", "--pause", "2min"]
    assert main(command) == 0
    told = {name: answers.options[name] for name in ("wave", "canary", "max_failures", "pause")}
    assert told == {"wave": "10%", "canary": "5", "max_failures": 3, "pause": "2min"}
    assert main(["apply", saved]) == 0
    assert (answers.options["wave"], answers.options["max_failures"]) == (None, 0)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--wave", "0"], "'0' is no number of targets"),
        (["--wave", "ten"], "Write a number, such as 500, or a part of the targets"),
        (["--wave", "200%"], "'200%' is no number"),
        (["--canary", "0%"], "'0%' is no number"),
        (["--max-failures", "-1"], "not in the range"),
        (["--wave", "5", "--pause", "soon"], "is no time"),
        (["--pause", "5s"], "--pause belongs to --wave or --canary."),
    ],
)
def test_flags_that_make_no_sense(
    flags: list[str],
    said: str,
    answers: Library,
    saved: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["apply", saved, *flags]) == Exit.ERROR
    assert said in capsys.readouterr().err
    assert answers.asked == []
    assert main(["apply", saved, "-json", *flags]) == Exit.ERROR
    (told,) = events(capsys.readouterr().err)
    assert said in told["message"]


def test_where_it_stopped_the_outcome_is_the_result(
    answers: Library, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = "1. Go on without: reconcile apply FILE --wave 2 --max-failures 1"
    answers.outcome = StoppedError("it stopped", hint=hint, exit_code=Exit.STALE, outcome=STOPPED)
    assert main(["apply", saved, "--wave", "2"]) == Exit.STALE
    out, err = capsys.readouterr()
    assert out.startswith("Targets  1 refused, 1 not reached\n")
    assert f"Go on without: reconcile apply {saved} --wave 2 --max-failures 1" in err
    assert main(["apply", saved, "--wave", "2", "-json"]) == Exit.STALE
    out, err = capsys.readouterr()
    assert Outcome.model_validate_json(out) == STOPPED
    (told,) = events(err)
    assert (told["event"], told["message"], told["exit_code"]) == ("error", "it stopped", 4)


def test_what_was_refused_within_reason_still_ends_with_its_code(
    answers: Library, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.outcome = STOPPED
    assert main(["apply", saved, "--wave", "2", "--max-failures", "9", "-json"]) == Exit.STALE
    out = capsys.readouterr().out
    schema = json.loads(published.documents()["outcome.schema.json"])
    Draft202012Validator(schema).validate(json.loads(out))


def test_an_interruption_says_what_stays_and_how_to_go_on(
    answers: Library,
    saved: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> Outcome:
        report(Started, **FACTS)
        report(WaveApplied, **FIRST)
        raise KeyboardInterrupt

    monkeypatch.setattr(library, "apply", interrupted)
    assert main(["apply", saved, "--wave", "2", "--pause", "1s"]) == Exit.ERROR
    assert capsys.readouterr().err.lstrip() == (
        "Interrupted. 1 wave stays applied: 2 of 3 targets; nothing of another one was written. "
        f"Go on with: reconcile apply {saved} --wave 2 --pause 1s\n"
    )
    assert main(["apply", saved, "--wave", "2", "-json"]) == Exit.ERROR
    told = events(capsys.readouterr().err)
    assert [one["event"] for one in told] == ["apply_started", "wave_applied", "error"]
    assert "1 wave stays applied" in told[-1]["hint"]


@pytest.mark.parametrize("planned", [CHANGES, CONFLICTS])
def test_with_json_all_that_is_said_beside_the_result_is_events(
    planned: Plan, answers: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = planned
    main(["plan", "pf", *TARGET, "--json", "--out", str(tmp_path / "p.json")])
    out, err = capsys.readouterr()
    assert json.loads(out)["plan_id"] == planned.plan_id
    (told,) = events(err)
    assert (told["event"], told["text"][:5]) == ("note", "Saved")
    main(["apply", "pf", *TARGET, "-auto-approve", "-json"])
    out, err = capsys.readouterr()
    assert events(err)[0]["event"] == "note"
    answers.outcome = StalePlanError("stale\x1b[2J", hint="plan anew")
    if planned is CHANGES:
        assert main(["apply", "pf", *TARGET, "-auto-approve", "-json"]) == Exit.STALE
        assert events(capsys.readouterr().err)[-1]["event"] == "error"
    assert main(["plan", "-json"]) == Exit.ERROR
    assert "TEMPLATE" in events(capsys.readouterr().err)[0]["message"]


def test_what_is_no_terminal_is_told_nothing(
    answers: Library, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.outcome = APPLIED
    assert main(["apply", saved, "--wave", "2"]) == 0
    assert capsys.readouterr().err == ""


def test_the_line_that_a_person_sees() -> None:
    progress = Progress("Applying", lambda: 100.0)
    hear, at = progress.hear, {"at": "2026-11-02T09:14:00.000Z"}
    assert progress.line(103) == "Applying: 3 s"
    hear(Phase(phase="comparing", what="3 targets\x1b[2J", **at))
    assert progress.line(103) == "Applying: comparing 3 targets\\x1b[2J ... 3 s"
    hear(Started(**FACTS, **at))
    hear(WaveStarted(wave=1, waves=2, targets=2, rows=200, **at))
    hear(Phase(phase="locking", rows=2, **at))
    assert progress.line(101) == (
        "Applying: wave 1 of 2, 0 of 3 targets, 0 of 300 rows, locking 2 rows ... 1 s"
    )
    hear(Phase(phase="writing", what="insert entity_type rows", rows=150, **at))
    hear(Phase(phase="writing", what="link relationship_type rows", rows=50, **at))
    assert progress.line(102) == (
        "Applying: wave 1 of 2, 0 of 3 targets, 150 of 300 rows, 75 rows/s, 2 s left, "
        "writing link relationship_type rows ... 2 s"
    )
    hear(WaveApplied(**FIRST, **at))
    hear(Paused(seconds=200, **at))
    assert progress.line(104) == (
        "Applying: wave 1 of 2, 2 of 3 targets, 200 of 300 rows, 50 rows/s, 2 s left, "
        "a pause of 3 min 20 s ... 4 s"
    )
    assert "1 h 0 min" in progress.line(3700)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _NoSecondPasses(Event):
    """However busy the machine is."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait()


def test_a_short_run_shows_nothing_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(watching, "Flag", _NoSecondPasses)
    monkeypatch.setattr(sys, "stderr", terminal)
    with waiting("Applying"):
        tell("locking")
    assert terminal.getvalue() == ""
