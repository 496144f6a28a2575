"""The options that choose targets, the same for every command that has some; --all-templates."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import planfile
from reconciler.cli import main
from reconciler.errors import Exit
from reconciler.model.selection import Selection
from tests.fixtures.answers import Library
from tests.fixtures.vocabulary import Vocabulary
from tests.fixtures.world import World

Typed = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_what_chooses_reaches_the_library(command: str, answers: Library) -> None:
    chosen = ["--targets-from", "f", "-installed", "--where", "a = 1", "-exclude", "x"]
    more = ["--exclude=y", "-auto-approve"] if command == "apply" else ["--exclude=y"]
    assert main([command, "pf", *chosen, *more]) == 0
    assert answers.asked[0][3] == Selection(
        targets_from="f", installed=True, where="a = 1", exclude=("x", "y")
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "pf", "--exclude", "acme"], "say where"),
        (["apply", "pf", "--exclude", "acme"], "say where it goes"),
        (["plan", "--undo", "3", "--installed"], "leave out --installed."),
        (["plan", "--undo", "3", "--all-templates"], "leave out --all-templates."),
        (["plan", "pf", "--all-templates"], "--all-templates and pf contradict each other"),
        (["status", "pf", "--all-templates"], "--all-templates and pf contradict each other"),
        (["apply", "x.json", "--installed"], "is taken for a saved plan"),
        (["apply", "x.json", "--all-templates"], "is taken for a saved plan"),
        (["plan", "--all-templates", "--name", "N"], "leave out --name"),
        (["plan", "--all-templates", "--targets-from", "-"], "name a file"),
        (["apply", "--all-templates", "-input=false"], "-auto-approve"),
        (["plan", "--installed"], "Missing argument 'TEMPLATE'"),
    ],
)
def test_what_makes_no_sense_together(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--database-url", world.dsn])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def two(world: World) -> tuple[Vocabulary, Vocabulary]:
    """Two templates, each installed in a tenant and behind by a row."""
    found = []
    for slug in ("north", "south"):
        one = Vocabulary.open(world)
        world.sql("UPDATE agents SET name = %s WHERE id = %s", slug, one.agent)
        one.type("account")
        one.install()
        one.edit("account", name="New")
        found.append(one)
    return found[0], found[1]


def test_a_plan_of_all_that_is_installed(
    run: Typed, two: tuple[Vocabulary, Vocabulary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    north, south = two
    made = str(tmp_path / "north.json")
    code, out, _ = run("plan", north.agent, "--installed", "--as", "user_ana", "--out", made)
    assert (code, "Plan: 0 to create, 1 to update" in out) == (0, True)
    listed = io.TextIOWrapper(io.BytesIO(f"\ufeff# one\r\n{north.tenant}\r\n".encode()))
    monkeypatch.setattr("sys.stdin", listed)
    code, out, _ = run("plan", north.agent, "--targets-from", "-", "--as", "user_ana", "-json")
    assert json.loads(out)["plan_id"] == planfile.load(made).plan_id

    code, out, err = run("plan", south.agent, "--where", "slug = 'x'", "--as", "user_ana")
    assert (code, err) == (0, "")
    assert out.endswith("\nNo changes. No organisation fits the condition.\n")
    code, out, _ = run(
        "plan", south.agent, "--installed", "--exclude", south.tenant, "--as", "user_ana"
    )
    assert (code, out.splitlines()[-1]) == (0, "No changes. No installation of south fits.")
    code, out, err = run("plan", south.agent, "--installed", "--where", "plan = 'pro'")
    assert (code, out) == (1, "")
    assert "--where \"plan = 'pro'\": speaks of a column 'plan'" in err
    assert run("status", "--where", "slug = 'x'")[0] == 0
    assert run("status", "--all-templates", "--exclude", south.tenant)[0] == Exit.CHANGES


def test_all_templates(run: Typed, two: tuple[Vocabulary, Vocabulary], tmp_path: Path) -> None:
    north, south = two
    everything = ("--all-templates", "--as", "user_ana")
    directory = tmp_path / "plans"
    code, out, err = run("plan", *everything, "-detailed-exitcode", "--out", str(directory))
    assert code == Exit.CHANGES
    assert out.count("Plan: 0 to create, 1 to update, 0 to retire.") == 2
    assert out.splitlines()[-1] == "2 templates: 0 to create, 2 to update, 0 to retire."
    assert "reconcile apply FILE" in err
    files = {one.agent: directory / f"{one.agent}.plan.json" for one in two}
    assert sorted(directory.iterdir()) == sorted(files.values())
    assert planfile.load(files[north.agent]).targets[0].organization.id == north.tenant

    code, out, _ = run("plan", *everything, "-json", "--where", f"id <> '{south.tenant}'")
    assert [one["template"]["agent_id"] for one in json.loads(out)] == [north.agent]
    code, out, _ = run("plan", *everything, "--target", "acme")
    assert (code, out) == (0, "No template is installed there.\n")

    # One that cannot be planned stops nobody.
    north.world.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", north.public)
    code, out, err = run("plan", *everything)
    assert code == Exit.ERROR
    assert f"Error: template north ({north.agent}): the organisation" in err
    assert out.splitlines()[-1] == (
        "2 templates: 0 to create, 1 to update, 0 to retire; 1 of them could not be planned."
    )
    code, out, err = run("apply", *everything, "-auto-approve")
    assert code == Exit.ERROR
    assert out.startswith("Apply complete! 0 created, 1 updated")
    assert err.endswith("1 of 2 templates are applied.\n")
    south.settled()


def test_each_of_all_templates_is_asked_about(
    run: Typed, two: tuple[Vocabulary, Vocabulary], typed: Callable[[str], None]
) -> None:
    north, south = two
    typed("no\nyes\n")
    code, _, err = run("apply", "--all-templates", "--as", "user_ana")
    assert code == Exit.ERROR
    assert err.count("Only 'yes' will be accepted") == 2
    assert f"template north ({north.agent}): the plan was not approved" in err
    assert not north.plan().empty
    south.settled()


def test_a_template_whose_id_is_a_path_is_saved_in_the_directory(
    run: Typed, world: World, tmp_path: Path
) -> None:
    one = Vocabulary.open(world)
    one.agent = "../\x1b[31m../agent"
    world.insert("agents", id=one.agent, organization_id=one.public, name="\x1b[2J")
    one.type("account")
    one.install()
    directory = tmp_path / "plans"
    _, out, err = run("plan", "--all-templates", "--as", "user_ana", "--out", str(directory))
    assert "\x1b" not in out + err
    assert [file.name for file in directory.iterdir()] == ["..%2F%1B%5B31m..%2Fagent.plan.json"]
    assert list(tmp_path.iterdir()) == [directory]
