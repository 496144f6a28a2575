"""The command line: one file a command, and nothing imported before it is needed.

stdout carries the result only; what fails is said on stderr, with the exit codes of
`reconciler.errors.Exit`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from reconciler.cli import ending, failures, options, streams
from reconciler.cli.session import Session
from reconciler.errors import Exit, ReconcilerError
from reconciler.version import __version__

_HELP: Final = """Plan and apply, as Terraform does, for the rows that make up a tenant's schema.

Every option can be written with one dash or two: -out=FILE, --out FILE.
"""

# What each command is for stands here as well, so that --help need not import them all.
COMMANDS: Final = {
    "init": ("reconciler.cli.init:init", "Install the tracking columns and the ledger."),
    "grants": ("reconciler.cli.grants:grants", "Print the rights that a database role needs."),
    "plan": ("reconciler.cli.plan:plan", "Show what would change, and save it as a plan."),
    "show": ("reconciler.cli.show:show", "Show a plan, saved or applied, in any format."),
    "approve": ("reconciler.cli.approve:approve", "Sign a saved plan: it may be applied."),
    "apply": ("reconciler.cli.apply:apply", "Apply a saved plan, or plan, ask and apply."),
    "fleet": ("reconciler.cli.fleet:fleet", "Have plans applied by workers on many machines."),
    "history": ("reconciler.cli.history:history", "List what was applied, when and by whom."),
    "status": ("reconciler.cli.status:status", "Say how far installations are."),
    "why": ("reconciler.cli.why:why", "Say whose a row is, and why it is as it is."),
    "vocabulary": (
        "reconciler.cli.vocabulary:vocabulary",
        "Say what each slug means, and where it is from.",
    ),
    "advise": ("reconciler.cli.advise:advise", "Say what having it by reference would save."),
    "kinds": ("reconciler.cli.kinds:kinds", "List the tables whose rows are managed."),
    "dev": ("reconciler.cli.dev:dev", "Run a PostgreSQL server to try things out on."),
    "demo": ("reconciler.cli.demo:demo", "Watch the whole story on a server of its own."),
}


class _Commands(click.Group):
    """A group that imports a command when it is called; the signatures are click's."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would answer an interruption with an empty line on stderr."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if streams.as_events():
                raise click.Abort from None
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All commands, in the order in which they are needed."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """The list of commands in the help, without importing one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])


@click.group(cls=_Commands, help=_HELP, context_settings=options.HELP)
@click.version_option(__version__, "--version", "-version", "-V", prog_name="reconcile")
@options.debug
def reconcile() -> None:
    """Open the run; everything happens in the commands."""


def main(arguments: Sequence[str] | None = None, *, nested: bool = False) -> int:
    """Run the command line; the return value is the exit code.

    `nested` is for a command that runs others: an interruption then ends that command, too.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    session = Session()
    streams.prepare(events=_events(given))
    with ending.as_interrupts():
        try:
            _refuse_bytes(given)
            code = reconcile.main(given, "reconcile", standalone_mode=False, obj=session)
            return code if isinstance(code, int) else Exit.DONE
        except click.ClickException as error:
            return failures.usage(error)
        except (click.Abort, KeyboardInterrupt):
            if nested:
                raise
            return failures.interrupted(session)
        except ReconcilerError as error:
            return failures.expected(error, session, given)
        except Exception as error:
            return failures.unexpected(error, session, given)


def _refuse_bytes(given: Sequence[str]) -> None:
    """Raise UsageError for an argument that is no text: no database and no plan could hold it."""
    for word in given:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(f"{word!a} is not text in UTF-8.") from error
        if "\0" in word:
            raise click.UsageError(f"{word!a} has a NUL, which no text and no file's name has.")


def _events(given: Sequence[str]) -> bool:
    """Whether stderr is to get events; it is asked before the command line is understood, since
    a mistake in it is an event then, too.
    """
    words = [word for word in given if not word.startswith("-")]
    long = words[:1] in (["plan"], ["apply"]) or words[:2] == ["fleet", "worker"]
    return long and not {"-json", "--json"}.isdisjoint(given)
