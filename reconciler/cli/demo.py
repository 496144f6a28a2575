"""`reconcile demo`: the whole story, on a server of its own."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

_DATABASE = "reconcile_demo"
_VARIABLE = "RECONCILE_DATABASE_URL"


@click.command()
@click.option(
    "-keep",
    "--keep",
    is_flag=True,
    help="Play it on the `reconcile dev` server, and leave database and plan files there.",
)
def demo(keep: bool) -> None:
    """Watch a template being planned, refused, applied, changed and re-synced."""
    from reconciler.database import embedded

    if not keep:
        with (
            embedded.temporary() as server,
            tempfile.TemporaryDirectory(prefix="reconcile-demo-") as scratch,
        ):
            _play(server.create_database(_DATABASE), Path(scratch))
        click.echo("\nTo play on with it yourself:  reconcile demo --keep")
        return
    server = embedded.start(embedded.default_data_dir())
    server.drop_database(_DATABASE)
    dsn = server.create_database(_DATABASE)
    directory = Path("reconcile-demo")
    directory.mkdir(exist_ok=True)
    _play(dsn, directory)
    url = shlex.quote(server.url(_DATABASE))
    click.echo(
        f"\nThe plan files are in {directory}/, and the database goes on running:\n"
        f"  cd {directory} && export {_VARIABLE}={url}\n"
        "  reconcile dev stop      ends it"
    )


def _play(dsn: str, directory: Path) -> None:
    from reconciler.cli import main
    from reconciler.demo import create, fill, play

    click.echo("A PostgreSQL of its own is running, with a template and two tenants.\n")
    create(dsn)

    def run(words: Sequence[str]) -> int:
        sys.stdout.flush()
        code = main(list(words), nested=True)
        sys.stdout.flush()
        sys.stderr.flush()
        return code

    with _environment(dsn, directory):
        click.echo("$ reconcile init")
        run(["init"])
        fill(dsn)
        play(dsn, run, click.echo)


@contextmanager
def _environment(dsn: str, directory: Path) -> Iterator[None]:
    """The database and the directory that the story's commands are typed in."""
    before, here = os.environ.get(_VARIABLE), Path.cwd()
    os.environ[_VARIABLE] = dsn
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(here)
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
