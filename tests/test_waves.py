"""A plan that is applied in waves: a target is done whole or not at all, and once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from threading import Thread
from typing import Any

import psycopg
import pytest

import reconciler
from reconciler import library
from reconciler.errors import (
    DatabaseError,
    Exit,
    NotAuthorisedError,
    StalePlanError,
    StoppedError,
)
from reconciler.model.outcome import Outcome
from reconciler.model.plan import Plan
from reconciler.render.outcome import render
from tests.fixtures.cut import at_commit, between_statements, cut, cut_after, in_a_child
from tests.fixtures.world import World

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

DONE = """SELECT t.id, count(*) FROM reconcile.revision r CROSS JOIN unnest(r.targets) AS t (id)
          WHERE r.part_of = %s OR r.plan_id = %s GROUP BY 1"""
ROWS = """SELECT organization_id, 'type', slug, name, managed_by_template_agent_id FROM entity_types
          WHERE organization_id = ANY(%(of)s)
          UNION ALL SELECT r.organization_id, 'relation', r.slug, i.slug,
                 r.managed_by_template_agent_id FROM entity_relationship_types r
          LEFT JOIN entity_relationship_types i ON i.id = r.inverse_type_id
          WHERE r.organization_id = ANY(%(of)s)
          UNION ALL SELECT organization_id, 'agent', id, name, template_agent_id FROM agents
          WHERE organization_id = ANY(%(of)s) ORDER BY 1, 2, 3"""
OWN = "SELECT t::text, xmin::text FROM entity_types t WHERE slug = 'own' ORDER BY 1"


class Fleet:
    """Targets with a row of their own each, and a plan that installs a small template in all."""

    def __init__(self, world: World, template: str, targets: int) -> None:
        self.world = world
        self.template = template
        self.ids = sorted(world.organization() for _ in range(targets))
        for one in self.ids:
            world.insert("entity_types", slug="own", name="Own", organization_id=one)
        self.own = world.sql(OWN)
        self.made = self.plan()

    def plan(self, *targets: str, **options: Any) -> Plan:
        return self.world.plan(*(targets or self.ids), template=self.template, **options)

    def apply(self, **pace: Any) -> Outcome:
        return self.world.apply(self.made, **pace)

    def done(self) -> dict[str, int]:
        """How many revisions of the plan each target has."""
        return dict(self.world.sql(DONE, self.made.plan_id, self.made.plan_id))

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows, by the target's place in the fleet."""
        found: dict[str, list[tuple[Any, ...]]] = {one: [] for one in self.ids}
        for organization, *row in self.world.connection.execute(ROWS, {"of": self.ids}).fetchall():
            found[organization].append(tuple(row))
        return found

    def take_a_key(self, target: str) -> None:
        """The tenant writes a row that the plan would create."""
        self.world.insert("entity_types", slug="person", name="Mine", organization_id=target)

    def whole(self, *targets: str) -> None:
        """These are done, once each, and no other; nobody's own row was touched."""
        assert self.done() == dict.fromkeys(targets, 1)
        counts = Counter(kind for one in targets for kind, *_ in self.rows()[one])
        number = len(targets)
        assert counts == {"agent": number, "type": 4 * number, "relation": 2 * number}
        left = [one for one in self.ids if one not in targets]
        assert all(len(rows) == 1 for one, rows in self.rows().items() if one in left)
        assert self.world.sql(OWN) == self.own


@pytest.fixture
def fleet(shared_world: World, small_template: str) -> Fleet:
    shared_world.sql("DELETE FROM entity_types WHERE slug = 'own'")
    return Fleet(shared_world, small_template, 5)


def verdicts(fleet: Fleet, outcome: Outcome) -> list[str]:
    return [outcome.targets[one] for one in fleet.ids]


