"""The options that say which organisations are meant, for every command that has targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from reconciler.cli.options import option

if TYPE_CHECKING:
    from reconciler.model.selection import Selection

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    option(
        "target",
        "targets",
        multiple=True,
        metavar="ORG",
        help="An organisation, by id or slug; repeatable.",
    ),
    option(
        "targets-from",
        metavar="FILE",
        help="Organisations in a file (-: the standard input), an id or slug a line; blank lines"
        " and # comments are ignored.",
    ),
    option(
        "installed",
        is_flag=True,
        help="All that have the template installed; of those that are named, only these.",
    ),
    option(
        "where",
        metavar="CONDITION",
        help="Only those of which this holds: SQL on the organisation's own columns, as"
        " \"slug <> 'x'\". By itself: all private organisations that fit (to uninstall, or to show"
        " drift: all installations that do).",
    ),
    option(
        "exclude",
        multiple=True,
        metavar="ORG",
        help="Not this organisation, by id or slug; repeatable.",
    ),
    option(
        "all-templates",
        is_flag=True,
        help="Every template that is installed somewhere, where it is installed; instead of a"
        " template. What else is said narrows that.",
    ),
)
# The names of their values, but for --all-templates, which is more than one selection.
_NAMES: Final = ("targets", "targets_from", "installed", "where", "exclude")


def selecting(command: _Command) -> _Command:
    """The options that say which organisations are meant; the command gets them as keywords."""
    for decorator in reversed(_OPTIONS):
        command = decorator(command)
    return command


def chosen(asked: Mapping[str, Any]) -> bool:
    """Whether it is said where something is to go: to leave some out is not enough."""
    return bool(
        asked["targets"]
        or asked["targets_from"] is not None
        or asked["installed"]
        or asked["where"] is not None
        or asked["all_templates"]
    )


def selection(asked: Mapping[str, Any]) -> Selection:
    """What the options choose."""
    from reconciler.model.selection import Selection

    return Selection(**{name: asked[name] for name in _NAMES})


def rest(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The other options."""
    return {
        name: value
        for name, value in asked.items()
        if name not in _NAMES and name != "all_templates"
    }


def one_of_all(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of one of --all-templates: all of it, where that one is installed."""
    return {**asked, "installed": True, "all_templates": False}


def no_template(template: str | None) -> None:
    """Raise UsageError where --all-templates and a template contradict each other."""
    if template is not None:
        raise click.UsageError(f"--all-templates and {template} contradict each other.")
