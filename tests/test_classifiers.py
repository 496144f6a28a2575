"""Classifiers: of an organisation, of a watcher, of an entity; one version is the current one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pytest

from reconciler import library
from reconciler.model.plan import Plan
from tests.fixtures.publisher import Publisher, noted, reasons
from tests.fixtures.world import World
from tests.test_races import at_once

ROUNDS = 2


@dataclass
class Sorter(Publisher):
    """A publisher of classifiers."""

    def classifier(self, slug: str = "c", organization: str = "", **columns: Any) -> int:
        """A classifier with its first version, which says something else in a tenant."""
        row = {"slug": slug, "name": slug, "attribute_key": slug, "created_by": "user_ana",
               "organization_id": organization or self.public, **columns}  # fmt: skip
        identity = self.world.insert("event_classifiers", **row)
        mine = {"fallback_value": "mine"} if organization else {}
        self.sort(identity, 1, **mine)
        return int(identity)

    def sort(self, classifier: int, number: int, *, current: bool = True, **columns: Any) -> int:
        """A new version of a classifier, which becomes the current one."""
        if current:
            self.flag(classifier, None)
        row = {"classifier_id": classifier, "version": number, "is_current": current,
               "attribute_values": [{"value": f"v{number}"}], "created_by": "user_ana",
               **columns}  # fmt: skip
        return int(self.world.insert("event_classifier_versions", **row))

    def flag(self, classifier: int, version: int | None) -> None:
        """Make this version the current one, or none."""
        update = "UPDATE event_classifier_versions SET is_current = "
        self.world.sql(f"{update} false WHERE is_current AND classifier_id = %s", classifier)
        self.world.sql(f"{update} true WHERE id = %s", version)

    def entity_type(self, slug: str, organization: str = "") -> int:
        return int(self.world.insert(
            "entity_types", slug=slug, name=slug, organization_id=organization or self.public
        ))  # fmt: skip

    def entity(self, slug: str, organization: str, kind: str = "account", **columns: Any) -> int:
        """An entity of the organisation's own type of this slug."""
        ((of_type,),) = self.world.sql(
            "SELECT id FROM entity_types WHERE organization_id = %s AND slug = %s "
            "AND deleted_at IS NULL", organization, kind,
        )  # fmt: skip
        row = {"entity_type_id": of_type, "slug": slug, "name": slug, "created_by": "user_ana",
               "organization_id": organization, **columns}  # fmt: skip
        return int(self.world.insert("entities", **row))

    def classifiers(self, organization: str = "") -> list[tuple[Any, ...]]:
        """id, slug, entity, watcher, whether ours, current versions, all versions."""
        return self.world.sql(
            "SELECT c.id, c.slug, c.entity_id, c.watcher_id, "
            "c.managed_by_template_agent_id IS NOT DISTINCT FROM %s, "
            "array_remove(array_agg(v.version ORDER BY version) FILTER (WHERE v.is_current), NULL),"
            " array_agg(v.version ORDER BY version) FROM event_classifiers c "
            "LEFT JOIN event_classifier_versions v ON v.classifier_id = c.id "
            "WHERE c.organization_id = %s AND c.status = 'active' GROUP BY c.id ORDER BY 2, 3, 4",
            self.agent, organization or self.tenant,
        )  # fmt: skip


@pytest.fixture
def sorter(shared_world: World) -> Sorter:
    opened = Sorter.open(shared_world)
    assert isinstance(opened, Sorter)
    return opened


def deferred(plan: Plan) -> list[tuple[str, str, str]]:
    return [(str(one.address), str(one.refers_to), one.why)
            for one in plan.notes if one.about == "deferred"]  # fmt: skip


