"""The embedded server that lasts, for development: started, found again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from reconciler.cli.dev import NOT_RUNNING, dev
from reconciler.database import embedded
from reconciler.database.embedded import accounts, binaries, cluster, layout
from reconciler.database.embedded.errors import EmbeddedServerError
from tests.fixtures.embedded import ON_LINUX, ask, eventually, lives, python

pytestmark = pytest.mark.usefixtures("no_strays")


@pytest.mark.skipif(not ON_LINUX, reason="reads /proc")
def test_the_claim_of_a_dead_server_is_forgotten_but_not_that_of_a_living_one(server, tmp_path):
    claim = tmp_path / "postmaster.pid"
    text = (server.data_dir / "postmaster.pid").read_text()
    with subprocess.Popen(["true"]) as unreaped:  # A zombie as long as nobody waits for it.
        assert eventually(lambda: not lives(unreaped.pid))
        for pid in (unreaped.pid, os.getpid()):
            claim.write_text(text.replace(str(server.pid), str(pid), 1))
            cluster.forget_dead_postmaster(tmp_path)
            assert not claim.exists()
    cluster.forget_dead_postmaster(server.data_dir)
    assert (server.data_dir / "postmaster.pid").exists()


def test_a_lasting_server_outlives_its_starter_and_keeps_its_rows_and_its_url(data_dir):
    script = f"""
from pathlib import Path
from reconciler.database import embedded
print(embedded.start(Path({str(data_dir)!r})).pid)
"""
    pid = int(python(script).stdout)
    first = embedded.status(data_dir)
    assert (first.running, first.pid) == (True, pid)
    assert ask(first.dsn, "SHOW fsync") == "on"
    with psycopg.connect(first.dsn) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")

    embedded.stop(data_dir)
    assert not lives(pid)
    assert not embedded.status(data_dir).running

    second = embedded.start(data_dir)
    os.kill(second.pid, signal.SIGKILL)
    assert eventually(lambda: not embedded.status(data_dir).running)
    assert (data_dir / "data" / "postmaster.pid").exists()

    third = embedded.start(data_dir)
    assert len({pid, second.pid, third.pid}) == 3
    assert ask(first.url, "SELECT answer FROM t") == 42


def test_two_starts_at_once_find_one_server(data_dir):
    reports, servers = [], []

    def begin():
        servers.append(embedded.start(data_dir, report=reports.append))

    threads = [threading.Thread(target=begin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({server.pid for server in servers}) == 1
    assert sorted(report.split()[0] for report in reports) == ["Already", "Already", "Started"]


def test_a_path_too_long_for_a_socket_gets_a_short_one(short_directory):
    data_dir = short_directory / ("x" * 100) / "dev"
    try:
        server = embedded.start(data_dir)
        assert ask(server.dsn(), "SELECT 1") == 1
        assert not server.socket_directory.is_relative_to(data_dir)
    finally:
        embedded.stop(data_dir)
    assert not server.socket_directory.exists()
    assert not (data_dir / "socket").is_symlink()


def test_a_directory_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(EmbeddedServerError, match="something else"):
        embedded.start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_directory_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match="cannot be used"):
        embedded.start(tmp_path / "file" / "dev")


def test_what_a_killed_start_left_unfinished_is_removed(tmp_path):
    crew = accounts.Crew(binaries.find())
    first = layout.Layout.of(tmp_path).unfinished_cluster(crew)
    (first / "half").touch()
    second = layout.Layout.of(tmp_path).unfinished_cluster(crew)
    assert list(tmp_path.iterdir()) == [second]


def test_where_the_lasting_server_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RECONCILE_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "relative/paths/are/ignored")
    assert embedded.default_data_dir() == tmp_path / ".local/share/reconcile/dev"
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert embedded.default_data_dir() == Path("/xdg/reconcile/dev")
    monkeypatch.setenv("RECONCILE_HOME", "/mine")
    assert embedded.default_data_dir() == Path("/mine/dev")


def test_the_dev_commands(data_dir, monkeypatch):
    monkeypatch.setenv("RECONCILE_HOME", str(data_dir.parent))

    def run(*words: str):
        return CliRunner().invoke(dev, words, catch_exceptions=True)

    assert run("status").exit_code == NOT_RUNNING
    assert "Nothing runs" in run("stop").stderr
    assert isinstance(run("url").exception, EmbeddedServerError)

    started = run("start")
    assert started.exit_code == 0
    assert "Started" in started.stderr
    url = started.stdout.strip()
    assert ask(url, "SELECT 1") == 1
    again = run("start", "--data-dir", str(data_dir))
    assert "Already running" in again.stderr
    assert again.stdout.strip() == run("url").stdout.strip() == url
    assert run("url").stderr == ""
    assert url in run("status").stdout
    assert run("status").exit_code == 0

    stopped = run("stop")
    assert (stopped.exit_code, stopped.stdout) == (0, "")
    assert "Stopped" in stopped.stderr
    assert run("status").exit_code == NOT_RUNNING


def test_the_command_line_does_not_import_the_server():
    script = "import sys, reconciler.cli.dev; print(any('embedded' in m for m in sys.modules))"
    assert python(script).stdout == "False\n"
