"""The options that demand approvals of a saved plan, and where its approvals are found."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from reconciler.cli import options
from reconciler.errors import ReconcilerError

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LARGEST: Final = 1_000_000
_APPROVE: Final = "reconcile approve FILE"

_OPTIONS: Final = (
    options.option(
        "require-approval",
        type=click.Path(path_type=Path),
        metavar="SIGNERS",
        help="Apply only what is approved by somebody in SIGNERS, a file of OpenSSH's allowed "
        "signers; beside what the ledger's settings demand.",
    ),
    options.option(
        "approvals",
        type=click.IntRange(min=1, max=100),
        metavar="N",
        help="By so many of them (default: 1).",
    ),
    options.option(
        "not-author", is_flag=True, help="By others than the one in whose name the plan was made."
    ),
)


def requiring(command: _Command) -> _Command:
    """The options; the command gets them as keywords, among what else it is asked."""
    for decorator in reversed(_OPTIONS):
        command = decorator(command)
    return command


def take(asked: dict[str, Any], saved: str | None) -> dict[str, Any]:
    """Take these options out of what was asked: what `library.apply` is to be told of approvals.

    `saved` is the plan's file, where it is one. Raises UsageError for what makes no sense.
    """
    signers: Path | None = asked.pop("require_approval")
    number: int | None = asked.pop("approvals")
    not_author: bool = asked.pop("not_author")
    if signers is None and (number is not None or not_author):
        raise click.UsageError("--approvals and --not-author belong to --require-approval SIGNERS.")
    if saved is None:
        if signers is not None:
            raise click.UsageError(
                "a plan that is made now is approved by nobody: save it with reconcile plan --out "
                "FILE, have that approved, and apply FILE."
            )
        return {}
    from reconciler import approvals

    given = () if saved == "-" else approvals.load(approvals.beside(saved))
    if signers is None:
        return {"approvals": given}
    by = f"--require-approval {signers}"
    demand = approvals.Demand(_text(signers), number or 1, not_author, by)
    return {"approvals": given, "require": demand}


def words() -> list[str]:
    """These options as they were given, to be typed again."""
    given = click.get_current_context().params
    found = [("--require-approval", given["require_approval"]), ("--approvals", given["approvals"])]
    typed = [word for name, one in found if one is not None for word in (name, str(one))]
    return [*typed, *(["--not-author"] if given["not_author"] else [])]


def tell(error: ReconcilerError, saved: str | None, again: str, save: str = "") -> None:
    """Put the commands that were meant into what an error says to do next.

    `again` applies the plan in the file `saved`; where it was not saved, `again` makes it anew, and
    `save` makes a plan that can be approved.
    """
    if saved is None and _APPROVE in error.hint:
        error.hint = f"0. Save a plan, which can be approved: {save} --out FILE\n{error.hint}"
        return
    error.hint = error.hint.replace("reconcile apply FILE", again)
    if saved is not None and saved != "-":
        file = _APPROVE.replace("FILE", shlex.quote(saved))
        error.hint = error.hint.replace(_APPROVE, file)


def _text(signers: Path) -> str:
    try:
        if not signers.is_file() or signers.stat().st_size > _LARGEST:
            raise ReconcilerError(
                f"{signers} is not a file of allowed signers",
                hint="Name a file such as OpenSSH knows: a name and a public key a line.",
            )
        return signers.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReconcilerError(
            f"cannot read the allowed signers in {signers}: {error}",
            hint="Name a file such as OpenSSH knows: a name and a public key a line.",
        ) from error
