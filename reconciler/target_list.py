"""Organisations that are named in a file: an id or a slug a line; blank lines and # are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler import infile
from reconciler.errors import ReconcilerError
from reconciler.model.selection import Selection

_SHAPE: Final = (
    "It has an organisation's id or slug a line, in UTF-8; blank lines, and those that begin with "
    "#, are ignored."
)


def read(given: Sequence[str] | Selection) -> tuple[Selection, dict[str, int]]:
    """What is chosen, and what `load` finds in the file that it speaks of."""
    try:
        selection = Selection.of(given)
    except ValueError as error:
        raise ReconcilerError(str(error), hint="Hand over a list, of one perhaps.") from error
    path = selection.targets_from
    return selection, load(path) if path is not None else {}


def load(path: str) -> dict[str, int]:
    """The names in a file, or in the standard input for `-`, each with its first line's number.

    Raises ReconcilerError for what cannot be read, and for a file that names nobody.
    """
    where = called(path)
    try:
        raw = infile.read(path)
    except OSError as error:
        raise ReconcilerError(
            f"cannot read {where}: {error.strerror}",
            hint=f"--targets-from names a file. {_SHAPE}",
        ) from error
    found: dict[str, int] = {}
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            name = line.decode().strip()
        except UnicodeDecodeError as error:
            raise ReconcilerError(
                f"{where}, line {number}: this is not UTF-8 text", hint=_SHAPE
            ) from error
        if "\0" in name:
            raise ReconcilerError(
                f"{where}, line {number}: a NUL character is in no id and no slug", hint=_SHAPE
            )
        if name and not name.startswith("#"):
            found.setdefault(name, number)
    if not found:
        raise ReconcilerError(
            f"{where} names no organisation",
            hint=f"An empty list is taken for a mistake, not for all of them. {_SHAPE}",
        )
    return found


def called(path: str) -> str:
    """What a file is called in a message."""
    return "the standard input" if path == infile.STDIN else path
