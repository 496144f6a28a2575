"""What one run of the command line knows beside its options."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def _asked(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "false", "no")


@dataclass
class Session:
    """Set by flags and commands on their way; read where the run ends.

    debug       show a traceback with an error
    color       colours are not forbidden
    own_codes   an error ends the run with its own exit code (`apply`), and not with 1
    untouched   nothing is written to the database, unless `done` says so
    done        what is written already, however the run ends
    conninfos   connection strings that were read from a file: their passwords are never shown
    """

    debug: bool = field(default_factory=lambda: _asked("RECONCILE_DEBUG"))
    color: bool = field(default_factory=lambda: not os.environ.get("NO_COLOR"))
    own_codes: bool = False
    untouched: bool = False
    done: str = ""
    conninfos: tuple[str, ...] = ()
