"""The command line and what surrounds it: arguments, variables, terminals, odd servers."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler import library
from reconciler.cli import COMMANDS, main
from reconciler.database.embedded import Server
from reconciler.demo.seed import create_tables, seed
from reconciler.errors import Exit
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import TEMPLATE, World
from tests.fuzz.test_fuzz_template_rows import RAW, types_of
from tests.fuzz.tries import BREAKING, dice, patience, tries

ROOT = Path(__file__).resolve().parents[2]
# What opens a server, asks, or runs until it is stopped, is not for a fuzzer.
CALLED = [name for name in COMMANDS if name not in ("dev", "demo", "fleet", "init")]
FLAGS = (
    "--target", "--as", "--name", "--adopt", "--skip", "--take", "--restore", "--release",
    "--where", "--exclude", "--installed", "--targets-from", "--databases", "--moved", "--kinds",
    "--format", "--json", "--undo", "--destroy", "--prune", "--limit", "--wave", "--canary",
    "--pause", "--lock-timeout", "--input", "--verbose", "-detailed-exitcode", "--refresh-only",
)  # fmt: skip
WORDS = (
    *BREAKING, TEMPLATE, "acme", "birch", "user_ana", "entity_type.account", "x\udcff", "", "-",
    "entity_type.*:user_authored", "entity_type." + "*a" * 40 + ":user_authored", "10%", "-1",
    "9" * 30, "1s", "/dev/null", "/", "false", "json", "sql", "slug = 'birch'", "x" * 5000,
)  # fmt: skip


@pytest.mark.shows(
    "arguments of any kind, halves of characters too", "an exit code of the table, no raw character"
)
def test_arguments(
    birch: World,
    variants: Variants,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", birch.dsn)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    chance = dice("arguments")
    before = birch.dump()
    for _ in range(tries(40, 1000)):
        words = [chance.choice(CALLED)]
        for _ in range(chance.randint(0, 6)):
            words.append(chance.choice(FLAGS if chance.random() < 0.5 else WORDS))
        if "-" in words:
            continue
        variants.add()
        with patience(60):
            code = main(words)
        out, err = capsys.readouterr()
        assert code in set(Exit), words
        assert "Error: unexpected" not in err, (words, err)
        assert not any(RAW.search(line) for line in (out + err).splitlines()), (words, out, err)
        assert code != Exit.ERROR or err, words
    assert birch.dump() == before


ODD = {
    "standard_conforming_strings": "off", "DateStyle": "German", "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu", "quote_all_identifiers": "on", "extra_float_digits": "-15",
    "bytea_output": "escape", "transform_null_equals": "on", "array_nulls": "off",
    "search_path": "pg_temp, evil", "default_transaction_read_only": "on", "jit_above_cost": "0",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
    "client_min_messages": "debug1", "client_encoding": "LATIN1", "lc_messages": "C",
    "plan_cache_mode": "force_generic_plan", "xmlbinary": "hex", "backslash_quote": "off",
}  # fmt: skip


@pytest.mark.shows(
    "a database whose settings for its sessions are odd", "what is applied is to the letter"
)
def test_settings(birch: World, variants: Variants) -> None:
    birch.insert(
        "entity_types",
        slug="caf\u00e9 \u20ac",
        name="\\' \U0001f642",
        organization_id="org_public_finance",
        metadata_schema={"d": 0.1},
    )
    name = conninfo_to_dict(birch.dsn)["dbname"]
    for setting, value in ODD.items():
        variants.add()
        birch.sql(f"ALTER DATABASE {name} SET {setting} TO '{value}'")
    bare = {
        key: value
        for key, value in conninfo_to_dict(birch.dsn).items()
        if key in ("host", "port", "user", "dbname")
    }
    dsn = make_conninfo(**bare)
    plan = library.plan(dsn, TEMPLATE, ["birch"], actor="user_ana")
    assert plan.plan_id == birch.plan("birch").plan_id
    library.apply(dsn, plan)
    assert types_of(birch, "org_birch") == types_of(birch, "org_public_finance")
    assert library.plan(dsn, TEMPLATE, ["birch"], actor="user_ana").empty


@pytest.mark.shows(
    "a database that is not in UTF-8", "to the letter, or an error that says which encoding"
)
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"][: depth(0, 2)])
def test_encodings(server: Server, encoding: str) -> None:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE odd ENCODING '{encoding}' TEMPLATE template0 LOCALE_PROVIDER libc "
            "LOCALE 'C'"
        )
    dsn = server.dsn("odd")
    try:
        with psycopg.connect(dsn, autocommit=True, client_encoding="utf8") as connection:
            create_tables(connection)
            library.init(connection)
            seed(connection)
            world = World(dsn, connection)
            home = "org_public_finance"
            world.insert("entity_types", slug="caf\u00e9", name="\u00fc", organization_id=home)
            world.install("birch", skip=[])
            assert types_of(world, "org_birch") == types_of(world, home)
            assert world.plan("birch").empty
    finally:
        server.drop_database("odd")


SURROUNDINGS = (
    {"COLUMNS": "0"}, {"COLUMNS": "-5"}, {"COLUMNS": "9" * 20}, {"LC_ALL": "xx_YY.bogus"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"}, {"TERM": "\x1b"}, {"PGAPPNAME": "\x1b[2J"}, {"PGTZ": "x"},
    {"PGSERVICE": "x"}, {"PGPASSFILE": "/dev/zero"}, {"PGCLIENTENCODING": "nonsense"},
    {"PGOPTIONS": "-c no.such -c nonsense"}, {"DATABASE_URL": "\x1b[2J"}, {"RECONCILE_AS": "\x1b"},
    {"DATABASE_URL": "postgresql://nowhere.invalid/x"}, {"DATABASE_URL": "host=\x1b[2Jx"},
    {"HOME": "/nonexistent"}, {"TZ": "Nowhere/x"}, {"PYTHONWARNINGS": "error"},
)  # fmt: skip


@pytest.mark.shows(
    "variables of libpq, Python or the terminal that make no sense",
    "ignored or an error; no traceback, no raw character",
)
def test_surroundings(birch: World, variants: Variants) -> None:
    for extra in SURROUNDINGS[:: depth(9, 1)]:
        variants.add()
        run = subprocess.run(
            [sys.executable, "-c", "import sys; from reconciler.cli import main; sys.exit(main())",
             "status", TEMPLATE],
            env=os.environ | {"PYTHONPATH": str(ROOT), "DATABASE_URL": birch.dsn} | extra,
            capture_output=True,
            timeout=60,
            check=False,
        )  # fmt: skip
        said = (run.stdout + run.stderr).decode(errors="replace")
        assert run.returncode in (Exit.DONE, Exit.ERROR), (extra, said)
        assert "Traceback" not in said, (extra, said)
        assert "Error: unexpected" not in said, (extra, said)
        assert not any(RAW.search(line) for line in said.splitlines()), (extra, said)
