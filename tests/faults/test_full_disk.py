"""A disk without room in the midst of an apply: nothing is written, and afterwards it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from reconciler import planfile
from reconciler.cli import main
from tests.fixtures.cut import alone, dump
from tests.fixtures.private import peopled, private
from tests.fixtures.shown import Variants, depth

pytestmark = pytest.mark.skipif(not depth(0, 1), reason="a server of its own; in `make trust`")
PAGE = 8192


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    directory = tmp_path / "disk"
    directory.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(size, check=False, capture_output=True).returncode:
        pytest.skip("no small disk: mounting one takes root, and a container that allows it")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path, left: int) -> Path:
    """Take all the room but so many bytes."""
    filling = directory / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PAGE))
    os.truncate(filling, max(0, filling.stat().st_size - left))
    return filling


@pytest.mark.shows(
    "the disk of the tenants' tables is full at some row of an apply",
    "an error that says so, exit code 1, nothing written; with room, the same plan is applied",
)
def test_a_disk_without_room(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], variants: Variants
) -> None:
    with private() as server:
        owner = server.data_dir.stat()
        os.chown(disk, owner.st_uid, owner.st_gid)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            connection.execute("ALTER DATABASE template1 SET TABLESPACE small")
        with peopled(server) as world:
            fleet = [world.organization() for _ in range(30)]
            plan = world.plan(*fleet)
            planfile.save(plan, tmp_path / "plan.json")
            words = ["apply", str(tmp_path / "plan.json"), "--database-url", world.dsn]
            before = dump(world)
            for left in range(0, 40 * PAGE, 4 * PAGE):
                filling = fill(disk, left)
                code = main(words)
                out, err = capsys.readouterr()
                alone(world)
                variants.add()
                filling.unlink()
                assert (code, out) == (1, ""), left
                assert "No space left on device; nothing was written" in err
                assert dump(world) == before
            assert main(words) == 0
            assert world.plan(*fleet).empty
