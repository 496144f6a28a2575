"""Exit codes of plan and apply, what reaches the library, and the question before an apply."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.errors import (
    ConflictsError,
    DatabaseError,
    Exit,
    LockedError,
    NotAuthorisedError,
    StalePlanError,
)
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Plan
from reconciler.model.selection import Selection
from tests.fixtures import lifecycle
from tests.fixtures.answers import APPLIED, CHANGES, CONFLICTS, EMPTY, TARGET, Library


@pytest.mark.parametrize(
    ("planned", "flags", "code"),
    [
        (CHANGES, [], Exit.DONE),
        (CHANGES, ["-detailed-exitcode"], Exit.CHANGES),
        (EMPTY, ["-detailed-exitcode"], Exit.DONE),
        (CONFLICTS, [], Exit.CONFLICTS),
        (CONFLICTS, ["--detailed-exitcode"], Exit.CONFLICTS),
        (DatabaseError("down", hint="up"), [], Exit.ERROR),
        (NotAuthorisedError("no", hint="ask"), ["-detailed-exitcode"], Exit.ERROR),
        (RuntimeError("defect"), [], Exit.ERROR),
        (KeyboardInterrupt(), [], Exit.ERROR),
    ],
)
def test_plan(
    planned: Plan | BaseException, flags: list[str], code: Exit, answers: Library
) -> None:
    answers.planned = planned
    assert main(["plan", "pf", *TARGET, *flags]) == code


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (APPLIED, Exit.DONE),
        (Outcome(status="already_applied", plan_id="0" * 64), Exit.DONE),
        (Outcome(status="nothing_to_do", plan_id="0" * 64), Exit.DONE),
        (ConflictsError("conflicts", hint="", conflicts=()), Exit.CONFLICTS),
        (StalePlanError("stale", hint=""), Exit.STALE),
        (LockedError("locked", hint=""), Exit.LOCKED),
        (NotAuthorisedError("no", hint=""), Exit.NOT_AUTHORISED),
        (DatabaseError("down", hint=""), Exit.ERROR),
        (RuntimeError("defect"), Exit.ERROR),
        (KeyboardInterrupt(), Exit.ERROR),
    ],
)
def test_apply(
    outcome: Outcome | BaseException, code: Exit, answers: Library, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    planfile.save(CHANGES, path)
    answers.outcome = outcome
    assert main(["apply", str(path)]) == code
    assert answers.applied == [CHANGES]


def test_all_that_was_asked_reaches_the_library(
    answers: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///general")
    command = "plan pf -target acme --target=bolt -as ana --name N -adopt a.b --adopt c.d"
    assert (
        main(
            [
                *command.split(),
                "-skip=e.f",
                "--take",
                "g.h",
                "-input=false",
                "-kinds",
                "k",
                "--mode",
                "reference",
            ]
        )
        == 0
    )
    meant = Selection(targets=("acme", "bolt"))
    assert answers.asked == [("plan", "postgresql:///general", "pf", meant)]
    assert answers.options == {
        "actor": "ana",
        "name": "N",
        "adopt": ("a.b", "c.d"),
        "skip": ("e.f",),
        "restore": (),
        "release": (),
        "destroy": False,
        "keep_rows": False,
        "mode": "reference",
        "convert": None,
        "prune": False,
        "moved": None,
        "show_drift": False,
        "refresh_only": False,
        "skip_conflicted": False,
        "take": ("g.h",),
        "kinds": Path("k"),
    }


def test_settings_of_our_own_come_before_general_ones(
    answers: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["plan", "pf", *TARGET])
    monkeypatch.setenv("DATABASE_URL", "general")
    monkeypatch.setenv("RECONCILE_DATABASE_URL", "own")
    monkeypatch.setenv("RECONCILE_AS", "ana")
    main(["plan", "pf", *TARGET])
    main(["plan", "pf", *TARGET, "-database-url", "typed"])
    assert [asked[1] for asked in answers.asked] == ["", "own", "typed"]
    assert answers.options["actor"] == "ana"


def test_plan_out_saves_and_says_how_to_apply(
    answers: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "the plan.json"
    assert main(["plan", "pf", *TARGET, f"-out={path}"]) == 0
    captured = capsys.readouterr()
    assert "Plan: 1 to create" in captured.out
    assert captured.err.endswith(f"reconcile apply '{path}'\n")
    assert planfile.load(path) == CHANGES
    answers.planned = CONFLICTS
    assert main(["plan", "pf", *TARGET, "--out", str(path)]) == Exit.CONFLICTS
    assert "with conflicts it cannot be applied" in capsys.readouterr().err


def test_json_is_all_that_stdout_gets(
    answers: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "pf", *TARGET, "-json", "-out", str(tmp_path / "plan.json")]) == 0
    assert json.loads(capsys.readouterr().out)["plan_id"] == CHANGES.plan_id
    assert main(["apply", "pf", *TARGET, "-auto-approve", "-json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"entity_type": {"create": 1}}


def test_a_saved_plan_is_applied_without_a_question(
    answers: Library,
    typed: Callable[[str], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "saved"
    planfile.save(CHANGES, path)
    typed("")
    assert main(["apply", str(path), "-input=false", "-lock-timeout=3s"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Apply complete! 1 created, 0 updated, 0 retired. (revision 1)\n"
    assert captured.err == ""
    assert answers.options["lock_timeout"] == "3s"


def test_a_new_plan_is_shown_and_that_very_plan_applied(
    answers: Library, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("yes\n")
    assert main(["apply", "pf", *TARGET]) == 0
    captured = capsys.readouterr()
    assert "Plan: 1 to create" in captured.err
    assert "Only 'yes' will be accepted to approve." in captured.err
    assert captured.out.startswith("Apply complete!")
    assert answers.applied[0] is CHANGES


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "YES\n", "no\n", "yes please\n"])
def test_nothing_but_yes_approves(
    answer: str, answers: Library, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(answer)
    assert main(["apply", "pf", *TARGET]) == 1
    assert answers.applied == []
    assert "Nothing was written." in capsys.readouterr().err


def test_approval_can_be_given_ahead_and_cannot_be_left_out(
    answers: Library, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("yes\n")
    assert main(["apply", "pf", *TARGET, "-input=false"]) == 1
    assert answers.asked == []
    assert "-auto-approve" in capsys.readouterr().err
    assert main(["apply", "pf", *TARGET, "-input=false", "-auto-approve"]) == 0
    assert answers.applied == [CHANGES]


def test_a_new_plan_with_conflicts_is_not_even_asked_about(
    answers: Library, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = CONFLICTS
    typed("yes\n")
    assert main(["apply", "pf", *TARGET]) == Exit.CONFLICTS
    assert answers.applied == []
    err = capsys.readouterr().err
    assert "--adopt entity_type.transaction" in err
    assert "Only 'yes'" not in err


def test_nothing_to_change_needs_no_approval(
    answers: Library, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = EMPTY
    answers.outcome = Outcome(status="nothing_to_do", plan_id=EMPTY.plan_id)
    typed("")
    assert main(["apply", "pf", *TARGET]) == 0
    captured = capsys.readouterr()
    assert "No changes. acme matches personal-finance." in captured.err
    assert captured.out.startswith("Nothing to do")


def test_a_missing_plan_file_is_not_taken_for_a_template(
    answers: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "gone.json"]) == 1
    assert "cannot read gone.json" in capsys.readouterr().err
    assert answers.asked == []


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        (CHANGES, "Saved. Apply exactly this plan with:  reconcile apply {}\n"),
        (CONFLICTS, "Saved to {}, to be read; with conflicts it cannot be applied.\n"),
        (EMPTY, "Saved to {}, to be read; there is nothing in it to apply.\n"),
        (lifecycle.refreshed(), "Saved to {}, to be read; there is nothing in it to apply.\n"),
    ],
)
def test_what_a_saved_plan_is_good_for(
    planned: Plan,
    said: str,
    answers: Library,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers.planned = planned
    path = tmp_path / "saved"
    main(["plan", "pf", *TARGET, "--out", str(path)])
    assert capsys.readouterr().err.endswith(said.format(path))
    assert path.is_file()
