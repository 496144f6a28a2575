"""Killed, cut off, terminated: all of it or none of it, and the next run succeeds."""

from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest

from reconciler import library
from reconciler.errors import OutcomeUnknownError, ReconcilerError
from reconciler.model.plan import Plan
from tests.fixtures.world import World

Step = Callable[["psycopg.Connection[Any]", object], None]
RULE = """INSERT INTO entity_relationship_type_rules (relationship_type_id,
    source_entity_type_slug, target_entity_type_slug) VALUES (%s, 'person', 'account')"""

# A fork does as well as a new process, and is fifty times as fast; the child uses none of
# the connections that it inherits.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def template(shared_world: World) -> str:
    """A small public template: three entity types, two relationship types, a rule."""
    world = shared_world
    organization = world.organization(visibility="public")
    world.insert("agents", id=f"agent_{organization}", organization_id=organization, name="Small")
    for slug in ("person", "account", "asset"):
        world.insert("entity_types", slug=slug, name=slug, organization_id=organization)
    ids = [
        world.insert(
            "entity_relationship_types", slug=slug, name=slug, organization_id=organization
        )
        for slug in ("owns", "owned_by")
    ]
    world.sql("UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s", *ids)
    world.sql(RULE, ids[0])
    return organization


def behind(world: World, template: str) -> tuple[str, Plan]:
    """A target that is behind its template, and the plan that creates, updates and links."""
    target = world.organization()
    world.install(target, template=template, skip=[])
    new = world.organization()
    world.insert("entity_types", slug=new, name="New", organization_id=template)
    number = world.insert(
        "entity_relationship_types", slug=new, name="New", organization_id=template
    )
    at = "WHERE organization_id = %s AND slug"
    world.sql(f"UPDATE entity_types SET color = %s {at} IN ('person', 'account')", new, template)
    inverse = f"UPDATE entity_relationship_types SET inverse_type_id = %s {at} = 'owned_by'"
    world.sql(inverse, number, template)
    world.sql(RULE, number)
    plan = world.plan(target, template=template)
    assert (plan.counts().create, plan.counts().update) == (3, 3)
    return target, plan


def dump(world: World) -> list[tuple[Any, ...]]:
    """Every row of every table with its version, as one digest a table."""
    tables = world.sql(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = "
        "c.relnamespace WHERE n.nspname IN ('public', 'reconcile') AND c.relkind = 'r' ORDER BY 1"
    )
    assert len(tables) > 15
    digest = "md5(string_agg(t.xmin::text || t::text, ',' ORDER BY t.ctid))"
    parts = [f"SELECT '{table}', count(*), {digest} FROM {table} t" for (table,) in tables]
    return world.sql(" UNION ALL ".join(parts))


def everything(world: World, target: str, plan: Plan) -> bool:
    """Whether all that an apply leaves is there: rows, revision, and where each row went."""
    placed = world.sql(
        "SELECT r.id = t.revision, count(*), count(c.digest) FROM reconcile.revision r "
        "JOIN reconcile.target t ON t.organization_id = %s "
        "JOIN reconcile.placement p ON p.revision = r.id AND p.organization_id = %s "
        "LEFT JOIN reconcile.content c ON c.digest = p.content "
        "WHERE r.plan_id = %s GROUP BY r.id, t.revision",
        target,
        target,
        plan.plan_id,
    )
    changes = len(plan.changes)
    return (
        placed == [(True, changes, changes)]
        and world.plan(target, template=plan.template.agent_id).empty
        and world.apply(plan).status == "already_applied"
    )


def alone(world: World, *, but: int = 0) -> None:
    """Wait until no session, lock or prepared transaction is left in this database."""
    others: list[tuple[Any, ...]] = []
    for _ in range(1000):
        others = world.sql(
            "SELECT a.pid, a.state, a.query, l.mode FROM pg_stat_activity a "
            "LEFT JOIN pg_locks l USING (pid) WHERE a.datname = current_database() "
            "AND a.pid NOT IN (pg_backend_pid(), %s) AND a.backend_type = 'client backend'",
            but,
        )
        if not others:
            break
        time.sleep(0.005)
    assert others == []
    assert world.sql("SELECT gid FROM pg_prepared_xacts") == []