def test_each_wave_is_a_revision_with_its_part_of_the_plan(fleet: Fleet) -> None:
    outcome = fleet.apply(wave="2")
    fleet.whole(*fleet.ids)
    assert fleet.plan().empty
    assert outcome.status == "applied"
    assert outcome.exit_code == Exit.DONE
    assert outcome.revision is None
    assert [wave.targets for wave in outcome.waves] == [2, 2, 1]
    assert sum(outcome.counts["entity_type"].values()) == 3 * 5
    assert set(outcome.targets.values()) == {"applied"}
    told = library.history(fleet.world.dsn, limit=3)[::-1]
    assert [one.number for one in told] == [wave.revision for wave in outcome.waves]
    assert [one.targets for one in told] == [2, 2, 1]
    assert {one.part_of for one in told} == {fleet.made.plan_id}
    for revision, ids in zip(told, (fleet.ids[:2], fleet.ids[2:4], fleet.ids[4:]), strict=True):
        _, plan = library.revision(fleet.world.dsn, revision.number)
        assert plan == fleet.made.for_targets(ids)
        assert plan.plan_id == revision.plan_id == plan.meaning()
        assert [target.organization.id for target in plan.targets] == ids
        assert list(plan.request.targets) == ids
    assert reconciler.outcome(fleet.world.dsn, fleet.made).status == "applied"


def test_one_wave_of_all_is_the_plan_itself(fleet: Fleet) -> None:
    outcome = fleet.apply(wave="100%")
    (told,) = library.history(fleet.world.dsn, limit=1)
    assert (told.number, told.plan_id, told.part_of) == (
        outcome.revision,
        fleet.made.plan_id,
        None,
    )


def test_applied_again_it_writes_nothing_whatever_the_waves(fleet: Fleet) -> None:
    first = fleet.apply(wave="2", canary="1")
    assert [wave.targets for wave in first.waves] == [1, 2, 2]
    rows = fleet.rows()
    for pace in ({}, {"wave": "3"}, {"wave": "100%"}, {"canary": "20%", "pause": "1ms"}):
        again = fleet.apply(**pace)
        assert again.status == "already_applied"
        assert [wave.revision for wave in again.waves] == [wave.revision for wave in first.waves]
        assert all(wave.earlier for wave in again.waves)
        assert again.counts == first.counts
    assert fleet.rows() == rows
    fleet.whole(*fleet.ids)


def test_a_refused_target_stops_it_and_the_waves_before_stay(fleet: Fleet) -> None:
    fleet.take_a_key(fleet.ids[3])
    with pytest.raises(StoppedError) as caught:
        fleet.apply(wave="2", canary="1")
    error, outcome = caught.value, caught.value.outcome
    assert error.exit_code == outcome.exit_code == Exit.STALE
    assert isinstance(error.__cause__, StalePlanError)
    assert "stopped in wave 3 of 3: 1 target is refused" in error.message
    assert "exists by now" in error.message
    assert "3 targets are done" in error.message
    assert "reconcile apply FILE --wave 2 --canary 1 --max-failures 1" in error.hint
    expected = ["applied", "applied", "applied", "refused", "not_reached"]
    assert verdicts(fleet, outcome) == expected
    assert outcome.status == "incomplete"
    assert fleet.done() == dict.fromkeys(fleet.ids[:3], 1)
    assert reconciler.outcome(fleet.world.dsn, fleet.made).status == "partly_applied"
    # With another size, and without the one that is refused.
    on = fleet.apply(wave="1", max_failures=1)
    assert verdicts(fleet, on) == [*["already_applied"] * 3, "refused", "applied"]
    assert (on.refused[0].target, on.refused[0].reason) == (fleet.ids[3], "stale")
    assert on.exit_code == Exit.STALE
    said = render(on)
    assert said.startswith("Targets  1 applied, 3 applied before, 1 refused\nWaves    1\n  ! ")
    assert "stale           entity_type.person exists by now\n" in said
    # What is in the way goes away; the rest in one transaction.
    fleet.world.sql(
        "DELETE FROM entity_types WHERE organization_id = %s AND name = 'Mine'", fleet.ids[3]
    )
    rest = fleet.apply()
    assert verdicts(fleet, rest) == [*["already_applied"] * 3, "applied", "already_applied"]
    fleet.whole(*fleet.ids)


