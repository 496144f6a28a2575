"""The options that say what to plan, and the plan that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from reconciler.cli import selecting, watching
from reconciler.cli.options import option

if TYPE_CHECKING:
    from reconciler.model.plan import Plan

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ROWS: Final = "An ADDRESS, or 'KIND.*:REASON'; repeatable."
_OPTIONS: Final = (
    option(
        "as",
        "actor",
        envvar="RECONCILE_AS",
        metavar="USER",
        help="In whose name: a user, by id or e-mail address, who is owner or admin of every"
        " target (also: RECONCILE_AS). Without it as operator.",
    ),
    option("name", metavar="NAME", help="How a newly installed agent is called."),
    option("destroy", is_flag=True, help="Uninstall: retire, or give away, what was installed."),
    option(
        "keep-rows",
        is_flag=True,
        help="With --destroy: give all rows to the tenant.",
    ),
    option(
        "mode",
        type=click.Choice(["copy", "reference"]),
        help="How to install where it is not installed yet: with rows of the target's own (copy,"
        " unless said otherwise), or by reference to public catalogs.",
    ),
    option(
        "convert",
        type=click.Choice(["copy", "reference"]),
        help="How installed targets are to have it from now on: as rows of their own, or those that"
        " nobody customised give way to the catalogs'.",
    ),
    option(
        "undo",
        type=click.IntRange(1),
        metavar="REVISION",
        help="Take back what a revision changed, in all its targets, or in those that are chosen of"
        " them; instead of a template.",
    ),
    option("prune", is_flag=True, help="Retire what the template no longer has."),
    option("show-drift", is_flag=True, help="Say all that the targets changed, by field."),
    option(
        "refresh-only",
        is_flag=True,
        help="Only say what the targets changed since it was last applied.",
    ),
    option(
        "moved",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Which rows got another name in the template: TOML, [[moved]] with from and to.",
    ),
    option(
        "adopt",
        multiple=True,
        metavar="ROWS",
        help="Take over rows of the tenant's own people; ADDRESS=keep leaves the values as they"
        f" are. {_ROWS}",
    ),
    option("skip", multiple=True, metavar="ROWS", help=f"Leave rows as they are. {_ROWS}"),
    option("take", multiple=True, metavar="ROWS", help=f"Take over another template's. {_ROWS}"),
    option(
        "restore",
        multiple=True,
        metavar="ROWS",
        help=f"Bring back what the tenant retired or deleted. {_ROWS}",
    ),
    option("release", multiple=True, metavar="ROWS", help=f"Give rows to the tenant. {_ROWS}"),
    option(
        "skip-conflicted",
        is_flag=True,
        help="Leave targets with conflicts out, each as a whole, and go on with the others.",
    ),
)


def planning(command: _Command) -> _Command:
    """The options that say what to plan; the command gets them together, as keywords."""
    for decorator in reversed(_OPTIONS):
        command = decorator(command)
    return selecting.selecting(command)


def given(asked: Mapping[str, Any]) -> list[str]:
    """Those of the options that were given on the command line, as they are written."""
    context = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    names = {"targets": "target", "actor": "as"}
    return [
        f"--{names.get(name, name).replace('_', '-')}"
        for name in asked
        if context.get_parameter_source(name) is typed
    ]


def make(database: str, template: str | None, asked: Mapping[str, Any], kinds: Path | None) -> Plan:
    """The plan that the options ask for. Raises UsageError for what makes no sense together."""
    make_sense(template, asked)
    from reconciler import library

    selection = selecting.selection(asked)
    with watching.waiting("Planning"):
        if asked["undo"] is not None:
            flags = {name: asked[name] for name in ("adopt", "skip", "release", "skip_conflicted")}
            return library.plan_undo(
                database, asked["undo"], selection, actor=asked["actor"], kinds=kinds, **flags
            )
        rest = {name: one for name, one in selecting.rest(asked).items() if name != "undo"}
        return library.plan(database, str(template), selection, kinds=kinds, **rest)


def make_sense(template: str | None, asked: Mapping[str, Any]) -> None:
    """Raise UsageError for what makes no sense together."""
    if asked["undo"] is not None:
        needless = [one for one in given(asked) if one not in ("--undo", "--as", *_TO_UNDO)]
        if template is not None or needless:
            what = ", ".join([*([template] if template else []), *needless])
            raise click.UsageError(
                f"--undo {asked['undo']} says what by itself, and takes it back where it was "
                f"applied: leave out {what}."
            )
        return
    if asked["all_templates"]:
        selecting.no_template(template)
        needless = [one for one in given(asked) if one in ("--name", "--moved")]
        if needless:
            raise click.UsageError(
                f"--all-templates plans several: leave out {', '.join(needless)}, which is of one."
            )
    elif template is None:
        raise click.UsageError(
            "Missing argument 'TEMPLATE' (or --all-templates, or --undo REVISION)."
        )
    if not selecting.chosen(asked):
        raise click.UsageError(
            "Missing option '-target' / '--target': say where, by id or slug; or --targets-from "
            "FILE, --installed or --where CONDITION."
        )
    if asked["keep_rows"] and not asked["destroy"]:
        raise click.UsageError("--keep-rows belongs to --destroy.")
    if asked["destroy"]:
        needless = [one for one in given(asked) if one in _NOT_TO_LEAVE]
        if needless:
            raise click.UsageError(
                f"--destroy takes leave of all: leave out {', '.join(needless)}."
            )


_TO_UNDO: Final = (
    "--adopt", "--skip", "--release", "--skip-conflicted",
    "--target", "--targets-from", "--where", "--exclude",
)  # fmt: skip
_NOT_TO_LEAVE: Final = (
    "--prune", "--moved", "--name", "--adopt", "--take", "--restore", "--refresh-only",
    "--show-drift", "--mode", "--convert",
)  # fmt: skip
