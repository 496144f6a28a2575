"""Converting many targets, in waves, and by roles that may do little, behind the fence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler import library
from reconciler.database.embedded import Server
from reconciler.errors import StalePlanError
from reconciler.model.change import Retire
from tests.fixtures.roles import Roles
from tests.fixtures.settlers import settled
from tests.fixtures.world import World, copied
from tests.test_convert import ACCOUNT, Town, founded


@pytest.fixture(scope="module")
def fenced(server: Server, seeded: str, roles: Roles) -> Iterator[World]:
    for world in copied(server, seeded):
        roles.fence_in(world.dsn)
        yield world


def neighbour(town: Town) -> Town:
    """Another tenant of the same template, with things of its own."""
    other = Town(town.catalogs, town.catalogs.tenant(), [])
    other.apply(other.plan())
    own = other.own("entity_types", "account")
    other.things.append(town.catalogs.thing(other.tenant, own, "other"))
    return other


def test_the_least_rights_are_enough_behind_the_fence(fenced: World, roles: Roles) -> None:
    town = founded(fenced)
    before, rows = town.meaning(), town.rows()
    for way in ("reference", "copy"):
        plan = library.plan(
            roles.planning(fenced.dsn), town.catalogs.agent, [town.tenant],
            actor="user_ana", convert=way,  # type: ignore[arg-type]
        )  # fmt: skip
        library.apply(roles.applying(fenced.dsn), plan)
        assert town.meaning() == before
    assert town.rows() == rows


def test_two_targets_are_one_change_a_row_and_each_is_its_own(shared_world: World) -> None:
    town = founded(shared_world)
    other = neighbour(town)
    both = sorted([town.tenant, other.tenant])
    plan = shared_world.plan(*both, template=town.catalogs.agent, convert="reference")
    (account,) = [one for one in plan.changes if one.address == ACCOUNT]
    assert isinstance(account, Retire)
    (followed,) = account.repointed
    things = {town.tenant: 3, other.tenant: 1}
    assert [len(rows) for rows in followed.rows] == [things[one] for one in both]
    means = [(one, one.meaning()) for one in (town, other)]
    done = shared_world.apply(plan, wave="1")
    assert len(done.waves) == 2
    for one, meant in means:
        assert one.meaning() == meant
        settled(one.plan(convert="reference"))
    for wave in reversed(done.waves):
        shared_world.apply(town.undo(wave.revision))
    for one, meant in means:
        assert one.meaning() == meant
        settled(one.plan())


def test_of_two_who_convert_at_once_one_is_late(shared_world: World) -> None:
    town = founded(shared_world)
    there, again = town.plan(convert="reference"), town.plan(convert="reference", name="Other")
    town.apply(there)
    assert shared_world.apply(there).status == "already_applied"
    rows = town.rows()
    with pytest.raises(StalePlanError):
        shared_world.apply(again)
    assert town.rows() == rows
