"""The view of an entity type: the template's current version, unless the tenant chose its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.publisher import Publisher, noted, reasons
from tests.fixtures.world import World

TABLES = ("view_templates", "view_template_versions", "entity_types")


@dataclass
class Layouts(Publisher):
    """A publisher of views."""

    def view(self, slug: str, layout: Any, organization: str = "") -> int:
        """A view template with its first version; returns the version."""
        template = self.world.insert(
            "view_templates", slug=slug, name=slug, organization_id=organization or self.public
        )
        return self.layout(template, 1, layout)

    def layout(self, template: int, number: int, layout: Any) -> int:
        return int(self.world.insert(
            "view_template_versions", view_template_id=template, version=number, layout=layout,
            created_by="user_ana",
        ))  # fmt: skip

    def next(self, version: int, number: int, layout: Any) -> int:
        """Another version of the same view template."""
        ((template,),) = self.world.sql(
            "SELECT view_template_id FROM view_template_versions WHERE id = %s", version
        )
        return self.layout(template, number, layout)

    def entity_type(self, slug: str, view: int | None) -> None:
        self.world.insert("entity_types", slug=slug, name=slug, organization_id=self.public,
                          current_view_template_version_id=view)  # fmt: skip

    def show(self, slug: str, view: int | None, organization: str = "") -> None:
        """Choose another view for a type."""
        self.world.sql(
            "UPDATE entity_types SET current_view_template_version_id = %s "
            "WHERE organization_id = %s AND slug = %s", view, organization or self.public, slug,
        )  # fmt: skip

    def shown(self, organization: str = "") -> dict[str, tuple[Any, ...] | None]:
        """Whose view each type has, of which template, its number and its layout."""
        found = self.world.sql(
            "SELECT e.slug, t.organization_id = e.organization_id, t.slug, v.version, "
            "v.layout::text FROM entity_types e "
            "LEFT JOIN view_template_versions v ON v.id = e.current_view_template_version_id "
            "LEFT JOIN view_templates t ON t.id = v.view_template_id "
            "WHERE e.organization_id = %s ORDER BY e.slug", organization or self.tenant,
        )  # fmt: skip
        return {slug: tuple(view) if view[0] is not None else None for slug, *view in found}


@pytest.fixture
def layouts(shared_world: World) -> Layouts:
    opened = Layouts.open(shared_world)
    assert isinstance(opened, Layouts)
    return opened


def test_a_types_view_arrives_with_it_and_follows_the_template(layouts: Layouts) -> None:
    page = layouts.view("page", {"a": 1.10})
    layouts.entity_type("account", page)
    layouts.entity_type("budget", page)
    layouts.entity_type("plain", None)
    layouts.install()
    first = (True, "page", 1, '{"a": 1.1}')
    assert layouts.shown() == {"account": first, "budget": first, "plain": None}
    assert layouts.world.sql(
        "SELECT managed_by_template_agent_id, source_template_org_id FROM view_templates "
        "WHERE organization_id = %s", layouts.tenant,
    ) == [(layouts.agent, layouts.public)]  # fmt: skip
    layouts.settled()
    # One type shows the next version, the other goes on with the first.
    second = layouts.next(page, 2, {"b": 2})
    layouts.settled()
    layouts.show("account", second)
    layouts.show("plain", second)
    old = layouts.world.dump("view_template_versions", with_versions=True)
    assert layouts.install().counts == {
        "entity_type": {"update": 2}, "view_template_version": {"create": 1},
    }  # fmt: skip
    new = (True, "page", 2, '{"b": 2}')
    assert layouts.shown() == {"account": new, "budget": first, "plain": new}
    now = layouts.world.dump("view_template_versions", with_versions=True)
    assert set(old["view_template_versions"]) < set(now["view_template_versions"])
    # Back again, and none at all.
    layouts.show("account", page)
    layouts.show("plain", None)
    layouts.install()
    assert layouts.shown() == {"account": first, "budget": first, "plain": None}
    before = layouts.world.dump(*TABLES, with_versions=True)
    assert layouts.install().status == "nothing_to_do"
    assert layouts.world.dump(*TABLES, with_versions=True) == before
    assert noted(layouts.plan()) == []


@pytest.mark.parametrize("resolution", ["skip", "adopt"])
@pytest.mark.parametrize("choice", ["its own", "none"])
def test_a_tenant_that_chose_its_own_view_keeps_it(
    layouts: Layouts, choice: str, resolution: str
) -> None:
    page = layouts.view("page", {"a": 1})
    layouts.entity_type("account", page)
    layouts.install()
    own = layouts.view("mine", {"mine": True}, layouts.tenant) if choice == "its own" else None
    layouts.show("account", own, layouts.tenant)
    kept = layouts.shown()
    plan = layouts.plan()
    assert (plan.changes, plan.conflicts) == ((), ())
    assert [(one.about, str(one.address), one.column) for one in plan.notes] == [
        ("kept_edit", "entity_type.account", "current_view_template_version_id")
    ]
    # Another change of the type's arrives all the same.
    layouts.world.sql("UPDATE entity_types SET name = 'New' WHERE organization_id = %s",
                      layouts.public)  # fmt: skip
    assert layouts.install().counts == {"entity_type": {"update": 1}}
    assert layouts.shown() == kept
    # The template's next version is a question.
    layouts.show("account", layouts.next(page, 2, {"a": 2}))
    assert reasons(layouts.plan()) == [("edited_both", "entity_type.account")]
    layouts.install(**{resolution: ["entity_type.account"]})
    taken = {"account": (True, "page", 2, '{"a": 2}')}
    assert layouts.shown() == (taken if resolution == "adopt" else kept)
    layouts.settled(skip=["entity_type.account"])


def test_a_views_versions_are_history_too(layouts: Layouts) -> None:
    page = layouts.view("page", {"a": 1})
    layouts.entity_type("account", page)
    layouts.install()
    layouts.world.sql("UPDATE view_template_versions SET layout = '{\"a\": 2}' WHERE id = %s", page)
    (conflict,) = layouts.plan().conflicts
    assert (conflict.reason, str(conflict.address)) == (
        "rewritten_version", "view_template_version.page/1",
    )  # fmt: skip
    layouts.settled(skip=["view_template_version.page/1"])
    assert layouts.shown() == {"account": (True, "page", 1, '{"a": 1}')}
    # The tenant has a version of its own under the next number.
    ((template,),) = layouts.world.sql(
        "SELECT id FROM view_templates WHERE organization_id = %s", layouts.tenant
    )
    layouts.layout(template, 2, {"mine": 1})
    layouts.show("account", layouts.next(page, 2, {"b": 2}))
    skip = ["view_template_version.page/1", "view_template_version.page/2"]
    assert reasons(layouts.plan(skip=skip[:1])) == [
        ("user_authored", "view_template_version.page/2")
    ]
    plan = layouts.plan(skip=skip)
    assert plan.changes == ()
    assert ("held", "entity_type.account") in noted(plan)
    layouts.show("account", layouts.next(page, 3, {"c": 3}))
    layouts.install(skip=skip[:1])
    assert layouts.shown() == {"account": (True, "page", 3, '{"c": 3}')}


def test_the_tenants_own_view_template_of_that_slug_is_in_the_way(layouts: Layouts) -> None:
    layouts.entity_type("account", layouts.view("page", {"a": 1}))
    layouts.view("page", {"mine": 1}, layouts.tenant)
    assert reasons(layouts.plan()) == [("user_authored", "view_template.page")]
    # Left alone, the type arrives without a view, and that is said.
    plan = layouts.plan(skip=["view_template.page"])
    assert plan.conflicts == ()
    assert ("unlinked", "entity_type.account") in noted(plan)
    layouts.world.apply(plan)
    assert layouts.shown() == {"account": None}
    layouts.settled(skip=["view_template.page"])


def test_a_release_without_views_ships_everything_else(world: World) -> None:
    layouts = Layouts.open(world)
    layouts.entity_type("account", None)
    world.sql("DROP TABLE view_template_versions, view_templates CASCADE")
    world.sql("ALTER TABLE entity_types DROP COLUMN current_view_template_version_id")
    plan = layouts.plan()
    assert set(plan.left_out) == {"view_template", "view_template_version"}
    layouts.world.apply(plan)
    assert world.sql("SELECT slug FROM entity_types WHERE organization_id = %s",
                     layouts.tenant) == [("account",)]  # fmt: skip
    layouts.settled()
