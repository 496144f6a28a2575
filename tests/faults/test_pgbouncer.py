"""Through pgbouncer in transaction-pooling mode: nothing is kept in a session."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from reconciler import library
from reconciler.errors import LockedError, StalePlanError
from tests.fixtures.cut import alone, behind, everything
from tests.fixtures.pooler import PROGRAM, pooled
from tests.fixtures.shown import depth
from tests.fixtures.world import World
from tests.test_races import Publisher, at_once

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
SIZES = pytest.mark.parametrize("size", [1, 2][: depth(1, 2)])
SETTINGS = """SELECT name, setting FROM pg_settings
              WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding')"""


@SIZES
@pytest.mark.shows(
    "pgbouncer in transaction mode, two clients that share one connection, or two",
    "plan, apply, re-sync, waves, undo and status work; no setting or lock stays behind",
)
def test_the_story_through_a_pooler(shared_world: World, size: int) -> None:
    world = shared_world
    template = Publisher.open(world)
    fleet = [world.organization() for _ in range(3)]
    with pooled(world.dsn, size) as dsn:
        through = World(dsn, world.connection)
        plans = [through.plan(*fleet, template=template.agent) for _ in range(2)]
        # Two clients apply one plan at once, one of them in waves.
        outcomes = at_once(
            partial(through.apply, plans[0], wave="1"), partial(through.apply, plans[1])
        )
        assert {getattr(one, "status", one) for one in outcomes} <= {"applied", "already_applied"}
        template.publish("v1")
        resync = through.plan(*fleet, template=template.agent)
        assert through.apply(resync, wave="2").counts["entity_type"] == {"update": 6}
        assert through.apply(resync).status == "already_applied"
        assert through.plan(*fleet, template=template.agent).empty
        found = library.status(dsn, template.agent)
        assert library.outcome(dsn, resync).status == "applied"
        assert len(library.history(dsn, fleet[0], limit=10)) == 2
        (last,) = library.history(dsn, fleet[0], limit=1)
        undo = library.plan_undo(dsn, last.number, actor="user_ana")
        assert through.apply(undo).status == "applied"
        with psycopg.connect(dsn) as left:
            assert left.execute(SETTINGS).fetchall() == []
    assert found
    alone(world)


@SIZES
@pytest.mark.shows(
    "pgbouncer in transaction mode, and refusals and lost connections",
    "the next client of the same server connection finds nothing left",
)
def test_refusals_through_a_pooler(shared_world: World, small_template: str, size: int) -> None:
    world = shared_world
    target, plan = behind(world, small_template)
    with pooled(world.dsn, size) as dsn:
        through = World(dsn, world.connection)
        world.sql("BEGIN")
        world.sql("SELECT FROM reconcile.target WHERE organization_id = %s FOR UPDATE", target)
        try:
            with pytest.raises(LockedError):
                through.apply(plan, lock_timeout="100ms")
        finally:
            world.sql("ROLLBACK")
        own = world.sql("SELECT id, color FROM entity_types WHERE organization_id = %s", target)
        world.sql("UPDATE entity_types SET color = 'own' WHERE organization_id = %s", target)
        with pytest.raises(StalePlanError):
            through.apply(plan)
        for number, color in own:
            world.sql("UPDATE entity_types SET color = %s WHERE id = %s", color, number)
        assert through.apply(plan).status == "applied"
    assert everything(world, target, plan)
    alone(world)
