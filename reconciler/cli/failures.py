"""How a run fails: what is said on stderr, and with which exit code it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click

from reconciler.cli import streams
from reconciler.cli.session import Session
from reconciler.errors import Exit, ReconcilerError
from reconciler.redaction import redacted, secrets_in
from reconciler.render import escape

_URL_VARIABLES: Final = ("RECONCILE_DATABASE_URL", "DATABASE_URL")
# A shorter secret would be found inside ordinary words, and so betrayed instead of hidden.
_SHORTEST_SECRET: Final = 4


def usage(error: click.ClickException) -> Exit:
    """A command line that makes no sense. click would end with 2, which means changes here."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        streams.note(error.format_message() + "\n")
        return Exit.ERROR
    # click lists choices in lines that begin with tabs, which would be shown as what they are.
    message = error.format_message().replace("\n\t", "\n  ")
    lines = []
    if context is not None:
        lines += [context.get_usage(), f"Try '{context.command_path} --help' for help.", ""]
    lines.append(f"Error: {message}")
    if streams.as_events():
        _event(redacted(message), "", Exit.ERROR)
    else:
        streams.note(escape.lines(redacted("\n".join(lines))) + "\n")
    return Exit.ERROR


def expected(error: ReconcilerError, session: Session, arguments: Sequence[str]) -> Exit:
    """An error raised on purpose: what happened, and what to do next."""
    code = error.exit_code if session.own_codes else Exit.ERROR
    _say(error.message, error.hint, code, error, session, arguments)
    return code


def unexpected(error: Exception, session: Session, arguments: Sequence[str]) -> Exit:
    """A defect."""
    hint = "" if session.debug else "Run it again with --debug to see where, and report it."
    what = f"unexpected {type(error).__name__}: {error}"
    _say(what, hint, Exit.ERROR, error, session, arguments)
    return Exit.ERROR


def interrupted(session: Session) -> Exit:
    """Ctrl-C. Not 130: nobody who scripts this needs one more code than the documented ones."""
    state = session.done or ("Nothing was written." if session.untouched else "")
    if streams.as_events():
        _event("Interrupted.", state, Exit.ERROR)
    else:
        streams.note(f"Interrupted. {state}".rstrip() + "\n")
    return Exit.ERROR


def passwords(arguments: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    """The passwords that this run was given: libpq may quote a part of them in a message."""
    from urllib.parse import unquote

    found = {environment.get("PGPASSWORD", "")}
    for text in (*arguments, *(environment.get(name, "") for name in _URL_VARIABLES)):
        for secret in secrets_in(text):
            # A password that is also the user's or the database's name cannot be hidden.
            if text.count(secret) == 1:
                found |= {secret, unquote(secret)}
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def secrets_of(session: Session, arguments: Sequence[str] = ()) -> set[str]:
    """The passwords that this run knows of."""
    return passwords((*arguments, *session.conninfos), os.environ)


def _say(
    message: str,
    hint: str,
    code: Exit,
    error: Exception,
    session: Session,
    arguments: Sequence[str],
) -> None:
    secrets = secrets_of(session, arguments)
    if session.debug:
        import traceback

        trace = "".join(traceback.format_exception(error))
        streams.note(escape.lines(redacted(trace, secrets)))
    if streams.as_events():
        rest = "\n".join(line for line in (hint, session.done) if line)
        _event(redacted(message, secrets), redacted(rest, secrets), code)
        return
    first, *rest_of_it = message.split("\n")
    lines = [first, *(_indented(line) for line in rest_of_it)]
    lines += [_indented(line) for line in (*hint.split("\n"), session.done) if line]
    red, plain = ("\x1b[31m", "\x1b[0m") if streams.colored(sys.stderr, session) else ("", "")
    said = escape.lines(redacted("\n".join(lines), secrets))
    streams.note(f"{red}Error:{plain} {said}\n")


def _event(message: str, hint: str, code: Exit) -> None:
    from reconciler.model.event import Failed
    from reconciler.progress import now

    streams.event(Failed(at=now(), message=message, hint=hint, exit_code=code))


def _indented(line: str) -> str:
    # libpq indents with tabs, which would be shown as what they are.
    line = line.replace("\t", "  ") if line.startswith("\t") else line
    return line if line.startswith("  ") or not line else f"  {line}"
