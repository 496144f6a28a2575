"""How a run fails: what is said on stderr, and with which exit code it ends."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote

import click

from reconciler.cli import streams
from reconciler.cli.session import Session
from reconciler.errors import Exit, ReconcilerError
from reconciler.render import escape

# Greedy up to the last @, because a password that should have been percent-encoded has some.
_IN_URL: Final = re.compile(r"(?P<kept>://[^:/@\s]*:)(?P<secret>\S+)(?=@)")
_IN_CONNINFO: Final = re.compile(
    r"(?P<kept>\b(?:pg|ssl)?password\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE
)
_PASSWORD_VARIABLES: Final = ("PGPASSWORD", "RECONCILE_DATABASE_URL", "DATABASE_URL")
# A shorter secret would be found inside ordinary words, and so betrayed instead of hidden.
_SHORTEST_SECRET: Final = 4


def usage(error: click.ClickException) -> Exit:
    """A command line that makes no sense. click would end with 2, which means changes here."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        streams.note(error.format_message() + "\n")
        return Exit.ERROR
    lines = []
    if context is not None:
        lines += [context.get_usage(), f"Try '{context.command_path} --help' for help.", ""]
    lines.append(f"Error: {error.format_message()}")
    streams.note(escape.lines("\n".join(lines)) + "\n")
    return Exit.ERROR


def expected(error: ReconcilerError, session: Session, arguments: Sequence[str]) -> Exit:
    """An error raised on purpose: what happened, and what to do next."""
    _say(error.message, error.hint, error, session, arguments)
    return error.exit_code if session.own_codes else Exit.ERROR


def unexpected(error: Exception, session: Session, arguments: Sequence[str]) -> Exit:
    """A defect."""
    hint = "" if session.debug else "Run it again with --debug to see where, and report it."
    _say(f"unexpected {type(error).__name__}: {error}", hint, error, session, arguments)
    return Exit.ERROR


def interrupted(session: Session) -> Exit:
    """Ctrl-C. Not 130: nobody who scripts this needs one more code than the documented ones."""
    streams.note(f"\nInterrupted. {session.interrupted}".rstrip() + "\n")
    return Exit.ERROR


def redacted(text: str, known: Iterable[str] = ()) -> str:
    """The text without the passwords of connection strings, nor those that `known` texts hold."""
    for secret in sorted(_secrets(known), key=len, reverse=True):
        text = text.replace(secret, "***")
    for pattern in (_IN_URL, _IN_CONNINFO):
        text = pattern.sub(r"\g<kept>***", text)
    return text


def _say(
    message: str, hint: str, error: Exception, session: Session, arguments: Sequence[str]
) -> None:
    known = [*arguments, *map(session.environment.get, _PASSWORD_VARIABLES)]
    first, *rest = message.split("\n")
    lines = [first, *(_indented(line) for line in rest)]
    lines += [_indented(line) for line in hint.split("\n") if hint]
    text = escape.lines(redacted("\n".join(lines), filter(None, known)))
    if session.debug:
        trace = "".join(traceback.format_exception(error))
        streams.note(escape.lines(redacted(trace, filter(None, known))))
    red, plain = ("\x1b[31m", "\x1b[0m") if streams.colored(sys.stderr, session) else ("", "")
    streams.note(f"{red}Error:{plain} {text}\n")


def _indented(line: str) -> str:
    return line if line.startswith("  ") or not line else f"  {line}"


def _secrets(known: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in known:
        matches = [match for pattern in (_IN_URL, _IN_CONNINFO) for match in pattern.finditer(text)]
        secrets = [match["secret"].strip("'") for match in matches]
        # PGPASSWORD holds nothing else.
        secrets = secrets if "=" in text or "://" in text else [text]
        found.update(secrets, map(unquote, secrets))
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}