def test_refused_targets_are_left_out_as_long_as_there_are_not_too_many(fleet: Fleet) -> None:
    world = fleet.world
    fleet.take_a_key(fleet.ids[0])
    world.sql('DELETE FROM member WHERE "organizationId" = %s', fleet.ids[3])
    with pytest.raises(StoppedError) as caught:
        fleet.apply(wave="2", max_failures=1)
    stopped = caught.value
    assert stopped.exit_code == stopped.outcome.exit_code == Exit.NOT_AUTHORISED
    assert isinstance(stopped.__cause__, NotAuthorisedError)
    expected = ["refused", "applied", "not_reached", "refused", "not_reached"]
    assert verdicts(fleet, stopped.outcome) == expected
    done = fleet.apply(wave="100%", max_failures=2)
    assert verdicts(fleet, done) == ["refused", "already_applied", "applied", "refused", "applied"]
    assert {one.reason for one in done.refused} == {"stale", "not_authorised"}
    assert fleet.done() == dict.fromkeys((fleet.ids[1], fleet.ids[2], fleet.ids[4]), 1)


def test_in_one_transaction_nothing_is_left_out_unasked(fleet: Fleet) -> None:
    fleet.take_a_key(fleet.ids[0])
    with pytest.raises(StalePlanError):
        fleet.apply()
    assert fleet.done() == {}


def test_an_organisation_that_is_gone_is_named(fleet: Fleet) -> None:
    world, gone = fleet.world, fleet.ids[4]
    world.sql("DELETE FROM entity_types WHERE organization_id = %s", gone)
    world.sql('DELETE FROM member WHERE "organizationId" = %s', gone)
    world.sql("DELETE FROM organization WHERE id = %s", gone)
    with pytest.raises(StalePlanError, match="no such organisation any more"):
        fleet.apply()
    assert fleet.done() == {}
    outcome = fleet.apply(wave="2", max_failures=1)
    assert verdicts(fleet, outcome) == [*["applied"] * 4, "refused"]
    assert fleet.done() == dict.fromkeys(fleet.ids[:4], 1)


@pytest.mark.parametrize("row", ["target", "tenant"])
def test_a_locked_target_is_found_and_left_out(fleet: Fleet, row: str) -> None:
    world = fleet.world
    fleet.apply(wave="100%")
    at = "WHERE organization_id = %s AND slug = 'person'"
    world.sql(f"UPDATE entity_types SET color = 'New' {at}", fleet.template)
    fleet.made = fleet.plan()
    locking = {
        "target": "SELECT FROM reconcile.target WHERE organization_id = %s FOR UPDATE",
        "tenant": f"SELECT FROM entity_types {at} FOR UPDATE",
    }
    with psycopg.connect(world.dsn) as writer:
        writer.execute(locking[row], (fleet.ids[2],))
        outcome = fleet.apply(wave="4", max_failures=1, lock_timeout="50ms")
    assert verdicts(fleet, outcome) == ["applied", "applied", "refused", "applied", "applied"]
    assert outcome.refused[0].reason == "locked"
    assert outcome.exit_code == Exit.LOCKED
    assert fleet.apply(wave="1").status == "applied"
    assert fleet.done() == dict.fromkeys(fleet.ids, 1)


