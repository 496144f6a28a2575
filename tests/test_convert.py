"""From copies to references and back: nobody loses a row, and everything means what it did."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler import library, planfile
from reconciler.errors import RefusedError, StalePlanError
from reconciler.model.change import Retire
from reconciler.model.note import Shadow
from reconciler.model.plan import Plan
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.settlers import noted, said, settled
from tests.fixtures.world import World

ACCOUNT, LOAN, OWNS, OWNED = (
    "entity_type.account",
    "entity_type.loan",
    "relationship_type.owns",
    "relationship_type.owned_by",
)
# What the publisher's own people need goes to every tenant, too.
PUBLISHERS = {"entity_type.agent_template", "relationship_type.uses_catalog"}
MEANING = """
SELECT 'entity', e.slug, k.slug, k.metadata_schema FROM entities e
    JOIN entity_types k ON k.id = e.entity_type_id
    WHERE e.organization_id = %(o)s AND (k.organization_id = %(o)s OR k.organization_id = %(h)s)
      AND k.deleted_at IS NULL
UNION ALL SELECT 'relationship', r.id::text, k.slug, k.metadata_schema FROM entity_relationships r
    JOIN entity_relationship_types k ON k.id = r.relationship_type_id
    WHERE r.organization_id = %(o)s AND k.deleted_at IS NULL AND k.status = 'active'
ORDER BY 1, 2"""


@dataclass
class Town:
    """A tenant that has a copy of what the catalog offers, and two entities with a relationship."""

    catalogs: Catalogs
    tenant: str
    things: list[int]

    def plan(self, **options: Any) -> Plan:
        return self.catalogs.world.plan(self.tenant, template=self.catalogs.agent, **options)

    def apply(self, plan: Plan) -> int:
        outcome = self.catalogs.world.apply(planfile.loads(planfile.dumps(plan)))
        assert outcome.revision is not None
        return outcome.revision

    def own(self, table: str, slug: str) -> Any:
        return self.sql(
            f"SELECT id FROM {table} WHERE organization_id = %s AND slug = %s", self.tenant, slug
        )[0][0]

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.catalogs.world.sql(text, *values)

    def meaning(self) -> list[tuple[Any, ...]]:
        """What the entities and relationships are, whoever's vocabulary says so."""
        found = self.catalogs.world.connection.execute(
            MEANING.encode(), {"o": self.tenant, "h": self.catalogs.home}
        )
        return found.fetchall()

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """All of the tenant's rows but for what says when they were written."""
        found = {}
        for table in (
            "agents",
            "entity_types",
            "entity_relationship_types",
            "entities",
            "entity_relationships",
        ):
            found[table] = self.sql(
                "SELECT to_jsonb(t) - 'updated_at' - 'updated_by' - 'deleted_at', "
                f"to_jsonb(t) ->> 'deleted_at' IS NULL FROM {table} t "
                "WHERE organization_id = %s ORDER BY id::text",
                self.tenant,
            )
        return found

    def undo(self, revision: int, **options: Any) -> Plan:
        return library.plan_undo(self.catalogs.world.dsn, revision, actor="user_ana", **options)


@pytest.fixture
def town(shared_world: World) -> Town:
    return founded(shared_world)


def founded(shared_world: World) -> Town:
    """A tenant that has a copy of all that the catalog offers."""
    catalogs = gathered(shared_world)
    catalogs.uses(catalogs.home)
    schema = json.dumps({"type": "object", "required": ["iban"]})
    for slug in ("account", "loan", "person"):
        catalogs.type(catalogs.home, slug, metadata_schema=schema)
    owns = catalogs.relationship(catalogs.home, "owns")
    catalogs.rule(owns, "person", "account")
    owned = catalogs.relationship(catalogs.home, "owned_by", inverse_type_id=owns)
    shared_world.sql(
        "UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s", owned, owns
    )
    town = Town(catalogs, catalogs.tenant(), [])
    town.apply(town.plan())
    own = town.own("entity_types", "account")
    town.things += [catalogs.thing(town.tenant, own, f"thing-{n}") for n in range(3)]
    shared_world.sql("UPDATE entities SET deleted_at = now() WHERE id = %s", town.things[2])
    shared_world.insert(
        "entity_relationships",
        organization_id=town.tenant,
        from_entity_id=town.things[0],
        to_entity_id=town.things[1],
        relationship_type_id=town.own("entity_relationship_types", "owns"),
    )
    return town


def test_what_nobody_customised_gives_way_and_everything_means_what_it_did(town: Town) -> None:
    before, rows = town.meaning(), town.rows()
    assert len(before) == 4
    plan = town.plan(convert="reference")
    gone = {ACCOUNT, LOAN, OWNS, OWNED, "entity_type.person", *PUBLISHERS}
    assert said(plan) == {
        ("update", f"agent.{town.catalogs.agent}"), *(("retire", one) for one in gone)
    }  # fmt: skip
    assert plan.notes == ()
    (account,) = [one for one in plan.changes if one.address == ACCOUNT]
    assert isinstance(account, Retire)
    (followed,) = account.repointed
    assert (followed.table, followed.number) == ("entities", 3)
    first = town.apply(plan)
    assert town.meaning() == before
    assert town.sql(
        "SELECT DISTINCT k.organization_id FROM entities e JOIN entity_types k "
        "ON k.id = e.entity_type_id WHERE e.organization_id = %s", town.tenant
    ) == [(town.catalogs.home,)]  # fmt: skip
    settled(town.plan())
    settled(town.plan(convert="reference"))
    back = town.plan(convert="copy")
    assert {action for action, _ in said(back)} == {"update", "restore"}
    town.apply(back)
    assert town.meaning() == before
    assert town.rows() == rows
    settled(town.plan())
    settled(town.plan(convert="copy"))
    # And both are undone, the last one first.
    town.apply(town.undo(first + 1))
    assert town.meaning() == before
    town.apply(town.undo(first))
    assert town.rows() == rows
    settled(town.plan())


