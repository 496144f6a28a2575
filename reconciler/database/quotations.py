"""What PostgreSQL quotes when it refuses something, and who reads an error is not to see."""

from __future__ import annotations

import re
from typing import Final

import psycopg

from reconciler.redaction import redacted

_QUOTED: Final = re.compile('".*"', re.DOTALL)


def unquote(error: BaseException | None, *, values: bool) -> None:
    """Make an error, and what caused it, say no more than its first line, also in a traceback.

    The detail would quote the row that was refused, and the context the statement, with whatever
    is secret in them; `diag` still has both. A message about a value (class 22) quotes that: with
    `values`, it does so no more.
    """
    while error is not None:
        if isinstance(error, psycopg.Error):
            said = error.diag.message_primary or str(error)
            if values and (error.sqlstate or "").startswith("22"):
                said = _QUOTED.sub('"***"', said)
            error.args = (redacted(said),)
        error = error.__cause__ or error.__context__
