"""Kind files, declared renames, lists of databases and of organisations, damaged in every way."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest

from reconciler import kinds, moved, shard_list, target_list
from reconciler.errors import ReconcilerError
from tests.fixtures.shown import Variants
from tests.fuzz.tries import dice, mutated, survived, tries
from tests.kinds.test_load import CHILD, GOOD

BUILT_IN = [
    one.read_text() for one in files("reconciler.kinds").iterdir() if one.name.endswith(".toml")
]
MOVED = """
[[moved]]
from = "entity_type.a"
to = "entity_type.b"
[[moved]]
from = "relationship_rule.a/b/c"
to = "relationship_rule.a/b/d"
"""
DATABASES = """
[[database]]
name = "eu"
dsn = "service=tenants_eu"
[[database]]
name = "us"
dsn = "postgresql://ana:hunter22@host/db"
"""
TARGETS = "acme\n# a comment\n\norg_birch\n  caf\u00e9  \n"
OTHER = ("[1]", "{}", "{ a = 1 }", '""', '"x\\ny"', "1e400", "nan", "true", "1979-05-27", "[[1]]",
         f'"{"x" * 64}"', '"\\u202e"', "[{}]", "9" * 5000, "{ x = { y = [] } }")  # fmt: skip

SUBJECTS: dict[str, tuple[list[str], Callable[[Path], object]]] = {
    "kind": ([*BUILT_IN, GOOD, CHILD], lambda path: kinds.load(path.parent)),
    "moved": ([MOVED], lambda path: moved.load(path, kinds.load())),
    "databases": ([DATABASES], shard_list.load),
    "targets": ([TARGETS], lambda path: target_list.load(str(path))),
}
SUBJECT = pytest.mark.parametrize("subject", SUBJECTS)


def other_value(chance: Random, text: str) -> str:
    """One value of the file, of another type."""
    lines = text.split("\n")
    number = chance.randrange(len(lines))
    name, equals, _ = lines[number].partition("=")
    if equals:
        lines[number] = f"{name}= {chance.choice(OTHER)}"
    return "\n".join(lines)


@pytest.mark.shows(
    "a kind file, a list of renames, databases or organisations with anything in it",
    "read, or every mistake said; no password shown",
)
@SUBJECT
def test_content(subject: str, tmp_path: Path, variants: Variants) -> None:
    texts, read = SUBJECTS[subject]
    chance = dice(f"toml {subject}")
    path = tmp_path / "x.toml"
    for _ in range(tries(20 if subject == "kind" else 60, 1000)):
        text = chance.choice(texts)
        text = other_value(chance, text) if chance.random() < 0.5 else mutated(chance, text)
        path.write_bytes(text.encode(errors="surrogatepass"))
        variants.add()
        assert survived(lambda: read(path)) in (True, False)
        if "hunter22" in text:
            assert "hunter22" not in said(read, path)


def said(read: Callable[[Path], object], path: Path) -> str:
    try:
        return repr(read(path))
    except ReconcilerError as error:
        return str(error)


STRANGE = {
    "deep": b"x = " + b"[" * 100_000,
    "deep and closed": b"x = " + b"[" * 100_000 + b"]" * 100_000,
    "deep tables": b"x = " + b"{ a = " * 500 + b"1" + b" }" * 500,
    "a dotted key": b".".join([b"a"] * 500) + b" = 1",
    "many tables": b"[[a]]\n" * 10_000,
    "many digits": b"x = " + b"9" * 100_000,
    "no date": b"x = 9999-99-99",
    "10 MB of zeros": b"\0" * 10_000_000,
    "UTF-16": DATABASES.encode("utf-16"),
    "Latin-1": 'x = "caf\u00e9"'.encode("latin-1"),
    "half a character": b'x = "\xed\xa0\x80"',
    "lines that feign": b'"a\\nError: feigned" = 1\n[columns."b\\n  fine"]\nowner = "c\\nd"',
}


@pytest.mark.shows("a TOML file that is huge, deep, or in another encoding", "refused, in bounds")
@pytest.mark.parametrize("what", STRANGE)
def test_strange_files(what: str, tmp_path: Path, variants: Variants) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(STRANGE[what])
    for subject in ("kind", "moved", "databases"):
        variants.add()
        read = SUBJECTS[subject][1]
        assert not survived(lambda read=read: read(path)), subject
        assert "\nError: feigned" not in said(read, path)


@SUBJECT
@pytest.mark.parametrize("what", ["loop", "directory", "missing"])
def test_paths(subject: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    if what == "loop":
        path.symlink_to("x.toml")
    if what == "directory":
        path.mkdir()
    assert not survived(lambda: SUBJECTS[subject][1](path))
