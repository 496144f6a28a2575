"""The command line as a whole: help, usage, streams, and that it starts quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from reconciler.cli import COMMANDS, main
from reconciler.version import __version__

ROOT = Path(__file__).parents[2]
OWN = ("init", "plan", "show", "apply", "history", "status", "why", "vocabulary", "kinds")
HEAVY = ("pydantic", "psycopg", "sqlglot", "rich", "deepdiff")


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, as a terminal would."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, what) in COMMANDS.items():
        assert name in out
        assert what in out


@pytest.mark.parametrize("arguments", [["--help"], ["-help"], ["plan", "-help"], ["apply", "-h"]])
def test_help_needs_none_of_the_large_packages(arguments: list[str]) -> None:
    ran = python(
        f"import sys; from reconciler.cli import main; assert main({arguments!r}) == 0; "
        f"print(*(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    assert ran.returncode == 0
    assert ran.stderr.strip() == ""


@pytest.mark.parametrize("name", OWN)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    help_ = capsys.readouterr().out
    assert f"Usage: reconcile {name}" in help_
    assert "--debug" in help_


def test_every_registered_command_is_a_command() -> None:
    for name in OWN:
        module, _, attribute = COMMANDS[name][0].partition(":")
        assert getattr(import_module(module), attribute).name == name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: reconcile"),
        (["unheard"], "No such command 'unheard'"),
        (["plan"], "Missing argument 'TEMPLATE'"),
        (["plan", "template"], "'-target' / '--target'"),
        (["plan", "template", "-target"], "requires an argument"),
        (["plan", "template", "--target", "acme", "--unheard"], "No such option"),
        (["show", "x.json", "-json", "--format", "text"], "contradict each other"),
        (["show", "x.json", "--format", "pdf"], "'pdf' is not one of"),
        (["apply", "template"], "say where it goes with --target ORG"),
        (["apply", "x.json", "--target", "acme"], "is taken for a saved plan"),
        *(
            (["plan", "pf", "--target", "acme", "--destroy", *needless], f"leave out {said}.")
            for needless, said in (
                (["-refresh-only"], "--refresh-only"),
                (["--show-drift"], "--show-drift"),
                (["--prune"], "--prune"),
                (["--moved", "x.toml"], "--moved"),
                (["--prune", "--refresh-only"], "--prune, --refresh-only"),
            )
        ),
        (["apply", "x.json", "--skip", "a.b"], "is taken for a saved plan"),
    ],
)
def test_a_wrong_command_line_ends_with_1_and_not_with_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_what_was_typed_is_escaped_and_loses_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["apply", "postgresql://ana:s3cret@host/\x1b[2Jdb"]) == 1
    err = capsys.readouterr().err
    assert "postgresql://ana:***@host/\\x1b[2Jdb" in err


def _long_output(then: str) -> str:
    return (
        f"import sys; from reconciler.cli import streams; streams.result('x' * 1_000_000); {then}"
    )


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(_long_output("print('went on', file=sys.stderr); sys.exit(3)"))
    ran = subprocess.run(
        f'{{ "{sys.executable}" "{script}"; echo "exit $?" >&2; }} | head -c 1',
        shell=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout == "x"
    assert ran.stderr == "went on\nexit 3\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said() -> None:
    ran = subprocess.run(
        f'"{sys.executable}" -c "import sys; from reconciler.cli import main; '
        "sys.exit(main(['kinds', '--json']))\" > /dev/full",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: cannot write the result: No space left on device")
    assert "Traceback" not in ran.stderr


def test_a_terminal_without_unicode_gets_escapes() -> None:
    ran = python(
        "from reconciler.cli import streams; streams.prepare(); streams.result('a…b')",
        PYTHONIOENCODING="ascii",
    )
    assert ran.stdout == "a\\u2026b"
