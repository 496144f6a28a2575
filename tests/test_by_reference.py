"""A template that is had by reference: one agent, and nothing of the template's rows."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import RefusedError
from reconciler.model.plan import Plan
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.settlers import noted, said, settled
from tests.fixtures.world import World


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    """A template whose own organisation is the catalog that it reads."""
    catalogs = gathered(shared_world)
    catalogs.uses(catalogs.home)
    catalogs.type(catalogs.home, "account", description="One")
    owns = catalogs.relationship(catalogs.home, "owns")
    catalogs.rule(owns, "account", "account")
    return catalogs


def plan(catalogs: Catalogs, *targets: str, **options: Any) -> Plan:
    return catalogs.world.plan(*targets, template=catalogs.agent, **options)


def agent(catalogs: Catalogs, target: str) -> tuple[Any, ...]:
    found = catalogs.world.sql(
        "SELECT template_agent_id, template_entity_id FROM agents WHERE organization_id = %s",
        target,
    )
    assert len(found) == 1
    return found[0]


def test_an_agent_is_all_that_is_installed(catalogs: Catalogs) -> None:
    target = catalogs.tenant()
    made = plan(catalogs, target, mode="reference")
    assert {one for one in said(made) if not one[1].startswith("member")} == {
        ("create", f"agent.{catalogs.agent}")
    }
    before = catalogs.world.dump("entity_types", "entity_relationship_types", with_versions=True)
    catalogs.world.apply(made)
    assert agent(catalogs, target) == (catalogs.agent, catalogs.entity)
    after = catalogs.world.dump("entity_types", "entity_relationship_types", with_versions=True)
    assert after == before
    for options in ({}, {"mode": "reference"}, {"convert": "reference"}):
        again = plan(catalogs, target, **options)
        settled(again)
        assert again.notes == ()


def test_what_the_catalog_changes_is_no_change_of_a_target(catalogs: Catalogs) -> None:
    target = catalogs.tenant()
    catalogs.world.apply(plan(catalogs, target, mode="reference"))
    catalogs.type(catalogs.home, "later")
    settled(plan(catalogs, target))


def test_of_several_targets_each_goes_on_as_it_is(catalogs: Catalogs) -> None:
    read, copied = catalogs.tenant(), catalogs.tenant()
    catalogs.world.apply(plan(catalogs, read, mode="reference"))
    catalogs.world.apply(plan(catalogs, copied))
    catalogs.type(catalogs.home, "later")
    made = plan(catalogs, read, copied)
    assert [(one.address, one.targets) for one in made.changes] == [
        ("entity_type.later", (copied,))
    ]
    catalogs.world.apply(made)
    settled(plan(catalogs, read, copied))


def test_it_is_uninstalled_and_that_is_undone(catalogs: Catalogs) -> None:
    target = catalogs.tenant()
    first = catalogs.world.apply(plan(catalogs, target, mode="reference"))
    gone = catalogs.world.apply(plan(catalogs, target, destroy=True))
    assert agent(catalogs, target) == (None, None)
    from reconciler import library

    for revision, wanted in (
        (gone.revision, (catalogs.agent, catalogs.entity)),
        (first.revision, (None, None)),
    ):
        assert revision is not None
        back = library.plan_undo(catalogs.world.dsn, revision, actor="user_ana")
        catalogs.world.apply(back)
        assert agent(catalogs, target) == wanted
    # Whoever installs again gets the same agent back, in the way that is asked for.
    catalogs.world.apply(plan(catalogs, target))
    assert agent(catalogs, target) == (catalogs.agent, None)


@pytest.mark.parametrize(("way", "other"), [("copy", "reference"), ("reference", "copy")])
def test_a_mode_does_not_convert(catalogs: Catalogs, way: Any, other: Any) -> None:
    target = catalogs.tenant()
    catalogs.world.apply(plan(catalogs, target, mode=way))
    with pytest.raises(RefusedError, match=f"by {way}") as refused:
        plan(catalogs, target, mode=other)
    assert f"--convert {other}" in refused.value.hint


def test_what_is_not_installed_cannot_be_converted(catalogs: Catalogs) -> None:
    with pytest.raises(RefusedError, match="is not installed in") as refused:
        plan(catalogs, catalogs.tenant(), convert="reference")
    assert "--mode reference" in refused.value.hint


def test_a_template_that_reads_nothing_cannot_be_installed_so(catalogs: Catalogs) -> None:
    target = catalogs.tenant()
    catalogs.world.sql(
        "UPDATE organization SET visibility = 'private' WHERE id = %s", catalogs.home
    )
    with pytest.raises(RefusedError, match="is private"):
        plan(catalogs, target, mode="reference")
    bare = gathered(catalogs.world)
    with pytest.raises(RefusedError, match="reads no public catalog"):
        plan(bare, target, mode="reference")
    bare.world.sql("UPDATE entities SET deleted_at = now() WHERE id = %s", bare.entity)
    with pytest.raises(RefusedError, match="no entity stands for it"):
        plan(bare, target, mode="reference")


def test_who_uninstalls_is_told_what_goes_on_pointing_at_the_catalog(catalogs: Catalogs) -> None:
    target = catalogs.tenant()
    catalogs.world.apply(plan(catalogs, target, mode="reference"))
    found = catalogs.world.sql(
        "SELECT id FROM entity_types WHERE organization_id = %s AND slug = 'account'", catalogs.home
    )
    catalogs.thing(target, found[0][0], "one")
    gone = plan(catalogs, target, destroy=True)
    assert gone.conflicts == ()
    assert noted(gone) == {("still_referred", "entity_type.account")}
