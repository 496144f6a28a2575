"""An apply that something happens to, between any two of its statements; and what it tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import psycopg

from reconciler.errors import OutcomeUnknownError, ReconcilerError
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Plan
from tests.fixtures.cut import alone, between_statements, cut, in_a_child
from tests.fixtures.world import World

Told = Literal["applied", "nothing", "unknown"]
# What a second session may wait for a lock that the apply holds.
PATIENCE = "50ms"


@dataclass(frozen=True)
class Strike:
    """What happens, just before the n-th point of an apply; nothing, where it has fewer."""

    fault: str
    point: int


def struck(world: World, plan: Plan, strike: Strike, meanwhile: Callable[[], object]) -> Told:
    """Apply a plan while something happens; says what whoever applied it was told.

    `meanwhile` is what the tenant, the publisher or a second applier does at that point.
    """
    if strike.fault == "kill":
        return _killed(world, plan, strike.point)
    with (
        _locked(world, plan)
        if strike.fault == "locked"
        else between_statements(_at(strike, world, meanwhile))
    ):
        return _told(lambda: world.apply(plan, lock_timeout="200ms"))


def _killed(world: World, plan: Plan, point: int) -> Told:
    passed = count(1)

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    ended = in_a_child(lambda: world.apply(plan), die)
    assert ended in (0, -signal.SIGKILL), f"the child ended with {ended}"
    alone(world)
    return "applied" if ended == 0 else "unknown"


def _at(
    strike: Strike, world: World, meanwhile: Callable[[], object]
) -> Callable[[psycopg.Connection[Any], object], None]:
    passed, within = count(1), False

    def step(connection: psycopg.Connection[Any], what: object) -> None:
        nonlocal within
        # What happens meanwhile runs statements, too.
        if within or connection is world.connection or next(passed) != strike.point:
            return
        within = True
        try:
            if strike.fault == "cut":
                cut(connection)
            elif strike.fault == "terminate":
                pid = connection.info.backend_pid
                world.sql("SELECT pg_terminate_backend(%s, 1000)", pid)
            else:
                meanwhile()
        finally:
            within = False

    return step


@contextmanager
def _locked(world: World, plan: Plan) -> Any:
    """Somebody else holds the lock of a target."""
    with psycopg.connect(world.dsn) as other:
        targets = [plan.organizations[-1]]
        other.execute(
            "INSERT INTO reconcile.target (organization_id) SELECT unnest(%s::text[]) "
            "ON CONFLICT DO NOTHING",
            (targets,),
        )
        other.execute(
            "SELECT FROM reconcile.target WHERE organization_id = ANY(%s) FOR UPDATE", (targets,)
        )
        yield
        other.rollback()


def _told(apply: Callable[[], Outcome]) -> Told:
    try:
        outcome = apply()
    except ReconcilerError as error:
        refused = error
    else:
        return "nothing" if outcome.status == "nothing_to_do" else "applied"
    assert refused.hint, f"no word of what to do: {refused.message}"
    return "unknown" if isinstance(refused, OutcomeUnknownError) else "nothing"
