"""The one error of the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from pathlib import Path

TAIL_LINES = 15


class EmbeddedServerError(ReconcilerError):
    """The embedded PostgreSQL server could not be found, started, stopped or used."""

    @classmethod
    def with_log(cls, message: str, log: Path, *, hint: str) -> Self:
        """The error, with the end of the server's log as the reason."""
        return cls(f"{message}\n{tail(log)}", hint=hint)


def tail(log: Path) -> str:
    """The last lines of a log, indented, or a sentence that says why there are none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"  (its log {log} cannot be read: {error.strerror})"
    if not lines:
        return f"  (its log {log} is empty)"
    return "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:])
