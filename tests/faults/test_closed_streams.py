"""Nobody reads, or there is no room: what was done is done, and the exit code says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import planfile
from tests.fixtures.cut import alone, behind, dump, everything
from tests.fixtures.embedded import clean_environment
from tests.fixtures.shown import depth
from tests.fixtures.world import World

RUN = '"$PYTHON" -c "import sys; from reconciler.cli import main; sys.exit(main())" "$@"'
NO_ROOM = "No space left on device"
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def ended(redirected: str, *words: str) -> tuple[int, str, str]:
    """A command line of a shell's, with its streams redirected so."""
    ran = subprocess.run(
        ["bash", "-c", f"{RUN} {redirected}", "bash", *words],
        env=clean_environment(PYTHON=sys.executable),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(
    "redirected",
    ["> /dev/full", ">&-", "-json 2> /dev/full", "2>&-", "> /dev/full 2>&1", "> >(true)"][
        : depth(1, 6)
    ],
)
@pytest.mark.shows(
    "stdout or stderr of an apply is closed or full",
    "the plan is applied, and the exit code is 0; no traceback",
)
def test_an_apply_that_cannot_say_so_is_applied(
    shared_world: World, small_template: str, tmp_path: Path, redirected: str
) -> None:
    world, path = shared_world, tmp_path / "plan.json"
    target, plan = behind(world, small_template)
    planfile.save(plan, path)
    code, out, err = ended(redirected, "apply", str(path), "--database-url", world.dsn)
    alone(world)
    assert code == 0, err
    assert "Traceback" not in err
    assert (NO_ROOM in err) == (redirected == "> /dev/full")
    assert ("appl" in out.lower()) == redirected.endswith(("2> /dev/full", "2>&-"))
    assert everything(world, target, plan)


@pytest.mark.parametrize(
    ("redirected", "code"),
    [("| head -c 1 > /dev/null; exit ${PIPESTATUS[0]}", 0), ("> /dev/full", 1), (">&-", 0)][
        : depth(1, 3)
    ],
)
@pytest.mark.shows(
    "stdout of a plan is closed, full, or read no further (into `head -1`)",
    "no traceback; an error only where something was to be written and could not be",
)
def test_a_plan_that_nobody_reads(
    shared_world: World, small_template: str, tmp_path: Path, redirected: str, code: int
) -> None:
    world, saved = shared_world, tmp_path / "plan.json"
    target = world.organization()
    before = dump(world)
    words = ("--target", target, "--as", "user_ana", "--out", str(saved))
    found, _, err = ended(redirected, "plan", small_template, *words, "--database-url", world.dsn)
    assert found == code, err
    assert "Traceback" not in err
    assert (NO_ROOM in err) == (code == 1)
    alone(world)
    assert dump(world) == before
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]
    assert planfile.load(saved).changed == (target,)
