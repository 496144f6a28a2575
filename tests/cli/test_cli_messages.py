"""What is said when something fails, and where; never a password."""

from __future__ import annotations

import io
import sys

import pytest

from reconciler import library
from reconciler.cli import main
from reconciler.errors import (
    DatabaseError,
    ReconcilerError,
)
from tests.fixtures.answers import APPLIED, CHANGES, TARGET, Library


def test_an_error_says_what_happened_and_what_to_do(
    answers: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = ReconcilerError("first\n\tsecond \x1b[2J\u202e", hint="1. do\n2. or do")
    assert main(["plan", "pf", *TARGET]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("Error: first\n  second \\x1b[2J\\u202e\n  1. do\n  2. or do\n")


@pytest.mark.parametrize("word", ["x" * 5000, "x/" * 3000], ids=["name", "path"])
def test_what_no_file_can_be_called_is_none(
    word: str, answers: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "--target", ":", word, "-auto-approve"]) == 0
    assert answers.asked[0][2] == word
    assert main(["apply", word]) == 1
    assert "is no file, so it is taken for a template" in capsys.readouterr().err
    nowhere = ["--database-url", "host=/nonexistent"]
    for asked in (["cancel", word], ["resume", word], ["status", word]):
        assert main(["fleet", *asked, *nowhere]) == 1
        assert "cannot connect to the database" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["apply", "a\0b", *TARGET],
        ["plan", "pf", *TARGET, "--out", "a\0b"],
        ["kinds", "--kinds=a\0b"],
    ],
)
def test_no_word_has_a_nul(
    words: list[str], answers: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    captured = capsys.readouterr()
    assert (captured.out, answers.asked) == ("", [])
    assert "a\\x00b' has a NUL" in captured.err


@pytest.mark.parametrize("place", [["--debug", "plan"], ["plan", "--debug"], ["plan", "-debug"]])
def test_debug_shows_where(
    place: list[str], answers: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = RuntimeError("a defect")
    assert main(["plan", "pf", *TARGET]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Error: unexpected RuntimeError: a defect\n  Run it again with --debug")
    assert "Traceback" not in err
    assert main([*place, "pf", *TARGET]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_debug_can_be_a_setting(
    answers: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.planned = RuntimeError("a defect")
    monkeypatch.setenv("RECONCILE_DEBUG", "1")
    assert main(["plan", "pf", *TARGET]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.shows("a password in the connection string", "it appears in no output")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://ana:hunter22@host/db", "cannot open postgresql://ana:hunter22@host/db"),
        ("postgresql://ana:p@ss:w0rd@host/db", "cannot open postgresql://ana:p@ss:w0rd@host/db"),
        ("postgresql://ana:hunter%2022@host", "password authentication failed: hunter 22"),
        ("postgresql://host/db?password=hunter22&port=1", "?password=hunter22&port=1 is odd"),
        ("host=h password=hunter22 port=x", "no such host: h password=hunter22 port=x"),
        ("host=h password='hunter 22'", "odd: host=h password='hunter 22'"),
        ("host=h PASSWORD = hunter22", "odd: hunter22"),
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_passwords_never_appear(
    url: str,
    message: str,
    debug: list[str],
    answers: Library,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers.planned = DatabaseError(message, hint=message)
    for by_setting in (True, False):
        if by_setting:
            monkeypatch.setenv("RECONCILE_DATABASE_URL", url)
        else:
            monkeypatch.delenv("RECONCILE_DATABASE_URL")
        main(["plan", "pf", *TARGET, *debug, *([] if by_setting else ["--database-url", url])])
        err = capsys.readouterr().err
        assert "***" in err
        for secret in ("hunter22", "hunter 22", "hunter%2022", "ss:w0rd"):
            assert secret not in err


def test_the_password_of_the_environment_never_appears(
    answers: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter22")
    answers.planned = DatabaseError("said hunter22", hint="")
    main(["plan", "pf", *TARGET])
    assert capsys.readouterr().err == "Error: said ***\n"


def test_an_interrupt_says_what_became_of_the_database(
    answers: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.outcome = KeyboardInterrupt()
    assert main(["apply", "pf", *TARGET, "-auto-approve"]) == 1
    assert capsys.readouterr().err.endswith("Interrupted. Nothing was written.\n")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    answers.outcome = APPLIED
    monkeypatch.setattr("reconciler.cli.streams.result", interrupted)
    assert main(["apply", "pf", *TARGET, "-auto-approve"]) == 1
    assert capsys.readouterr().err.endswith("Interrupted. The plan is applied.\n")


def test_init_prints_or_installs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library, "init_script", lambda kinds: f"CREATE {kinds};\n")
    monkeypatch.setattr(library, "init", lambda database, kinds: [f"{kinds} in {database}"])
    assert main(["init", "--print"]) == 0
    assert capsys.readouterr().out == "CREATE None;\n"
    assert main(["init", "--database-url", "here", "--kinds", "mine"]) == 0
    assert capsys.readouterr().out == "Installed mine in here\n"
    monkeypatch.setattr(library, "init", lambda database, kinds: [])
    assert main(["init"]) == 0
    assert capsys.readouterr().out == "Everything is installed already.\n"


def test_the_sql_preview_comes_from_the_library(
    answers: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library, "preview", lambda plan, kinds: f"-- {plan.plan_id} {kinds}\n")
    assert main(["plan", "pf", *TARGET, "--format", "sql", "--kinds", "k"]) == 0
    assert capsys.readouterr().out == f"-- {CHANGES.plan_id} k\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("flags", "setting", "colored"),
    [
        ([], {}, True),
        (["-no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    flags: list[str],
    setting: dict[str, str],
    colored: bool,
    answers: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["plan", "pf", *TARGET, *flags]) == 0
    assert ("\x1b[32m" in terminal.getvalue()) is colored
