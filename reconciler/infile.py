"""Files that somebody hands over: how much of one is read, TOML, and telling all mistakes in it."""

from __future__ import annotations

import errno
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

STDIN: Final = "-"

# Half a gigabyte: a plan for ten thousand targets has tens of megabytes, and /dev/zero has no end.
LARGEST: Final = 512 * 1024 * 1024


def is_file(name: str) -> bool:
    """Whether this is a file; what no file can be called is none, nor what nobody may look at."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def read(path: str | os.PathLike[str]) -> bytes:
    """What a file has in it, or the standard input for `-`.

    Raises OSError for what cannot be read, be it too large or no name that a file can have.
    """
    try:
        if os.fspath(path) == STDIN:
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 (also for what is no Path yet)
                content = file.read(LARGEST + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, f"{error} in its name") from error
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST >> 20} MB")
    return content


def toml(content: bytes) -> dict[str, Any]:
    """What TOML means. Raises ValueError that says where it is none, and quotes no more of it than
    a letter: what stands there may be a password.
    """
    try:
        # Some editors put a byte order mark in front, which is no part of TOML.
        return tomllib.loads(content.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError:
        raise
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError("it has a number with too many digits") from error


def told(mistakes: Sequence[str], where: str) -> str:
    """Every mistake that was found, a line each; a key in a file cannot feign another."""
    lines = [one.replace("\n", "\\n") for one in mistakes]
    return "\n  ".join([f"{len(lines)} mistake{'s' if len(lines) > 1 else ''} in {where}:", *lines])
