"""Several at once: installs, appliers, tenants and publishers that meet each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import psycopg
import pytest

from reconciler import library
from reconciler.database import asking
from reconciler.database.connection import Connection
from reconciler.errors import LockedError, StalePlanError
from reconciler.model.change import Create
from reconciler.model.outcome import Installation, Outcome
from reconciler.model.plan import Plan
from tests.fixtures.shown import Variants
from tests.fixtures.world import World

ROUNDS = 20
_numbers = count(1)


@dataclass
class Publisher:
    """A small public template: two entity types, two relationship types, three rules."""

    world: World
    agent: str
    organization: str
    prefix: str

    @classmethod
    def open(cls, world: World, prefix: str = "") -> Publisher:
        organization = world.organization(visibility="public")
        agent = f"agent_{organization}"
        world.insert("agents", id=agent, organization_id=organization, name="Small")
        self = cls(world, agent, organization, prefix)
        for slug in ("person", "account"):
            world.insert("entity_types", slug=prefix + slug, name=slug, description="v0",
                         metadata_schema={"title": "v0"}, organization_id=organization)  # fmt: skip
        ids = [
            world.insert("entity_relationship_types", slug=prefix + slug, name=slug,
                         description="v0", organization_id=organization)
            for slug in ("owns", "owned_by")
        ]  # fmt: skip
        world.sql("UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s", *ids)
        for pair in (("person", "account"), ("person", "person"), ("account", "person")):
            world.insert("entity_relationship_type_rules", relationship_type_id=ids[0],
                         source_entity_type_slug=pair[0],
                         target_entity_type_slug=pair[1])  # fmt: skip
        return self

    def publish(self, version: str) -> None:
        """A new version of everything, in one transaction of a connection of its own."""
        with psycopg.connect(self.world.dsn) as other:
            for table in ("entity_types", "entity_relationship_types"):
                other.execute(
                    f"UPDATE {table} SET description = %s WHERE organization_id = %s",
                    (version, self.organization),
                )


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of these calls, or the errors that they raised, begun at the same moment."""
    barrier = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


def one_set_of_rows(world: World, organization: str, agent: str) -> None:
    """One agent, and every row of the small template exactly once."""
    installed = world.sql("SELECT id FROM agents WHERE organization_id = %s", organization)
    assert installed == [(agent,)]
    for table, slugs in (
        ("entity_types", ["account", "person"]),
        ("entity_relationship_types", ["owned_by", "owns"]),
    ):
        found = world.sql(
            f"SELECT slug FROM {table} WHERE organization_id = %s ORDER BY slug", organization
        )
        assert found == [(slug,) for slug in slugs]
    assert world.sql(
        "SELECT r.source_entity_type_slug, r.target_entity_type_slug, i.slug "
        "FROM entity_relationship_type_rules r "
        "JOIN entity_relationship_types t ON t.id = r.relationship_type_id "
        "JOIN entity_relationship_types i ON i.inverse_type_id = t.id "
        "WHERE t.organization_id = %s AND i.organization_id = t.organization_id ORDER BY 1, 2",
        organization,
    ) == [
        ("account", "person", "owned_by"),
        ("person", "account", "owned_by"),
        ("person", "person", "owned_by"),
    ]
    assert world.sql(
        "SELECT count(*) FROM reconcile.placement WHERE organization_id = %s", organization
    ) == [(8,)]


