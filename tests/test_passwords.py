"""The passwords of connection strings, which nobody is told, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler import library, planfile
from reconciler.cli import main
from reconciler.errors import ReconcilerError
from tests.fixtures import plans
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

PASSWORD = "hush-7f3a9c"


def wrong_places(dsn: str) -> dict[str, str]:
    """Connection strings that lead nowhere, each with the password in it."""
    there = conninfo_to_dict(dsn)
    host, port, database = there["host"], there["port"], there["dbname"]
    at = f"host={quote(str(host), safe='')}&port={port}"
    return {
        "nobody listens": f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/{database}",
        "no such host": f"host=nowhere.invalid password={PASSWORD} user=postgres",
        "no such database": f"postgresql://postgres:{PASSWORD}@/none?{at}",
        "no such role": f"host={host} port={port} user=no PASSWORD = '{PASSWORD}'",
        "no such option": f"host={host} port={port} password={PASSWORD} nonsense=1",
        "a port that is none": f"postgresql://postgres:{PASSWORD}@localhost:abc/{database}",
        "an @ in it": f"postgresql://postgres:x@y:{PASSWORD}@127.0.0.1:1/{database}",
        "words without =": f"password={PASSWORD} and more",
        "an open quote": f"password='{PASSWORD}",
        "a bad setting": f"postgresql:///{database}?{at}&user=postgres&password={PASSWORD}"
        "&options=-c%20work_mem%3Dno",
    }


@pytest.mark.shows("connection strings that lead nowhere", "their passwords are in no message")
def test_passwords_of_connection_strings_are_never_said(
    shared_world: World,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variants: Variants,
) -> None:
    plan = tmp_path / "a.plan.json"
    planfile.save(plans.plan([plans.update()]), plan)
    databases = tmp_path / "databases.toml"
    commands = (
        ("plan", "personal-finance", "--target", "acme", "-json"),
        ("apply", str(plan)),
        ("fleet", "worker", "--until-empty"),
        ("history",),
    )

    def silent(*words: str, failing: bool = True) -> None:
        assert (main(["--debug", *words]) != 0) == failing
        said = "".join(capfd.readouterr())
        assert PASSWORD not in said, (words, said)
        assert said
        variants.add()

    for dsn in wrong_places(shared_world.dsn).values():
        for words in commands[: depth(2, len(commands))]:
            silent(*words, "--database-url", dsn)
        databases.write_text(f'[[database]]\nname = "eu"\ndsn = """{dsn}"""\n')
        silent("plan", "personal-finance", "--target", "acme", "--databases", str(databases))
        silent("status", "--databases", str(databases))
        # As a library, too, which knows nothing of the command line.
        with pytest.raises(ReconcilerError) as caught:
            library.history(dsn)
        assert PASSWORD not in str(caught.value)
        monkeypatch.setenv("DATABASE_URL", dsn)
        silent("history")
        monkeypatch.delenv("DATABASE_URL")
    # Where it leads somewhere, and from the places that libpq itself knows.
    secrets = tmp_path / "passwords"
    secrets.write_text(f"*:*:*:*:{PASSWORD}\n")
    secrets.chmod(0o600)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    for dsn in (
        make_conninfo(shared_world.dsn, password=PASSWORD),
        make_conninfo(shared_world.dsn, passfile=str(secrets)),
        make_conninfo(shared_world.dsn, options=f"-c my.secret={PASSWORD}"),
        shared_world.dsn,
    ):
        for words in (("history",), ("status", "-json")):
            silent(*words, "--database-url", dsn, failing=False)
        silent("apply", str(plan), "--database-url", dsn)
    written = "\n".join(
        row
        for table in ("setting", "revision", "target")
        for (row,) in shared_world.sql(f"SELECT t::text FROM reconcile.{table} t")
    )
    assert PASSWORD not in written


@pytest.fixture
def locked(shared_world: World) -> Iterator[str]:
    """A connection string with a wrong password, where one is asked for."""
    ((file,),) = shared_world.sql("SHOW hba_file")
    hba, role = Path(file), f"locked_{uuid4().hex[:8]}"
    if not hba.is_file():
        pytest.skip("only the embedded server's own settings are changed")
    before = hba.read_text()
    shared_world.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'another'")
    hba.write_text(f"local all {role} scram-sha-256\n{before}")
    shared_world.sql("SELECT pg_reload_conf()")
    yield make_conninfo(shared_world.dsn, user=role, password=PASSWORD)
    hba.write_text(before)
    shared_world.sql("SELECT pg_reload_conf()")
    shared_world.sql(f"DROP ROLE {role}")


def test_a_wrong_password_is_not_said(locked: str, capfd: pytest.CaptureFixture[str]) -> None:
    for words in (("history",), ("plan", "pf", "--target", "acme", "-json")):
        while main(["--debug", *words, "--database-url", locked]) == 0:
            capfd.readouterr()  # The server has not read its settings again yet.
        said = "".join(capfd.readouterr())
        assert PASSWORD not in said
        assert "cannot connect" in said
