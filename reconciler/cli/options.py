"""Options that several commands share, and the spelling of all of them: `-out` and `--out`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from reconciler.cli.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

# Terraform knows -help, everybody else --help.
HELP: Final = {"help_option_names": ["--help", "-help", "-h"], "max_content_width": 100}
FORMATS: Final = ("text", "markdown", "json", "sql")


class Flag(click.Option):
    """An option with one dash or two; the help shows the usual two."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option's line in the help."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        return re.sub(r"(?<!\S)-[\w-]+, (?=--)", "", record[0]), record[1]


def option(name: str, *more: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option that can be written `-name` and `--name`."""
    return click.option(f"-{name}", f"--{name}", *more, cls=Flag, **attributes)


def _debug(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        context.ensure_object(Session).debug = True


def _no_color(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        context.ensure_object(Session).color = False


debug = option(
    "debug",
    is_flag=True,
    expose_value=False,
    callback=_debug,
    help="Show a traceback with an error (also: RECONCILE_DEBUG=1).",
)
no_color = option(
    "no-color",
    is_flag=True,
    expose_value=False,
    callback=_no_color,
    help="No colours (also: NO_COLOR=1; never where the output is no terminal).",
)
database_url = option(
    "database-url",
    "database",
    envvar=["RECONCILE_DATABASE_URL", "DATABASE_URL"],
    default="",
    metavar="URL",
    help="The database; without it RECONCILE_DATABASE_URL, DATABASE_URL, or libpq's own PG*"
    " variables, services and password file.",
)
databases = option(
    "databases",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of one database several, over which the targets are spread: TOML, [[database]]"
    " with name and dsn.",
)
kinds = option(
    "kinds",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Kind files of your own, beside the built-in ones.",
)
verbose = option("verbose", is_flag=True, help="Every value in full, and every row left alone.")
as_json = option("json", "as_json", is_flag=True, help="The same as --format json.")
format_ = option(
    "format",
    "format_",
    type=click.Choice(FORMATS),
    help="How to show the plan (default: text).",
)
asking = option(
    "input",
    "asking",
    type=bool,
    default=True,
    metavar="true|false",
    help="Whether questions may be asked.",
)


# What a time looks like, for the help of options that take one.
TIME: Final = "as 500ms, 10s, 2min, 24h or 7d"


def duration(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A time as PostgreSQL's settings have it; click's signature."""
    if not re.fullmatch(r"[0-9]+ ?(ms|s|min|h|d)", value):
        raise click.BadParameter(f"{value!r} is no time: write it {TIME}.", context, parameter)
    return value


lock_timeout = option(
    "lock-timeout",
    default="10s",
    show_default=True,
    callback=duration,
    metavar="TIME",
    help=f"How long to wait for another writer, {TIME}.",
)


def format_of(format_: str | None, as_json: bool) -> str:
    """The format that was asked for in one of two ways."""
    if as_json and format_ not in (None, "json"):
        raise click.UsageError(f"-json and --format {format_} contradict each other.")
    return "json" if as_json else format_ or "text"
