"""How far installations are, in several databases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler import insight, target_list
from reconciler.database.connection import Connection, transaction
from reconciler.database.opening import open_ledger
from reconciler.errors import NobodyLeftError, ReconcilerError
from reconciler.model.selection import Selection
from reconciler.model.sharded import ShardStatus
from reconciler.model.snapshot import DatabaseIdentity
from reconciler.model.status import Status
from reconciler.shard_list import Databases, Shard
from reconciler.shards.everywhere import attempts, refuse_doubled
from reconciler.shards.located import located


def status(
    databases: Databases,
    template: str | None = None,
    targets: Sequence[str] | Selection = (),
    *,
    kinds: Path | None = None,
) -> tuple[ShardStatus, ...]:
    """What `reconciler.status` says in each of the databases; options are the same.

    A database that cannot be asked does not stop the others: its `error` says why. Where
    organisations are named, all have to be asked in which of them they are, and this is raised.
    """
    selection, listed = target_list.read(targets)
    where = [(shard, selection) for shard in databases.shards]
    if selection.names or selection.exclude:
        where = located(databases, selection, listed)
    here = {shard.name: part for shard, part in where}

    def survey(shard: Shard, connection: Connection) -> tuple[DatabaseIdentity, Status]:
        with transaction(connection, read_only=True):
            identity = open_ledger(connection)
        try:
            found = insight.status(connection, template, here[shard.name], kinds=kinds)
        except NobodyLeftError:
            found = Status()
        return identity, found

    shards = tuple(shard for shard, _ in where)
    found = attempts(shards, survey)
    asked = [
        (shard, one[0])
        for shard, one in zip(shards, found, strict=True)
        if not isinstance(one, ReconcilerError)
    ]
    reached = Databases(databases.file, tuple(shard for shard, _ in asked))
    refuse_doubled(reached, [identity for _, identity in asked])
    return tuple(
        ShardStatus(database=shard.name, status=None, error=one.message)
        if isinstance(one, ReconcilerError)
        else ShardStatus(database=shard.name, status=one[1])
        for shard, one in zip(shards, found, strict=True)
    )
