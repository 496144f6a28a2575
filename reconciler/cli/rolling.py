"""The options that say how fast a plan is rolled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from reconciler.cli import options
from reconciler.cli.session import Session
from reconciler.errors import ReconcilerError
from reconciler.progress import Listener

if TYPE_CHECKING:
    from reconciler.model.event import Event

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A number of targets, or a part of them; click's signature."""
    if value is not None:
        from reconciler.rollout.pace import Size

        try:
            Size.of(value)
        except ReconcilerError as error:
            raise click.BadParameter(
                f"{error.message}. {error.hint}", context, parameter
            ) from error
    return value


_OPTIONS: Final = (
    options.option(
        "wave",
        callback=_size,
        metavar="N|P%",
        help="Apply in waves of N targets, or of P% of them, a transaction each; 100%: all in one."
        " Without it all in one, up to a million rows.",
    ),
    options.option(
        "canary",
        callback=_size,
        metavar="N|P%",
        help="A first wave of so many targets, before the others.",
    ),
    options.option(
        "max-failures",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="How many targets may be refused (stale, locked, not authorised), and are left out,"
        " before it stops.",
    ),
    options.option(
        "pause",
        default="0s",
        callback=options.duration,
        metavar="TIME",
        help=f"How long to wait between two waves, {options.TIME}.",
    ),
)
NAMES: Final = ("wave", "canary", "max_failures", "pause")


def rolling(command: _Command) -> _Command:
    """The options; the command gets them as keywords, among what else it is asked."""
    for decorator in reversed(_OPTIONS):
        command = decorator(command)
    return command


def pace(asked: dict[str, Any]) -> dict[str, Any]:
    """Take these options out of what was asked. Raises UsageError for what makes no sense."""
    found = {name: asked.pop(name) for name in NAMES}
    context = click.get_current_context()
    paused = context.get_parameter_source("pause") is click.core.ParameterSource.COMMANDLINE
    if paused and not (found["wave"] or found["canary"]):
        raise click.UsageError("--pause belongs to --wave or --canary.")
    return found


def staying(session: Session, again: str, pace: Mapping[str, Any]) -> Listener:
    """Remember what stays applied, however the run ends; `again` is the command that applies the
    plan, and so goes on, at this pace.
    """
    from reconciler.rollout.pace import Pace

    on = " ".join([again, *Pace.of(**pace).words()])

    def hear(event: Event) -> None:
        if event.event != "wave_applied":
            return
        done, total = event.targets_done, event.targets_total
        waves = "1 wave stays" if event.wave == 1 else f"{event.wave} waves stay"
        session.done = (
            "The plan is applied."
            if done == total
            else f"{waves} applied: {done} of {total} targets; nothing of another one was written. "
            f"Go on with: {on}"
        )

    return hear
