"""`reconcile dev`: a PostgreSQL server of one's own, to try things out on."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reconciler.database.embedded import Status

NOT_RUNNING = 3

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="PATH",
    help="Keep the server here instead of in $RECONCILE_HOME/dev, $XDG_DATA_HOME/reconcile/dev"
    " or ~/.local/share/reconcile/dev.",
)

# stdout carries the result only, so that a shell can use it.
note = partial(click.echo, err=True)


@click.group()
def dev() -> None:
    """Run a PostgreSQL server of your own, to try things out on.

    It listens on a Unix socket that only you can reach, and runs until `dev stop`.

    \b
        reconcile dev start
        export RECONCILE_DATABASE_URL=$(reconcile dev url)
    """


@dev.command()
@data_dir_option
def start(data_dir: Path | None) -> None:
    """Start the server, unless it runs already, and print its URL."""
    # Imported late, here and below: the start of the command line must stay cheap.
    from reconciler.database import embedded

    click.echo(embedded.start(data_dir or embedded.default_data_dir(), report=note).url())


@dev.command()
@data_dir_option
def stop(data_dir: Path | None) -> None:
    """Stop the server, if it runs; its databases stay."""
    from reconciler.database import embedded

    embedded.stop(data_dir or embedded.default_data_dir(), report=note)


@dev.command()
@data_dir_option
@click.pass_context
def status(context: click.Context, data_dir: Path | None) -> None:
    """Say whether the server runs: exit code 0 when it does, 3 when it does not."""
    state = _status(data_dir)
    if not state.running:
        click.echo(f"not running  {state.data_dir}")
        context.exit(NOT_RUNNING)
    click.echo(f"running      {state.data_dir}")
    click.echo(f"process      {state.pid}")
    click.echo(f"url          {state.url}")


@dev.command()
@data_dir_option
def url(data_dir: Path | None) -> None:
    """Print the server's URL and nothing else, as a value for RECONCILE_DATABASE_URL."""
    from reconciler.database.embedded import EmbeddedServerError

    state = _status(data_dir)
    if not state.running:
        where = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
        raise EmbeddedServerError(
            f"no server runs in {state.data_dir}", hint=f"Start one:  reconcile dev start{where}"
        )
    click.echo(state.url)


def _status(data_dir: Path | None) -> Status:
    from reconciler.database import embedded

    return embedded.status(data_dir or embedded.default_data_dir())
