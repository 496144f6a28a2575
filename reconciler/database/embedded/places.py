"""Directories: short ones for sockets, and the one where a lasting server lives."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reconciler.database.embedded.errors import EmbeddedServerError

# The address of a socket has room for 104 bytes on macOS, for 108 on Linux, and ends in zero.
LONGEST_ADDRESS = 103
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_NAME = len("/reconcile-xxxxxxxxxxxxxxxx/")


def can_hold_socket(directory: Path) -> bool:
    """Whether a server can listen, and a client find it, in this directory.

    A comma would make libpq read two hosts, a line break would break postmaster.pid.
    """
    path = str(directory)
    short = len(os.fsencode(directory / SOCKET_NAME)) <= LONGEST_ADDRESS
    return short and "," not in path and path.isprintable()


def short_temporary_directory() -> Path:
    """Where temporary directories with sockets go: the usual place, or /tmp if that is too long."""
    usual = Path(tempfile.gettempdir()).resolve()
    return usual if can_hold_socket(usual / ("x" * LONGEST_NAME)) else Path("/tmp").resolve()  # noqa: S108


def default_data_dir() -> Path:
    """Where `reconcile dev` keeps its server."""
    if home := os.environ.get("RECONCILE_HOME"):
        return Path(home).absolute() / "dev"
    shared = os.environ.get("XDG_DATA_HOME", "")
    if Path(shared).is_absolute():  # The XDG specification wants relative ones ignored.
        return Path(shared) / "reconcile" / "dev"
    try:
        return Path.home() / ".local" / "share" / "reconcile" / "dev"
    except RuntimeError as error:
        raise EmbeddedServerError(
            "this user has no home directory to keep a server in",
            hint="Name a directory with --data-dir, or with the variable RECONCILE_HOME.",
        ) from error
