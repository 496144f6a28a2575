"""The same work in all databases at once, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from reconciler.database.connection import Connection, session
from reconciler.errors import ReconcilerError
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.shard_list import Databases, Shard

# The servers do most of the work, and this process the rest of it one after the other.
AT_ONCE: Final = 8
_UNREACHED: Final = (
    "See to its dsn in the file of databases, or leave it out there; what a dsn does not say, "
    "libpq takes from\nPG* variables, services and its password file."
)

_Found = TypeVar("_Found")


def everywhere(
    shards: Sequence[Shard], work: Callable[[Shard, Connection], _Found]
) -> list[_Found]:
    """What the work comes to in each database; raises a ReconcilerError that names those in which
    it failed.
    """
    found: list[_Found] = []
    failed: list[tuple[Shard, ReconcilerError]] = []
    for shard, one in zip(shards, attempts(shards, work), strict=True):
        if isinstance(one, ReconcilerError):
            failed.append((shard, one))
        else:
            found.append(one)
    if failed:
        raise _all_of(failed)
    return found


def attempts(
    shards: Sequence[Shard], work: Callable[[Shard, Connection], _Found]
) -> list[_Found | ReconcilerError]:
    """What the work comes to in each database, or why it failed there."""
    busy: set[Connection] = set()

    def attempt(shard: Shard) -> _Found | ReconcilerError:
        reached = False
        try:
            with session(shard.dsn.get_secret_value()) as connection:
                reached = True
                busy.add(connection)
                try:
                    return work(shard, connection)
                finally:
                    busy.discard(connection)
        except ReconcilerError as error:
            error.hint = error.hint if reached else _UNREACHED
            return error

    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures = [threads.submit(attempt, shard) for shard in shards]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # An interrupt reaches this thread only: the others wait for their servers.
            threads.shutdown(wait=False, cancel_futures=True)
            for connection in tuple(busy):
                with suppress(Exception):
                    connection.cancel()
            raise


def named(shard: str, error: ReconcilerError) -> ReconcilerError:
    """The same error, which says first in which database it happened."""
    error.message = f"database {shard}: {error.message}"
    return error


def refuse_doubled(databases: Databases, found: Iterable[DatabaseIdentity]) -> None:
    """Raise ReconcilerError where two names are for one database."""
    known: dict[DatabaseIdentity, str] = {}
    for shard, identity in zip(databases.shards, found, strict=True):
        first = known.setdefault(identity, shard.name)
        if first != shard.name:
            raise ReconcilerError(
                f"{first} and {shard.name} are one database: {identity.name} (system "
                f"{identity.system_identifier})",
                hint=f"Name each database once in {databases.file}.",
            )


def _all_of(failed: Sequence[tuple[Shard, ReconcilerError]]) -> ReconcilerError:
    if len(failed) == 1:
        return named(failed[0][0].name, failed[0][1])
    lines = [f"{shard.name}: {error.message}" for shard, error in failed]
    hints = dict.fromkeys(error.hint for _, error in failed)
    several = ReconcilerError(
        f"it failed in {len(failed)} databases:\n  " + "\n  ".join(lines), hint="\n".join(hints)
    )
    codes = {error.exit_code for _, error in failed}
    several.exit_code = codes.pop() if len(codes) == 1 else ReconcilerError.exit_code
    several.__cause__ = failed[0][1]
    return several