@pytest.mark.shows("two first installs at once", "one agent, one set of rows")
@pytest.mark.parametrize("other", ["user_ana", "user_pia"])
def test_two_first_installs_make_one_agent_and_one_set_of_rows(
    shared_world: World, other: str
) -> None:
    """Two clicks of one person, and two people at once: the plans of these differ."""
    world = shared_world
    template = Publisher.open(world)
    for _ in range(ROUNDS // 2):
        organization = world.organization()
        world.insert("member", id=f"pia_{organization}", organizationId=organization,
                     userId="user_pia", role="admin", createdAt="2026-01-01")  # fmt: skip

        install = partial(
            library.install_agent_from_template, world.dsn, template.agent, organization
        )
        first, second = at_once(partial(install, "user_ana"), partial(install, other))
        assert isinstance(first, Installation), first
        assert isinstance(second, Installation), second
        assert first.agent_id == second.agent_id
        assert first.organization_id == second.organization_id == organization
        assert sorted([first.created, second.created]) == [False, True]
        winner = first if first.created else second
        assert winner.counts["entity_type"] == {"create": 2}
        assert winner.counts["relationship_rule"] == {"create": 3}
        one_set_of_rows(world, organization, first.agent_id)
    again = install("user_ana")
    assert (again.agent_id, again.created, again.counts) == (first.agent_id, False, {})


@contextmanager
def before_each_trip(step: Callable[[int], None]) -> Iterator[None]:
    """Call `step` with its number before each round trip."""
    real, numbers = asking._sent_together, count(1)

    def sent(to: Connection, statements: Sequence[asking.Runnable]) -> Any:
        step(next(numbers))
        return real(to, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "_sent_together", sent)
        yield


@pytest.mark.shows(
    "the template changes while it is read", "a plan shows one version of it, never a mixture"
)
def test_a_template_published_while_it_is_read_never_mixes_two_versions(
    shared_world: World,
) -> None:
    template = Publisher.open(shared_world)
    organization = shared_world.organization()
    trips: list[int] = []
    with before_each_trip(trips.append):
        shared_world.plan(organization, template=template.agent)
    assert len(trips) > 3
    seen, old = [], "v0"
    for moment in trips:
        new = f"v{moment}"

        def publish(trip: int, moment: int = moment, new: str = new) -> None:
            if trip == moment:
                template.publish(new)

        with before_each_trip(publish):
            plan = shared_world.plan(organization, template=template.agent)
        versions = {
            change.values["description"]
            for change in plan.changes
            if isinstance(change, Create) and change.address.kind.endswith("_type")
        }
        assert versions in ({old}, {new}), f"mixed before round trip {moment}"
        seen.append(versions == {new})
        old = new
    # The first trip begins the snapshot, so only what was published before it is in.
    assert seen[0]
    assert not any(seen[1:])


def deadlocks(world: World) -> int:
    """How many deadlocks this database has seen."""
    world.sql("SELECT pg_stat_force_next_flush()")
    ((found,),) = world.sql(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return int(found)


@pytest.mark.shows("two appliers with overlapping targets", "both end, one after the other")
def test_appliers_with_overlapping_targets_take_turns(shared_world: World) -> None:
    """Two templates into the same organisations, named in opposite order: both are applied."""
    world = shared_world
    before = deadlocks(world)
    one, other = Publisher.open(world), Publisher.open(world, prefix="other_")
    a, b, c, d, e = (world.organization(f"z_{letter}") for letter in "abcde")
    for version, left, right in (("v1", (a, b, c, d), (e, d, c, b)),
                                 ("v2", (d, c, b, a), (b, c, d, e))):  # fmt: skip
        one.publish(version)
        other.publish(version)
        plans = [
            world.plan(*left, template=one.agent),
            world.plan(*right, template=other.agent),
        ]
        with before_each_trip(lambda _: time.sleep(0.01)):
            outcomes = at_once(*(partial(world.apply, plan) for plan in plans))
        assert [getattr(one, "status", one) for one in outcomes] == ["applied", "applied"]
        assert outcomes[0].counts["entity_type"] == {"create" if version == "v1" else "update": 8}
    assert deadlocks(world) == before


@pytest.mark.shows("two plans for the same rows", "one is applied, the other is stale")
def test_two_plans_for_the_same_rows_one_is_applied_and_the_other_is_stale(
    shared_world: World,
) -> None:
    world = shared_world
    template = Publisher.open(world)
    a, b, c = (world.organization() for _ in range(3))
    plans: list[Plan] = [
        world.plan(a, b, template=template.agent),
        world.plan(c, b, template=template.agent),
    ]
    outcomes = at_once(*(partial(world.apply, plan) for plan in plans))
    assert {type(one) for one in outcomes} == {Outcome, StalePlanError}
    (stale,) = [one for one in outcomes if isinstance(one, StalePlanError)]
    assert "exists by now" in stale.message
    # All or nothing: the organisation that only the stale plan names has no row.
    loser = plans[outcomes.index(stale)]
    (untouched,) = {one.organization.id for one in loser.targets} - {b}
    assert world.sql("SELECT 1 FROM entity_types WHERE organization_id = %s", untouched) == []
    # The same plan from two at once is applied once, and both are told so.
    same = world.plan(untouched, template=template.agent)
    outcomes = at_once(partial(world.apply, same), partial(world.apply, same))
    assert sorted(one.status for one in outcomes) == ["already_applied", "applied"]
    assert outcomes[0].revision == outcomes[1].revision
    assert outcomes[0].counts == outcomes[1].counts


@pytest.mark.shows("a tenant writes other rows during an apply", "the tenant does not wait")
def test_a_tenant_who_writes_unrelated_rows_meanwhile_is_not_blocked(shared_world: World) -> None:
    world = shared_world
    template = Publisher.open(world)
    target, other = world.organization(), world.organization()
    world.install(target, template=template.agent, skip=[])
    template.publish("v1")
    plan = world.plan(target, template=template.agent)
    managed = "SELECT id FROM entity_types WHERE organization_id = %s AND slug = 'person'"
    ((person,),) = world.sql(managed, target)
    written: list[int] = []

    def tenant(trip: int) -> None:
        """What its people and its agents do all day, before every round trip of the apply."""
        with psycopg.connect(world.dsn, options="-c lock_timeout=500") as own:
            for organization in (target, other):
                slug = f"own{trip}"
                own.execute("INSERT INTO entity_types (slug, name, organization_id) "
                            "VALUES (%s, 'Own', %s)", (slug, organization))  # fmt: skip
                own.execute("UPDATE entity_types SET name = 'Mine' WHERE organization_id = %s "
                            "AND slug = %s", (organization, slug))  # fmt: skip
                own.execute("INSERT INTO entities (entity_type_id, name, slug, organization_id, "
                            "created_by) VALUES (%s, 'x', %s, %s, 'user_ana')",
                            (person, slug, organization))  # fmt: skip
                own.execute("UPDATE organization SET name = name || '.' WHERE id = %s",
                            (organization,))  # fmt: skip
                own.execute("SELECT * FROM entity_types WHERE organization_id = %s",
                            (organization,))  # fmt: skip
        written.append(trip)

    with before_each_trip(tenant):
        assert world.apply(plan).counts["entity_type"] == {"update": 2}
    assert len(written) > 2
    assert world.plan(target, template=template.agent).empty
    ((own,),) = world.sql(
        "SELECT count(*) FROM entity_types WHERE organization_id = %s AND slug LIKE 'own%%'", target
    )
    assert own == len(written)


def behind(world: World) -> tuple[Publisher, str, Plan, int]:
    """A plan that changes two types of a target, and in how many round trips one is applied."""
    template, trips = Publisher.open(world), []
    target = world.organization()
    world.install(target, template=template.agent, skip=[])
    template.publish("v1")
    with before_each_trip(trips.append):
        world.apply(world.plan(target, template=template.agent))
    template.publish("v2")
    before = len(trips)
    with before_each_trip(trips.append):
        plan = world.plan(target, template=template.agent)
    return template, target, plan, before - (len(trips) - before)


EDIT = "UPDATE entity_types SET description = 'Mine' WHERE organization_id = %s AND slug = 'person'"
EDITED = "SELECT description FROM entity_types WHERE organization_id = %s AND slug = 'person'"


@pytest.mark.shows(
    "a tenant edits a row of the plan at any moment of an apply",
    "the plan is stale and the edit stands, or the edit has to wait",
)
def test_a_row_that_was_checked_stays_so_until_it_is_written(
    shared_world: World, variants: Variants
) -> None:
    world = shared_world
    template, target, plan, trips = behind(world)
    ends = set()
    for moment in range(1, trips + 1):

        def edit(trip: int, moment: int = moment) -> None:
            if trip == moment:
                with psycopg.connect(world.dsn, options="-c lock_timeout=50") as own:
                    own.execute(EDIT, (target,))

        with before_each_trip(edit):
            (end,) = at_once(partial(world.apply, plan))
        ends.add(type(end))
        assert isinstance(end, StalePlanError | psycopg.errors.LockNotAvailable | LockedError)
        if isinstance(end, StalePlanError):
            assert world.sql(EDITED, target) == [("Mine",)]
            world.apply(world.plan(target, template=template.agent))
        template.publish(f"v{moment + 2}")
        plan = world.plan(target, template=template.agent)
        variants.add()
    assert len(ends) == 2


def test_a_retry_looks_at_everything_again(shared_world: World) -> None:
    world = shared_world
    _, target, plan, trips = behind(world)

    def fail_and_edit(trip: int) -> None:
        if trip == trips:
            raise psycopg.errors.SerializationFailure
        if trip == trips + 1:
            world.sql(EDIT, target)

    with before_each_trip(fail_and_edit), pytest.raises(StalePlanError, match="description"):
        world.apply(plan)
    assert world.sql(EDITED, target) == [("Mine",)]


def test_an_apply_has_its_targets_to_itself_from_its_first_question(shared_world: World) -> None:
    world = shared_world
    _, target, plan, trips = behind(world)
    free: list[int] = []

    def look(trip: int) -> None:
        row = "SELECT FROM reconcile.target WHERE organization_id = %s FOR UPDATE SKIP LOCKED"
        if world.sql(f"SELECT count(*) FROM ({row}) AS t", target) == [(1,)]:
            free.append(trip)

    with before_each_trip(look):
        world.apply(plan)
    assert (free, trips > 2) == ([1], True)
