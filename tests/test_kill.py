"""Killed, cut off, terminated: all of it or none of it, and the next run succeeds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import psycopg
import pytest

from reconciler import library
from reconciler.errors import OutcomeUnknownError, ReconcilerError
from tests.fixtures.cut import (
    alone,
    behind,
    between_statements,
    dump,
    everything,
    in_a_child,
)
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def killed_at(point: int, work: Callable[[], object]) -> int:
    """Do the work in a process that kills itself at its n-th point; 0 if there is no such."""
    passed = count(1)

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return in_a_child(work, die)


@pytest.mark.shows(
    "kill -9 of the client at every statement of an apply",
    "all or nothing; the same plan then succeeds",
)
def test_an_apply_that_is_killed_between_any_two_statements(
    shared_world: World, small_template: str, variants: Variants
) -> None:
    """Each run is the next one after a kill, and gets exactly one point further."""
    world = shared_world
    target, plan = behind(world, small_template)
    before = after = dump(world)
    for point in count(1):
        ended = killed_at(point, lambda: world.apply(plan))
        alone(world)
        after = dump(world)
        if after != before:
            break
        assert ended == -signal.SIGKILL
    # What changed, changed at COMMIT: then everything is there, and the next run knows it.
    assert point > 40
    variants.add(point)
    assert everything(world, target, plan)
    assert dump(world) == after


@pytest.mark.shows(
    "kill -9 of the client at statements of an install",
    "all or nothing; the next install succeeds",
)
def test_an_install_that_is_killed_and_then_succeeds(
    shared_world: World, small_template: str, variants: Variants
) -> None:
    world = shared_world
    target = world.organization()
    before = dump(world)

    def install() -> object:
        return library.install_agent_from_template(world.dsn, small_template, target, "user_ana")

    points = range(1, 70, depth(11, 1))
    for point in points:
        assert killed_at(point, install) == -signal.SIGKILL
        alone(world)
        assert dump(world) == before
    variants.add(len(points))
    found = library.install_agent_from_template(world.dsn, small_template, target, "user_ana")
    assert found.created
    assert world.plan(target, template=small_template).empty


@pytest.mark.shows("kill -9 right after COMMIT was sent", "all or nothing; the ledger tells which")
@pytest.mark.parametrize("delay", [0, 0.0005])
def test_killed_right_after_sending_commit_it_is_all_or_nothing(
    shared_world: World, small_template: str, delay: float
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    before = dump(world)

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        if what == b"COMMIT":
            connection.pgconn.send_query(b"COMMIT")
            connection.pgconn.flush()
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(lambda: world.apply(plan), die) == -signal.SIGKILL
    alone(world)
    if dump(world) == before:
        assert world.apply(plan).status == "applied"
    assert everything(world, target, plan)


@pytest.mark.shows(
    "pg_terminate_backend between statements of an apply",
    "nothing is written; an error with its exit code",
)
def test_a_session_that_an_administrator_ends_is_an_error_of_ours(
    shared_world: World, small_template: str, variants: Variants
) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    before = dump(world)
    point, outcome = 0, None
    with psycopg.connect(world.dsn, autocommit=True) as administrator:
        while outcome is None:
            point, passed = point + depth(4, 1), count(1)

            def end(connection: psycopg.Connection[Any], what: object) -> None:
                if connection is not administrator and next(passed) == point and what != b"COMMIT":  # noqa: B023
                    pid = connection.info.backend_pid
                    administrator.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,))

            with between_statements(end):
                try:
                    outcome = world.apply(plan)
                    continue
                except ReconcilerError as error:
                    caught = error
            assert caught.hint
            assert "nothing was written" in caught.message
            assert isinstance(caught.__cause__, psycopg.Error | OutcomeUnknownError)
            alone(world, but=administrator.info.backend_pid)
            assert dump(world) == before
    assert point > 40
    variants.add(point // depth(4, 1))
    assert outcome.status == "applied"
    assert everything(world, target, plan)
