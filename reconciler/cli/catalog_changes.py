"""`reconcile plan --catalog-change`: what a change of a public catalog would do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from reconciler.cli import streams, watching
from reconciler.cli.options import option
from reconciler.cli.session import Session
from reconciler.errors import Exit

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    option(
        "catalog-change",
        metavar="FILE|ORG",
        help="Instead of a template: a public catalog's vocabulary as it is to be, in a file or in"
        " an organisation; shows whose rows would no longer be valid.",
    ),
    option(
        "catalog",
        metavar="ORG",
        help="With --catalog-change ORG: the catalog that it is for, by id or slug.",
    ),
)
_TOGETHER: Final = frozenset(
    {
        "catalog_change", "catalog", "format_", "as_json", "verbose", "detailed_exitcode",
        "database", "asking", "no_color", "debug",
    }
)  # fmt: skip


def options(command: _Command) -> _Command:
    """The options that ask for it."""
    for decorator in reversed(_OPTIONS):
        command = decorator(command)
    return command


def plan(
    session: Session,
    database: str,
    change: str | None,
    catalog: str | None,
    *,
    format_: str,
    verbose: bool,
    detailed: bool,
) -> Exit:
    """Show what the change would do. Raises UsageError for what makes no sense beside it."""
    if change is None:
        raise click.UsageError("--catalog belongs to --catalog-change.")
    needless = _needless()
    if needless:
        raise click.UsageError(
            f"--catalog-change says what by itself, and only shows it: leave out "
            f"{', '.join(needless)}."
        )
    if format_ == "sql":
        raise click.UsageError("--catalog-change has no statements: choose another --format.")
    from reconciler import library
    from reconciler.model.impact import exit_code

    with watching.waiting("Looking"):
        found = library.catalog_change(database, change, catalog=catalog)
    code = exit_code(found, detailed=detailed)
    if format_ == "json":
        from reconciler.model.canonical import pretty

        told = found.model_copy(update={"exit_code": int(code)})
        streams.result(pretty(told.model_dump()) + "\n", exact=True)
        return code
    from reconciler.render import impact

    streams.result(
        impact.markdown(found, verbose=verbose)
        if format_ == "markdown"
        else impact.text(
            found,
            color=streams.colored(sys.stdout, session),
            width=streams.width(sys.stdout),
            verbose=verbose,
        )
    )
    return code


def _needless() -> list[str]:
    context = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return [
        str(one.name).upper() if isinstance(one, click.Argument) else one.opts[-1]
        for one in context.command.params
        if one.name not in _TOGETHER and context.get_parameter_source(str(one.name)) is typed
    ]
