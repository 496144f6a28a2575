"""Who is locked: which of a plan's targets another writer holds a lock on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from reconciler.database.asking import Fixed, run
from reconciler.database.connection import Connection, transaction
from reconciler.database.opening import Opening, open_database
from reconciler.errors import LockedError
from reconciler.kinds import Kinds
from reconciler.ledger import record
from reconciler.model.plan import Plan
from reconciler.sql.guard import Scope
from reconciler.sql.statements import Script

# Nobody is waited for: whoever holds a lock was waited for already.
_SOON: Final = Fixed("SELECT set_config('lock_timeout', '100ms', true)")


def locked(connection: Connection, plan: Plan, kinds: Kinds) -> list[str]:
    """The ids of the targets in which a lock that the plan needs cannot be had, as it is now.

    PostgreSQL does not say whose row it waits for, so the same locks are tried, half by half.
    Nothing is written. A lock that is only met while writing is not found.
    """
    with transaction(connection, read_only=True):
        opening = open_database(connection, kinds)
    return list(_locked(connection, plan, opening))


def _locked(connection: Connection, plan: Plan, opening: Opening) -> Iterator[str]:
    targets = list(plan.organizations)
    scope = Scope.of(opening.kinds, frozenset(targets))
    script = Script(plan, opening.kinds, datetime.now(UTC))
    early = [lock for locks, _, _ in script.first() for lock in locks]
    wanted = [record.lock(targets), *early, *script.locks()]
    try:
        with transaction(connection, read_only=False):
            run(connection, [_SOON, *(scope.guard(statement) for statement in wanted)])
        return
    except LockedError:
        pass
    if len(targets) == 1:
        yield targets[0]
        return
    middle = len(targets) // 2
    for half in (targets[:middle], targets[middle:]):
        yield from _locked(connection, plan.for_targets(half), opening)