def test_what_is_customised_stays_and_shadows(town: Town) -> None:
    town.sql(
        "UPDATE entity_types SET description = 'Mine' WHERE id = %s",
        town.own("entity_types", "account"),
    )
    owns = town.own("entity_relationship_types", "owns")
    town.catalogs.rule(owns, "loan", "account")
    town.catalogs.type(town.tenant, "pet")
    town.catalogs.type(town.catalogs.home, "pet")
    loan = town.sql(
        "UPDATE entity_types SET name = 'Newer' WHERE organization_id = %s AND slug = 'loan' "
        "RETURNING id", town.catalogs.home
    )  # fmt: skip
    assert loan
    before = town.meaning()
    plan = town.plan(convert="reference")
    stays = {
        (str(one.address), one.because, one.columns)
        for one in plan.notes
        if isinstance(one, Shadow)
    }
    assert stays == {
        (ACCOUNT, "edited", ("description",)),
        (LOAN, "behind", ("name",)),
        ("entity_type.pet", "own", ()),
        (OWNS, "in_use", ()),
        (OWNED, "referred", ()),
    }
    assert said(plan) == {
        ("update", f"agent.{town.catalogs.agent}"),
        *(("retire", one) for one in ("entity_type.person", *PUBLISHERS)),
    }
    town.apply(plan)
    assert town.meaning() == before
    settled(town.plan(convert="reference"))
    settled(town.plan())


def test_rows_that_came_or_went_meanwhile_make_it_stale(town: Town) -> None:
    plan = town.plan(convert="reference")
    own = town.own("entity_types", "account")
    new = town.catalogs.thing(town.tenant, own, "new")
    before = town.rows()
    with pytest.raises(StalePlanError, match="other entities point at it"):
        town.apply(plan)
    town.sql("DELETE FROM entities WHERE id = %s", new)
    town.sql("UPDATE entities SET entity_type_id = %s WHERE id = %s",
             town.own("entity_types", "loan"), town.things[0])  # fmt: skip
    with pytest.raises(StalePlanError, match="other entities point at it"):
        town.apply(plan)
    town.sql("UPDATE entities SET entity_type_id = %s WHERE id = %s", own, town.things[0])
    assert town.rows()["entities"] == [one for one in before["entities"] if one[0]["id"] != new]
    town.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", town.catalogs.home)
    with pytest.raises(RefusedError, match="private"):
        town.apply(plan)
    town.sql("UPDATE organization SET visibility = 'public' WHERE id = %s", town.catalogs.home)
    town.apply(plan)


def test_somebody_elses_rows_are_not_pointed_elsewhere(town: Town) -> None:
    stranger = town.catalogs.tenant()
    theirs = town.catalogs.thing(stranger, town.own("entity_types", "account"), "theirs")
    was = town.sql("SELECT xmin::text, entity_type_id FROM entities WHERE id = %s", theirs)
    plan = town.plan(convert="reference")
    assert ("shadow", ACCOUNT) in noted(plan)
    town.apply(plan)
    assert town.sql("SELECT xmin::text, entity_type_id FROM entities WHERE id = %s", theirs) == was


def test_a_nearer_catalog_is_no_place_to_give_way_to(town: Town) -> None:
    nearer = town.catalogs.catalog()
    town.catalogs.type(nearer, "account")
    town.catalogs.uses(nearer, position=0)
    plan = town.plan(convert="reference")
    assert [one.because for one in plan.notes if isinstance(one, Shadow)] == ["elsewhere"]


def test_what_was_installed_by_reference_gets_copies(town: Town) -> None:
    catalogs, other = town.catalogs, Town(town.catalogs, town.catalogs.tenant(), [])
    first = other.apply(other.plan(mode="reference"))
    catalog = town.sql(
        "SELECT id FROM entity_types WHERE organization_id = %s AND slug = 'account'",
        catalogs.home,
    )[0][0]
    other.things.append(catalogs.thing(other.tenant, catalog, "by-reference"))
    before, rows = other.meaning(), other.rows()
    plan = other.plan(convert="copy")
    assert {("create", ACCOUNT), ("create", OWNS)} <= said(plan)
    revision = other.apply(plan)
    assert other.meaning() == before
    assert other.sql("SELECT entity_type_id FROM entities WHERE id = %s", other.things[0]) == [
        (other.own("entity_types", "account"),)
    ]
    settled(other.plan())
    other.apply(other.undo(revision))
    assert other.meaning() == before
    after = other.rows()
    assert (after["entities"], after["agents"]) == (rows["entities"], rows["agents"])
    assert first


def test_what_was_entered_by_reference_comes_home_after_an_undo(town: Town) -> None:
    revision = town.apply(town.plan(convert="reference"))
    (catalog,) = town.sql(
        "SELECT id FROM entity_types WHERE organization_id = %s AND slug = 'account'",
        town.catalogs.home,
    )
    late = town.catalogs.thing(town.tenant, catalog[0], "late")
    town.apply(town.undo(revision))
    before = town.rows()
    plan = town.plan(convert="copy")
    assert said(plan) == {("update", ACCOUNT)}
    town.apply(plan)
    settled(town.plan(convert="copy"))
    (now,) = town.sql("SELECT entity_type_id FROM entities WHERE id = %s", late)
    assert now == (town.own("entity_types", "account"),)
    assert [one for one in town.rows()["entities"] if one[0]["id"] != late] == [
        one for one in before["entities"] if one[0]["id"] != late
    ]
