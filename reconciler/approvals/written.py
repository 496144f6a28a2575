"""The file of approvals beside a plan file: JSON, a line each, so that `cat` puts two together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from reconciler import planfile
from reconciler.errors import PlanFileError
from reconciler.model.approval import Approval
from reconciler.model.canonical import canonical, parse

_LARGEST: Final = 1_000_000
_MOST: Final = 100
_HINT: Final = (
    "Remove what is damaged, or the whole file, and have the plan approved again: "
    "reconcile approve FILE --key KEY"
)


def beside(plan: str | os.PathLike[str]) -> Path:
    """Where the approvals of the plan in a file lie."""
    return Path(f"{os.fspath(plan)}.approvals")


def load(path: str | os.PathLike[str]) -> tuple[Approval, ...]:
    """The approvals in a file, none where there is no file; each is still to be judged.

    Raises PlanFileError for a file that cannot be read, or a line that is no approval.
    """
    there = Path(path)
    try:
        if not there.exists():
            return ()
        if not there.is_file():
            raise _refused(path, "not a file that could hold approvals")
        with there.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise _refused(path, f"larger than {_LARGEST} bytes, which no file of approvals is")
    try:
        lines = raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise _refused(path, "not UTF-8 text") from error
    found = [_read(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(found) > _MOST:
        raise _refused(path, f"it has {len(found)} approvals, and {_MOST} are the most")
    return tuple(dict.fromkeys(found))


def add(approval: Approval, path: str | os.PathLike[str]) -> None:
    """Add an approval to a file: as a whole or, whatever fails, not at all.

    Raises PlanFileError as `load` does, and where the file cannot be written.
    """
    lines = [canonical(one.model_dump()) + "\n" for one in (*load(path), approval)]
    planfile.write("".join(lines), path)


def _read(path: str | os.PathLike[str], number: int, line: str) -> Approval:
    try:
        return Approval.model_validate(parse(line))
    except ValidationError as error:
        mistake = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, mistake["loc"]))
        what = f"{place}: {mistake['msg']}" if place else "it is no object"
    except ValueError as error:
        what = f"not JSON that can be trusted: {error}"
    raise _refused(path, f"line {number} is no approval: {what}")


def _refused(path: str | os.PathLike[str], what: str) -> PlanFileError:
    return PlanFileError(f"{path}: {what}", hint=_HINT)