def test_each_scope_arrives_where_it_belongs_and_once(sorter: Sorter) -> None:
    world, acme = sorter.world, sorter.tenant
    watcher = sorter.watcher()
    sorter.entity_type("account")
    entity = sorter.entity("main", sorter.public)
    sorter.classifier("same", description="of all", attribute_key="k")
    sorter.classifier("same", watcher_id=watcher, description="of a watcher")
    sorter.classifier("same", entity_id=entity, description="of an entity")
    sorter.classifier("old", status="deprecated")
    plan = sorter.plan()
    assert deferred(plan) == [
        ("entity_classifier.account/main/same", "entity.account/main", "absent")
    ]
    world.apply(plan)
    assert [row[1:] for row in sorter.classifiers()] == [
        ("same", None, sorter.found()["id"], True, [1], [1]),
        ("same", None, None, True, [1], [1]),
    ]
    sorter.settled()
    assert deferred(sorter.plan()) == deferred(plan)
    # Another type's entity of that slug is not it, nor is a deleted one.
    sorter.entity_type("other", acme)
    sorter.entity("main", acme, "other")
    box = sorter.entity("box", acme)
    gone = sorter.entity("main", acme, parent_id=box, deleted_at="2026-01-01")
    sorter.settled()
    # Once the tenant has the entity, the next re-sync brings its classifier.
    world.sql("UPDATE entities SET deleted_at = NULL WHERE id = %s", gone)
    assert deferred(sorter.plan()) == []
    assert sorter.install().counts == {
        "entity_classifier": {"create": 1}, "entity_classifier_version": {"create": 1},
    }  # fmt: skip
    assert ("same", gone, None, True, [1], [1]) in [row[1:] for row in sorter.classifiers()]
    sorter.settled()
    # It goes on being managed.
    world.sql("UPDATE event_classifiers SET name = 'New', description = 'D' WHERE entity_id = %s",
              entity)  # fmt: skip
    assert sorter.install().counts == {"entity_classifier": {"update": 1}}
    assert world.sql("SELECT name, description, organization_id FROM event_classifiers "
                     "WHERE entity_id = %s", gone) == [("New", "D", acme)]  # fmt: skip


def test_of_two_entities_with_the_slug_neither_is_guessed(sorter: Sorter) -> None:
    sorter.entity_type("account")
    sorter.classifier(entity_id=sorter.entity("main", sorter.public))
    sorter.install()
    first = sorter.entity("main", sorter.tenant)
    second = sorter.entity("main", sorter.tenant, parent_id=first)
    assert deferred(sorter.plan()) == [
        ("entity_classifier.account/main/c", "entity.account/main", "ambiguous")
    ]
    sorter.settled()
    before = sorter.world.dump("entities", with_versions=True)
    sorter.world.sql("UPDATE entities SET deleted_at = now() WHERE id = %s", first)
    sorter.install()
    ((_, _, entity, _, ours, current, _),) = sorter.classifiers()
    assert (entity, ours, current) == (second, True, [1])
    sorter.settled()
    # Nothing of the tenant's own data was written.
    after = sorter.world.dump("entities", with_versions=True)
    assert len(set(before["entities"]) ^ set(after["entities"])) == 2


def test_a_new_version_becomes_the_only_current_one(sorter: Sorter) -> None:
    watcher = sorter.watcher()
    sorter.entity_type("account")
    made = [sorter.classifier(), sorter.classifier(watcher_id=watcher),
            sorter.classifier(entity_id=sorter.entity("main", sorter.public))]  # fmt: skip
    sorter.install()
    sorter.entity("main", sorter.tenant)
    sorter.install()
    old = sorter.world.dump("event_classifier_versions")["event_classifier_versions"]
    for number in (2, 3):
        for classifier in made:
            sorter.sort(classifier, number, min_similarity="0.7500", fallback_value=f"f{number}",
                        change_notes="why", extraction_config={"a": 1})  # fmt: skip
        sorter.install()
        assert [row[5:] for row in sorter.classifiers()] == [
            ([number], list(range(1, number + 1)))
        ] * 3
        sorter.settled()
    assert sorter.world.sql(
        "SELECT DISTINCT v.min_similarity::text, v.fallback_value, v.attribute_values::text "
        "FROM event_classifier_versions v JOIN event_classifiers c ON c.id = v.classifier_id "
        "WHERE c.organization_id = %s AND v.is_current", sorter.tenant,
    ) == [("0.7500", "f3", '[{"value": "v3"}]')]  # fmt: skip
    # Back again: the flag moves, and no row is made.
    for classifier in made:
        ((second,),) = sorter.world.sql(
            "SELECT id FROM event_classifier_versions WHERE classifier_id = %s AND version = 2",
            classifier,
        )
        sorter.flag(classifier, second)
    counts = sorter.install().counts
    assert all(actions == {"update": 1} for actions in counts.values())
    assert [row[5:] for row in sorter.classifiers()] == [([2], [1, 2, 3])] * 3
    sorter.settled()
    before = sorter.world.dump("event_classifier_versions", with_versions=True)
    assert sorter.install().status == "nothing_to_do"
    assert sorter.world.dump("event_classifier_versions", with_versions=True) == before
    flags = {line[0].replace(",t,", ",f,") for line in before["event_classifier_versions"]}
    assert {line[0].replace(",t,", ",f,") for line in old} <= flags


def test_without_a_current_version_a_classifier_is_not_placed(sorter: Sorter) -> None:
    half = sorter.classifier("half")
    sorter.flag(half, None)
    (conflict,) = sorter.plan().conflicts
    assert (conflict.reason, str(conflict.address), conflict.wrong) == (
        "incomplete", "classifier.half", "empty",
    )  # fmt: skip
    sorter.install(skip=["classifier.half"])
    assert sorter.classifiers() == []


