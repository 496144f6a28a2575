"""The file of databases: every mistake is said with its place, and no password ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import shards
from reconciler.cli import main
from reconciler.errors import ReconcilerError

GOOD = "[[database]]\nname = 'eu'\ndsn = 'host=eu password=s3cret-word'\n"


def test_what_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "databases.toml"
    file.write_text(GOOD + "[[database]]\nname = 'us-2.b_c'\ndsn = 'service=us'\n")
    found = shards.load(file)
    assert [one.name for one in found.shards] == ["eu", "us-2.b_c"]
    assert "s3cret-word" not in repr(found) + str(found) + found.shards[0].model_dump_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["1 mistake", "database: is missing"]),
        ("database = []", ["database: is empty"]),
        ("database = 's3cret-word'", ["database: is a list of tables"]),
        ("[[databases]]\nname = 'x'", ["database: is missing", "databases: is not known here"]),
        ("[[database]]\nname = 'eu'", ["database 1 ('eu').dsn: is missing"]),
        ("[[database]]\ndsn = 5", ["database 1.name: is missing", "database 1.dsn: is text"]),
        (GOOD + GOOD, ["database 2: is called 'eu', as database 1 is"]),
        (GOOD.replace("'host", "['s3cret-word', 'host").replace("word'\n", "word']\n"),
         ["database 1 ('eu').dsn: is text in quotes"]),
        (GOOD + "password = 's3cret-word'", ["database 1 ('eu').password: is not known here"]),
        ("[[database]]\nname = 'eu'\ndsn = ''", ["database 1 ('eu').dsn: is empty"]),
        ("[[database]]\nname = \"a\\u001b[31m\\nPlan: b\"\ndsn = 's3cret-word'",
         ["database 1.name: is made of letters"]),
        ("[[database]\ndsn = 's3cret-word", ["is not TOML"]),
        ("[[database]]\ndsn = 's3cret-word", ["is not TOML"]),
    ],
)  # fmt: skip
def test_mistakes(
    text: str, said: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "databases.toml"
    file.write_text(text)
    assert main(["status", "--databases", str(file)]) == 1
    told = capfd.readouterr().err
    assert [one for one in said if one not in told] == []
    assert "s3cret-word" not in told
    assert "\x1b" not in told


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="cannot read"):
        shards.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ReconcilerError, match="is not TOML"):
        shards.load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:s3cret-word@127.0.0.1:1/x", "host=x.invalid password=s3cret-word",
            "s3cret-word", "postgresql://u:s3cret-word@[::1", "service=s3cret"],
)  # fmt: skip
def test_a_password_is_never_shown(
    dsn: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "databases.toml"
    file.write_text(f"[[database]]\nname = 'eu'\ndsn = '{dsn}'\n")
    for command in (["status"], ["plan", "x", "--installed", "--debug"]):
        assert main([*command, "--databases", str(file)]) == 1
        told = capfd.readouterr()
        assert "s3cret-word" not in told.out + told.err
        assert "eu" in told.out + told.err
