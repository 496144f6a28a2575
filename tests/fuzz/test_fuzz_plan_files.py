"""Plan files, damaged in every way: what is read is the plan that was written, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler import planfile, shardfile
from reconciler.model.canonical import Number, parse, pretty
from reconciler.model.plan import Plan
from reconciler.model.sharded import Section, ShardedPlan
from tests.fixtures import plans
from tests.fixtures.everything import everything
from tests.fixtures.shown import Variants, depth
from tests.fuzz.tries import dice, mutated, survived, tries

ROOT = Path(__file__).resolve().parents[2]
OTHER = (None, True, [], {}, "", "x\ud800", Number("1e400"), Number("9" * 5000), Number("-0"),
         [[]], {"json": {}}, {"ref": "x"}, "all", "../../etc/passwd", "\x1b[2J")  # fmt: skip


def sharded() -> ShardedPlan:
    """A plan for two databases."""
    sections = (
        Section(database="eu", plan=everything()),
        Section(database="us", plan=plans.worked()),
    )
    return ShardedPlan(sections=sections).identified()


WRITTEN = pytest.mark.parametrize(
    ("subject", "text"),
    [("one", planfile.dumps(everything())), ("several", shardfile.dumps(sharded()))],
)


@pytest.mark.shows("a plan file with random bytes changed", "refused, or it means what it did")
@WRITTEN
def test_bytes(subject: str, text: str, variants: Variants) -> None:
    known = shardfile.loads(text).plan_id
    chance = dice(f"bytes {subject}")
    for _ in range(tries(60, 2000)):
        given = mutated(chance, text)
        variants.add()
        found: list[Plan | ShardedPlan] = []
        if survived(lambda given=given, found=found: found.append(shardfile.loads(given))):
            assert {one.plan_id for one in found} == {known}, given


@pytest.mark.shows(
    "a plan file with fields removed, doubled, moved or of another type",
    "refused, or it means what it did",
)
@WRITTEN
def test_fields(subject: str, text: str, variants: Variants) -> None:
    known = shardfile.loads(text).plan_id
    chance = dice(f"fields {subject}")
    for _ in range(tries(60, 2000)):
        content = parse(text)
        for _ in range(chance.randint(1, 3)):
            otherwise(chance, content)
        given = pretty(content)
        variants.add()
        found: list[Plan | ShardedPlan] = []
        if survived(lambda given=given, found=found: found.append(shardfile.loads(given))):
            assert {one.plan_id for one in found} == {known}, given


def otherwise(chance: Random, content: Any) -> None:
    """Change one field, anywhere in the JSON."""
    places = list(_places(content))
    if not places:
        return
    inside, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            del inside[key]
        case 1:
            inside[key] = chance.choice(OTHER)
        case 2:
            other, there = chance.choice(places)
            inside[key] = json.loads(json.dumps(other[there]))
        case 3 if isinstance(inside, dict):
            inside[f"{key}\n"] = inside.pop(key)
        case _ if isinstance(inside, dict):
            for name in reversed(list(inside)):
                inside[name] = inside.pop(name)
        case _:
            inside.append(inside[key])


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield content, key
            yield from _places(value)
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield content, number
            yield from _places(value)


GOOD = planfile.dumps(plans.worked())
STRANGE = {
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-32": GOOD.encode("utf-32"),
    "two marks": b"\xef\xbb\xbf" * 2 + GOOD.encode(),
    "overlong": GOOD.encode().replace(b"/", b"\xc0\xaf", 1) + b"\xc0\xaf",
    "a NUL behind": GOOD.encode() + b"\0",
    "two plans": GOOD.encode() * 2,
    "NaN": b'{"format_version": NaN}',
    "Infinity": b'{"format_version": "1.0", "unchanged": -Infinity}',
    "1e400": GOOD.replace('"unchanged": 0', '"unchanged": 1e400').encode(),
    "many digits": GOOD.replace('"unchanged": 0', f'"unchanged": {"9" * 100_000}').encode(),
    "deep": b'{"format_version": "1.0", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 100_000,
    "deep value": GOOD.replace('"json": {', '"json": {"d": ' + "[" * 900 + "]" * 900 + ", ", 1)
    .encode(),
    "half a character": GOOD.replace("savings", "\\ud800", 1).encode(),
    "a key twice": GOOD.replace('"plan_id"', '"plan_id": "x", "plan_id"', 1).encode(),
    "another major": GOOD.replace('"format_version": "1.', '"format_version": "2.').encode(),
    "a long version": GOOD.replace('"format_version": "1.', f'"format_version": "{"1" * 10**6}.')
    .encode(),
    "a million targets": GOOD.replace('"org_acme"', ", ".join(['"o"'] * 10**6), 1).encode(),
}  # fmt: skip


@pytest.mark.shows("a plan file that is huge, deep, or in another encoding", "refused, in bounds")
@pytest.mark.parametrize("what", STRANGE)
def test_strange_files(what: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(STRANGE[what])
    assert not survived(lambda: shardfile.load(path))


# In a process of its own, whose memory has room for a few copies of the file and no more.
JUNK = """
import resource, sys
from pathlib import Path
from reconciler import infile, shardfile
from reconciler.errors import PlanFileError
size = int(sys.argv[2]) << 20
infile.LARGEST = min(infile.LARGEST, 4 * size)
resource.setrlimit(resource.RLIMIT_AS, ((512 << 20) + 10 * size,) * 2)
path = Path(sys.argv[1])
junk = (b"", b"\\0"), (b"", b"["), (b'{"x": "', b"y"), (b'{"x": ', b"9"), (b"", b" ")
for start, byte in junk if path.is_file() else junk[:1]:
    if path.is_file():
        path.write_bytes(start + byte * size)
    try:
        shardfile.load(path)
    except PlanFileError as error:
        print(error.message)
"""


@pytest.mark.shows(
    "100 MB of junk, or a device without an end, for a plan file",
    "refused, in memory for a few copies of it",
)
@pytest.mark.parametrize("what", ["junk", "/dev/zero"])
def test_memory_is_bounded(what: str, tmp_path: Path, variants: Variants) -> None:
    path = tmp_path / what
    if what == "junk":
        path.touch()
    run = subprocess.run(
        [sys.executable, "-c", JUNK, str(path), str(depth(4, 100))],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    said = run.stdout.splitlines()
    variants.add(len(said))
    assert len(said) == (5 if what == "junk" else 1)
    assert all(str(path) in line for line in said)
    assert what == "junk" or "is larger than" in said[0]


@pytest.mark.shows("a path that is a loop, a directory, or no name at all", "refused, and named")
@pytest.mark.parametrize("what", ["loop", "directory", "nul", "long", "file below"])
def test_paths(what: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    names = {"nul": "a\0b", "long": "x" * 300, "file below": "file/below"}
    path = tmp_path / names.get(what, what)
    assert not survived(lambda: shardfile.load(path))
    if what not in ("loop", "nul"):
        assert not survived(lambda: planfile.save(plans.worked(), path))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["directory", "file", "loop"]


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(GOOD.encode(),))
    writer.start()
    assert shardfile.load(pipe) == plans.worked()
    writer.join()