def test_two_processes_on_one_plan_do_each_target_once(fleet: Fleet) -> None:
    found: list[Outcome] = []
    threads = [
        Thread(target=lambda size=size: found.append(fleet.apply(wave=size, lock_timeout="30s")))
        for size in ("1", "2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    fleet.whole(*fleet.ids)
    for one in fleet.ids:
        assert sorted(outcome.targets[one] for outcome in found) == ["already_applied", "applied"]


@pytest.mark.parametrize("point", [2, 25, "commit", "committed"])
def test_killed_in_the_second_wave_and_gone_on_with(fleet: Fleet, point: int | str) -> None:
    """It ends as an undisturbed one."""
    undisturbed = Fleet(fleet.world, fleet.template, 5)
    undisturbed.apply(wave="2")
    began = passed = 0

    def die(connection: psycopg.Connection[Any], what: object) -> None:
        nonlocal began, passed
        began += isinstance(what, bytes) and b"READ WRITE" in what
        if began < 2:
            return
        passed += 1
        if what == b"COMMIT" and point == "committed":
            connection.pgconn.exec_(b"COMMIT")
        if passed == point or (what == b"COMMIT" and isinstance(point, str)):
            os.kill(os.getpid(), signal.SIGKILL)

    fleet.own = fleet.world.sql(OWN)
    assert in_a_child(lambda: fleet.apply(wave="2"), die) == -signal.SIGKILL
    stopped = fleet.ids[: 4 if point == "committed" else 2]
    fleet.whole(*stopped)
    outcome = fleet.apply(wave="3")
    assert outcome.having("already_applied") == stopped
    fleet.whole(*fleet.ids)
    agents = {row[1] for rows in fleet.rows().values() for row in rows if row[0] == "agent"}
    assert len(agents) == 5

    def told(some: Fleet) -> list[list[tuple[Any, ...]]]:
        # Ids of agents are minted for their organisations.
        return [
            [(kind, "" if kind == "agent" else key, *rest) for kind, key, *rest in rows]
            for rows in some.rows().values()
        ]

    assert told(fleet) == told(undisturbed)
    assert fleet.plan().empty


@pytest.mark.parametrize(("lose", "status"), [(cut_after, "applied"), (cut, "not applied")])
def test_lost_at_commit_of_a_wave(fleet: Fleet, lose: Any, status: str) -> None:
    with at_commit(fleet.world, lose):
        if status == "applied":
            assert fleet.apply(wave="2").status == "applied"
        else:
            with pytest.raises(reconciler.NotAppliedError):
                fleet.apply(wave="2")
    fleet.apply(wave="2")
    fleet.whole(*fleet.ids)


def test_a_connection_that_ends_in_the_second_wave(fleet: Fleet) -> None:
    began = 0

    def end(connection: psycopg.Connection[Any], what: object) -> None:
        nonlocal began
        began += isinstance(what, bytes) and b"READ WRITE" in what
        if began == 2 and what == b"answered":
            cut(connection)

    with between_statements(end), pytest.raises(StoppedError) as caught:
        fleet.apply(wave="2")
    assert isinstance(caught.value.__cause__, DatabaseError)
    assert "Go on with: reconcile apply FILE --wave 2" in caught.value.hint
    assert caught.value.outcome.having("applied") == fleet.ids[:2]
    fleet.whole(*fleet.ids[:2])


def test_a_wave_is_undone_alone(fleet: Fleet) -> None:
    outcome = fleet.apply(wave="2")
    second = outcome.waves[1].revision
    undo = library.plan_undo(fleet.world.dsn, second, actor="user_ana")
    assert [target.organization.id for target in undo.targets] == fleet.ids[2:4]
    undone = fleet.world.apply(undo, wave="1")
    assert len(undone.waves) == 2
    live = "SELECT organization_id FROM entity_types WHERE slug = 'person' AND deleted_at IS NULL"
    assert {one for (one,) in fleet.world.sql(live)} & set(fleet.ids) == {
        *fleet.ids[:2],
        fleet.ids[4],
    }
    told = {one.number: one for one in library.history(fleet.world.dsn, limit=5)}
    assert told[second].undone_by == tuple(wave.revision for wave in undone.waves)
    assert fleet.world.sql(OWN) == fleet.own


def test_targets_in_which_nothing_changes_are_in_no_wave(fleet: Fleet) -> None:
    fleet.world.apply(fleet.plan(fleet.ids[1]))
    fleet.made = fleet.plan()
    outcome = fleet.apply(wave="2")
    assert verdicts(fleet, outcome) == ["applied", "nothing_to_do", *["applied"] * 3]
    assert [wave.targets for wave in outcome.waves] == [2, 2]
    assert fleet.apply(wave="2").status == "already_applied"