@contextmanager
def between_statements(step: Step) -> Iterator[None]:
    """Call `step` between any two statements, whether they travel alone or together."""
    alone, together = psycopg.Connection.execute, psycopg.RawCursor.execute
    pipeline = psycopg.Connection.pipeline

    def execute(self: psycopg.Connection[Any], query: Any, *rest: Any, **more: Any) -> Any:
        step(self, query)
        result = alone(self, query, *rest, **more)
        step(self, b"done")
        return result

    def queue(self: psycopg.RawCursor[Any], query: Any, *rest: Any, **more: Any) -> Any:
        result = together(self, query, *rest, **more)
        step(self.connection, b"queued")
        return result

    @contextmanager
    def trip(self: psycopg.Connection[Any]) -> Iterator[Any]:
        with pipeline(self) as entered:
            yield entered
        step(self, b"answered")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", execute)
        patch.setattr(psycopg.RawCursor, "execute", queue)
        patch.setattr(psycopg.Connection, "pipeline", trip)
        yield


def in_a_child(work: Callable[[], object], step: Step) -> int:
    """How a process that did this work ended: 0, 1 with a traceback, or minus a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            with between_statements(step):
                work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(point: int, work: Callable[[], object]) -> int:
    """Do the work in a process that kills itself at its n-th point; 0 if there is no such."""
    passed = count(1)

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return in_a_child(work, die)


def test_an_apply_that_is_killed_between_any_two_statements(
    shared_world: World, template: str
) -> None:
    """Each run is the next one after a kill, and gets exactly one point further."""
    world = shared_world
    target, plan = behind(world, template)
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
    assert everything(world, target, plan)
    assert dump(world) == after


def test_an_install_that_is_killed_and_then_succeeds(shared_world: World, template: str) -> None:
    world = shared_world
    target = world.organization()
    before = dump(world)

    def install() -> object:
        return library.install_agent_from_template(world.dsn, template, target, "user_ana")

    for point in (1, 5, 11, 23, 37, 52, 69):
        assert killed_at(point, install) == -signal.SIGKILL
        alone(world)
        assert dump(world) == before
    found = library.install_agent_from_template(world.dsn, template, target, "user_ana")
    assert found.created
    assert world.plan(target, template=template).empty


@pytest.mark.parametrize("delay", [0, 0.0005])
def test_killed_right_after_sending_commit_it_is_all_or_nothing(
    shared_world: World, template: str, delay: float
) -> None:
    world = shared_world
    target, plan = behind(world, template)
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


def test_a_session_that_an_administrator_ends_is_an_error_of_ours(
    shared_world: World, template: str
) -> None:
    world = shared_world
    target, plan = behind(world, template)
    before = dump(world)
    point, outcome = 0, None
    with psycopg.connect(world.dsn, autocommit=True) as administrator:
        while outcome is None:
            point, passed = point + 4, count(1)

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
            assert isinstance(caught.__cause__, psycopg.Error)
            alone(world, but=administrator.info.backend_pid)
            assert dump(world) == before
    assert point > 40
    assert outcome.status == "applied"
    assert everything(world, target, plan)


@pytest.mark.parametrize("committed", [True, False])
def test_an_outcome_that_got_lost_is_looked_up_and_never_guessed(
    shared_world: World, template: str, committed: bool
) -> None:
    world = shared_world

    def lose(connection: psycopg.Connection[Any], what: object) -> None:
        """The connection breaks at the COMMIT of the apply: after, or before, it took place."""
        writing = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND backend_xid IS NOT NULL"
        if what == b"COMMIT" and not lost and world.sql(writing, connection.info.backend_pid):
            lost.append(True)
            if committed:
                connection.pgconn.exec_(b"COMMIT")
            with socket.socket(fileno=os.dup(connection.fileno())) as broken:
                broken.shutdown(socket.SHUT_RDWR)

    for call in ("apply", "install", "lent") if committed else ("apply", "install"):
        lost: list[bool] = []
        target, plan = behind(world, template)
        with between_statements(lose):
            if call == "apply":
                assert world.apply(plan).status == "applied"
            elif call == "install":
                found = library.install_agent_from_template(world.dsn, template, target, "user_ana")
                assert found.counts["entity_type"] == {"create": 1, "update": 2}
            else:
                lent = psycopg.connect(world.dsn)
                with pytest.raises(OutcomeUnknownError) as caught:
                    library.apply(lent, plan)
                assert "nothing was written" not in str(caught.value)
        assert lost
        assert everything(world, target, plan)