@pytest.mark.parametrize("resolution", ["skip", "adopt"])
def test_the_tenants_own_current_version_is_kept(sorter: Sorter, resolution: str) -> None:
    made = sorter.classifier()
    sorter.install()
    ((own, *_),) = sorter.classifiers()
    sorter.sort(own, 2, fallback_value="mine")
    plan = sorter.plan()
    assert (plan.changes, plan.conflicts) == ((), ())
    assert [(one.about, one.column) for one in plan.notes] == [("kept_edit", "current")]
    sorter.sort(made, 2)
    assert reasons(sorter.plan()) == [("user_authored", "classifier_version.c/2")]
    sorter.settled(skip=["classifier_version.c/2"])
    sorter.sort(made, 3)
    assert reasons(sorter.plan()) == [("edited_both", "classifier.c")]
    sorter.install(**{resolution: ["classifier.c"]})
    ((*_, current, every),) = sorter.classifiers()
    assert (current, every) == ([3 if resolution == "adopt" else 2], [1, 2, 3])
    sorter.settled(skip=["classifier.c"])


def test_a_rewritten_version_is_a_conflict(sorter: Sorter) -> None:
    made = sorter.classifier()
    sorter.install()
    sorter.world.sql("UPDATE event_classifier_versions SET fallback_value = 'x', "
                     "attribute_values = '[]' WHERE classifier_id = %s", made)  # fmt: skip
    (conflict,) = sorter.plan().conflicts
    assert (conflict.reason, str(conflict.address)) == (
        "rewritten_version", "classifier_version.c/1",
    )  # fmt: skip
    assert {one.column for one in conflict.fields} == {"fallback_value", "attribute_values"}
    before = sorter.world.dump("event_classifier_versions", with_versions=True)
    sorter.settled(skip=["classifier_version.c/1"])
    assert sorter.world.dump("event_classifier_versions", with_versions=True) == before


def test_the_tenants_own_classifier_is_in_the_way_or_has_another_scope(sorter: Sorter) -> None:
    sorter.classifier("c")
    watcher = sorter.watcher()
    sorter.classifier("w", watcher_id=watcher)
    own = sorter.classifier("c", sorter.tenant)
    sorter.classifier("w", sorter.tenant)
    assert reasons(sorter.plan()) == [("user_authored", "classifier.c")]
    sorter.install(skip=["classifier.c"])
    assert [row[1:] for row in sorter.classifiers()] == [
        ("c", None, None, False, [1], [1]),
        ("w", None, sorter.found()["id"], True, [1], [1]),
        ("w", None, None, False, [1], [1]),
    ]
    # Adopted, its own version stays the tenant's, and is left as it is by name.
    plan = sorter.plan(adopt=["classifier.c"])
    assert reasons(plan) == [("user_authored", "classifier_version.c/1")]
    sorter.install(adopt=["classifier.c"], skip=["classifier_version.c/1"])
    assert sorter.classifiers()[0] == (own, "c", None, None, True, [1], [1])


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_two_installs_at_once_make_one_of_each(sorter: Sorter, turn: int) -> None:
    """No unique key protects an organisation's classifiers."""
    watcher = sorter.watcher()
    sorter.entity_type("account")
    for slug in ("c", "d"):
        sorter.classifier(slug)
    sorter.classifier(watcher_id=watcher)
    install = partial(library.install_agent_from_template, sorter.world.dsn, sorter.agent,
                      sorter.tenant, "user_ana")  # fmt: skip
    found = at_once(install, install, install)
    assert [one for one in found if isinstance(one, BaseException)] == []
    assert sum(one.created for one in found) == 1
    assert [row[1:] for row in sorter.classifiers()] == [
        ("c", None, sorter.found()["id"], True, [1], [1]),
        ("c", None, None, True, [1], [1]),
        ("d", None, None, True, [1], [1]),
    ]
    # Two re-syncs that bring the next version.
    ((made,),) = sorter.world.sql(
        "SELECT id FROM event_classifiers WHERE organization_id = %s AND slug = 'd'", sorter.public
    )
    sorter.sort(made, 2)
    found = at_once(install, install)
    assert [one for one in found if isinstance(one, BaseException)] == []
    assert sorter.classifiers()[2][5:] == ([2], [1, 2])
    with pytest.raises(psycopg.errors.UniqueViolation):
        sorter.world.sql("UPDATE event_classifier_versions SET is_current = true")
    sorter.settled()
    assert noted(sorter.plan()) == []
