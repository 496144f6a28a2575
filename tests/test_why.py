"""Whose a row is and why: the answer of the planner and the ledger, about one row."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from reconciler import library
from reconciler.cli import main
from reconciler.errors import NotFoundError, ReconcilerError, RefusedError
from reconciler.model.why import Why
from reconciler.render.why import render
from tests.fixtures.publisher import Publisher
from tests.fixtures.vocabulary import Vocabulary

ACCOUNT = "entity_type.account"


def ask(publisher: Publisher, address: str = ACCOUNT, target: str = "", **more: Any) -> Why:
    return library.why(publisher.world.dsn, target or publisher.tenant, address, **more)


def columns(why: Why) -> dict[str, tuple[str, Any, Any, Any]]:
    return {
        one.column: (one.because.rule, one.base, one.target, one.template) for one in why.columns
    }


def flags(why: Why) -> list[str]:
    """What is offered, beyond the command that makes the plan."""
    return [way.command.split(maxsplit=5)[-1] for way in why.ways if way.command]


def tried(why: Why, publisher: Publisher) -> None:
    """What is offered can be typed, and does away with what the plan says of the row."""
    for way in why.ways:
        if way.command:
            command = [*shlex.split(way.command)[1:], "--as", "user_ana"]
            assert main([*command, "--database-url", publisher.world.dsn]) in (0, 3)
    if why.planned and why.planned[0].sort == "conflict":
        for flag in flags(why)[:-1]:
            action, _, address = flag.removeprefix("--").partition(" ")
            plan = publisher.plan(**{action: [address]})
            assert not [one for one in plan.conflicts if one.address == why.address]


def last(vocabulary: Publisher) -> int:
    ((number,),) = vocabulary.world.sql("SELECT max(id) FROM reconcile.revision")
    return int(number)


def held_against_the_plan(why: Why, publisher: Publisher, **more: Any) -> None:
    """What it says of a plan is what a plan says."""
    plan = publisher.plan(**more)
    said = [("change", one.action) for one in plan.changes if one.address == why.address]
    said += [("conflict", one.reason) for one in plan.conflicts if one.address == why.address]
    said += [("note", one.about) for one in plan.notes if one.address == why.address]
    assert [(one.sort, one.what) for one in why.planned] == said


def test_a_row_that_is_as_the_template_has_it(vocabulary: Vocabulary) -> None:
    found = ask(vocabulary)
    assert (found.row.situation, found.row.through, found.rule.rule) == ("live", None, "managed")
    assert found.row.owner is not None
    assert (found.row.owner.agent, found.row.owner.exists) == (vocabulary.agent, True)
    assert found.placed is not None
    first = last(vocabulary)
    assert (found.placed.since, found.placed.last, found.placed.state) == (first, first, "placed")
    (touch,) = found.revisions
    assert (touch.action, touch.revision.number, touch.revision.what) == (
        "create", first, "install",
    )  # fmt: skip
    assert touch.revision.actor.label == "ana@acme.test"
    assert (found.columns, found.planned, found.more) == ((), (), False)
    assert flags(found) == [f"--release {ACCOUNT}"]
    held_against_the_plan(found, vocabulary)


def test_what_changed_it_and_what_would(vocabulary: Vocabulary) -> None:
    vocabulary.edit("account", name="Second", color="red")
    vocabulary.install()
    vocabulary.edit("account", color="blue")
    vocabulary.edit("account", vocabulary.tenant, name="Mine", icon="star")
    vocabulary.edit("account", icon="star")
    found = ask(vocabulary)
    assert [(one.action, one.columns) for one in found.revisions] == [
        ("update", ("name", "color")),
        ("create", ()),
    ]
    numbers = [one.revision.number for one in found.revisions]
    assert found.placed is not None
    assert [found.placed.last, found.placed.since] == numbers
    assert columns(found) == {
        "name": ("overwritten", "Second", "Mine", "Second"),
        "color": ("template_changed", "red", "red", "blue"),
        "icon": ("same", None, "star", "star"),
    }
    assert [one.columns for one in found.planned] == [("name", "color")]
    assert found.ways[0].command == (
        f"reconcile plan {vocabulary.agent} --target {found.organization.slug}"
    )
    held_against_the_plan(found, vocabulary)


def test_the_tenants_own_row(vocabulary: Vocabulary) -> None:
    vocabulary.type("own", vocabulary.tenant, created_by="user_ana", created_at="2026-10-02")
    found = ask(vocabulary, "entity_type.own")
    assert (found.rule.rule, found.row.owner, found.placed) == ("user_authored", None, None)
    assert found.row.author is not None
    assert (found.row.author.label, str(found.row.author.at)[:10]) == (
        "ana@acme.test", "2026-10-02",
    )  # fmt: skip
    assert (found.planned, found.ways, found.revisions) == ((), (), ())
    assert "written by ana@acme.test on 2026-10-02" in text(found)
    vocabulary.type("own", name="Wanted")
    found = ask(vocabulary, "entity_type.own")
    assert columns(found) == {"name": ("waits", None, "own", "Wanted")}
    assert [one.known for one in found.columns] == [("target", "template")]
    own = "entity_type.own"
    assert flags(found) == [f"--adopt {own}", f"--adopt {own}=keep", f"--skip {own}"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary)


def test_adopted_as_it_was(vocabulary: Vocabulary) -> None:
    vocabulary.type("own", vocabulary.tenant, created_by="user_ana", color="mine")
    vocabulary.type("own", color="theirs")
    vocabulary.install(adopt=["entity_type.own=keep"])
    found = ask(vocabulary, "entity_type.own")
    assert columns(found) == {"color": ("pinned", "theirs", "mine", "theirs")}
    assert [one.action for one in found.revisions] == ["adopt"]
    held_against_the_plan(found, vocabulary)


def test_a_pointer_that_the_tenant_moved(publisher: Publisher) -> None:
    watcher = publisher.watcher()
    publisher.install()
    publisher.version(publisher.found()["id"], 2)
    found = ask(publisher, "watcher.w")
    kept = {one.column: one.because.rule for one in found.columns}
    assert kept["current_version_id"] == "kept_edit"
    tried(found, publisher)
    held_against_the_plan(found, publisher)
    publisher.version(watcher, 3)
    found = ask(publisher, "watcher.w")
    assert {one.column: one.because.rule for one in found.columns}["current_version_id"] == (
        "edited_both"
    )
    assert [one.what for one in found.planned] == ["edited_both"]
    assert flags(found) == ["--adopt watcher.w", "--skip watcher.w", "--release watcher.w"]
    own = ask(publisher, "watcher_version.w/2")
    assert (own.rule.rule, own.row.owner, own.row.through) == ("tenants_part", None, None)
    placed = ask(publisher, "watcher_version.w/1")
    assert placed.row.through == "watcher.w"
    held_against_the_plan(placed, publisher)


def test_deleted_by_the_tenant_and_released(vocabulary: Vocabulary) -> None:
    tenant = vocabulary.tenant
    vocabulary.delete("account", tenant)
    found = ask(vocabulary)
    assert (found.row.situation, found.rule.rule) == ("dead", "deleted_by_tenant")
    assert flags(found) == [f"--restore {ACCOUNT}"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary)
    # For good, as whoever cleans up does it.
    vocabulary.world.sql("DELETE FROM entity_type_audit")
    vocabulary.world.sql(
        "DELETE FROM entity_types WHERE organization_id = %s AND slug = 'account'", tenant
    )
    found = ask(vocabulary)
    assert (found.row.situation, found.rule.rule) == ("absent", "deleted_by_tenant")
    assert "not there (any more)" in text(found)
    vocabulary.install(release=["entity_type.budget"])
    found = ask(vocabulary, "entity_type.budget")
    assert (found.rule.rule, found.row.owner) == ("released", None)
    assert found.placed is not None
    assert found.placed.state == "released"
    assert [one.action for one in found.revisions] == ["release", "create"]
    assert flags(found) == ["--adopt entity_type.budget"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary)


def test_no_longer_in_the_template(vocabulary: Vocabulary) -> None:
    vocabulary.delete("account")
    found = ask(vocabulary)
    assert found.rule.rule == "orphaned"
    assert flags(found) == ["--prune", f"--release {ACCOUNT}"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary)
    vocabulary.install(prune=True)
    found = ask(vocabulary)
    assert (found.rule.rule, found.row.situation) == ("retired", "dead")
    assert [one.action for one in found.revisions] == ["retire", "create"]


def test_another_templates_row(vocabulary: Vocabulary) -> None:
    other = Vocabulary.open(vocabulary.world)
    other.type("foreign")
    other.install(vocabulary.tenant)
    vocabulary.type("foreign", name="Other")
    found = ask(vocabulary, "entity_type.foreign")
    assert found.template is not None
    assert (found.template.agent_id, found.rule.rule) == (other.agent, "managed")
    found = ask(vocabulary, "entity_type.foreign", template=vocabulary.agent)
    assert found.template is not None
    assert (found.template.agent_id, found.rule.rule) == (vocabulary.agent, "foreign_owner")
    assert flags(found) == ["--take entity_type.foreign", "--skip entity_type.foreign"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary)
    # Nobody's row, and two templates that could be asked about.
    vocabulary.type("own", vocabulary.tenant)
    with pytest.raises(ReconcilerError, match="has several templates") as caught:
        ask(vocabulary, "entity_type.own")
    assert "--template TEMPLATE" in caught.value.hint
    assert ask(vocabulary, "entity_type.own", template=other.agent).rule.rule == "user_authored"


def test_a_private_template_and_one_that_is_gone(vocabulary: Vocabulary) -> None:
    world = vocabulary.world
    vocabulary.edit("account", vocabulary.tenant, name="Mine")
    world.sql("UPDATE organization SET visibility = 'private' WHERE id = %s", vocabulary.public)
    vocabulary.edit("account", name="Unpublished")
    found = ask(vocabulary)
    assert (found.rule.rule, found.planned) == ("template_private", ())
    assert "is private" in found.unplanned
    assert columns(found) == {"name": ("unplanned", "account", "Mine", None)}
    assert "Unpublished" not in text(found)
    assert flags(found) == [f"--release {ACCOUNT}", "--destroy"]
    world.sql("DELETE FROM agents WHERE id = %s", vocabulary.agent)
    found = ask(vocabulary)
    assert found.rule.rule == "template_gone"
    assert found.template is not None
    assert (found.template.gone, found.template.name) == (True, "Desk")
    assert found.row.owner is not None
    assert found.row.owner.exists is False
    assert "which no longer exists" in text(found)
    tried(found, vocabulary)


def test_placed_by_an_agent_of_the_same_organisation(vocabulary: Vocabulary) -> None:
    world = vocabulary.world
    heir = f"heir_{vocabulary.public}"
    world.insert("agents", id=heir, organization_id=vocabulary.public, name="Heir")
    world.apply(vocabulary.plan(template=heir))
    assert ask(vocabulary, template=heir).rule.rule == "shared"
    world.sql("DELETE FROM agents WHERE id = %s", vocabulary.agent)
    found = ask(vocabulary)
    assert found.template is not None
    assert (found.template.agent_id, found.rule.rule) == (heir, "dangling_owner")
    assert flags(found) == [f"--take {ACCOUNT}", f"--release {ACCOUNT}"]
    tried(found, vocabulary)
    held_against_the_plan(found, vocabulary, template=heir)


def test_a_row_that_nobody_knows(vocabulary: Vocabulary) -> None:
    with pytest.raises(NotFoundError, match=r"nobody knows a row entity_type\.acount") as caught:
        ask(vocabulary, "entity_type.acount")
    assert caught.value.hint.startswith("The nearest are: entity_type.account")
    with pytest.raises(NotFoundError, match="nobody knows") as caught:
        ask(vocabulary, "entity_type.$member")
    assert "begins with $" in caught.value.hint
    with pytest.raises(NotFoundError, match="nobody knows"):
        ask(vocabulary, "entity_type.a/b")
    nowhere = vocabulary.world.organization()
    with pytest.raises(NotFoundError, match="no template is installed there"):
        ask(vocabulary, target=nowhere)
    assert ask(vocabulary, target=nowhere, template=vocabulary.agent).rule.rule == "create"
    with pytest.raises(NotFoundError, match="no kind 'entity_typ'") as caught:
        ask(vocabulary, "entity_typ.account")
    assert "entity_type" in caught.value.hint
    with pytest.raises(ReconcilerError, match="is not an address"):
        ask(vocabulary, "account")
    with pytest.raises(NotFoundError, match="no organisation 'nowhere'"):
        ask(vocabulary, target="nowhere")
    with pytest.raises(NotFoundError, match="no template 'nothing'"):
        ask(vocabulary, template="nothing")


def test_the_agent_a_new_row_and_the_templates_own_organisation(vocabulary: Vocabulary) -> None:
    agent = ask(vocabulary, f"agent.{vocabulary.agent}")
    assert (agent.rule.rule, agent.row.id) == ("managed", vocabulary.installed())
    vocabulary.type("loan")
    found = ask(vocabulary, "entity_type.loan")
    assert (found.rule.rule, found.row.situation, found.placed) == ("create", "absent", None)
    held_against_the_plan(found, vocabulary)
    home = ask(vocabulary, target=vocabulary.public)
    assert (home.template, home.rule.rule, home.planned) == (None, "user_authored", ())
    with pytest.raises(RefusedError):
        vocabulary.plan(vocabulary.public)
    assert ask(vocabulary, target=vocabulary.public, template=vocabulary.agent).unplanned


def test_what_belongs_to_a_row(vocabulary: Vocabulary) -> None:
    """A rule is whose its relationship type is, and only if it was placed."""
    world, rule = vocabulary.world, "relationship_rule.owns/account/budget"

    def owns(organization: str, *pairs: tuple[str, str]) -> int:
        made = world.insert("entity_relationship_types", slug="owns", name="owns",
                            organization_id=organization)  # fmt: skip
        for source, to in pairs:
            world.insert("entity_relationship_type_rules", relationship_type_id=made,
                         source_entity_type_slug=source, target_entity_type_slug=to)  # fmt: skip
        return int(made)

    owns(vocabulary.public, ("account", "budget"))
    own = owns(vocabulary.tenant)
    found = ask(vocabulary, rule)
    assert (found.row.situation, found.rule.rule) == ("absent", "with_parent")
    held_against_the_plan(found, vocabulary)
    world.sql("DELETE FROM entity_relationship_types WHERE id = %s", own)
    vocabulary.install()
    found = ask(vocabulary, rule)
    assert (found.rule.rule, found.row.through) == ("managed", "relationship_type.owns")
    assert [one.action for one in found.revisions] == ["create"]
    world.sql(
        "INSERT INTO entity_relationship_type_rules (relationship_type_id, source_entity_type_slug,"
        " target_entity_type_slug) SELECT id, 'a', 'b' FROM entity_relationship_types "
        "WHERE organization_id = %s",
        vocabulary.tenant,
    )
    found = ask(vocabulary, "relationship_rule.owns/a/b")
    assert (found.rule.rule, found.row.owner) == ("tenants_part", None)
    world.sql("UPDATE entity_relationship_types SET deleted_at = now() WHERE organization_id = %s",
              vocabulary.tenant)  # fmt: skip
    found = ask(vocabulary, rule)
    assert (found.row.situation, found.rule.rule) == ("detached", "with_parent")
    held_against_the_plan(found, vocabulary)


def test_rows_that_are_never_written(vocabulary: Vocabulary) -> None:
    world, tenant = vocabulary.world, vocabulary.tenant
    kind = vocabulary.type("person", tenant)
    world.insert("entities", entity_type_id=kind, name="Ann", slug="ann", organization_id=tenant,
                 created_by="user_ana")  # fmt: skip
    found = ask(vocabulary, "entity.person/ann")
    assert (found.rule.rule, found.row.situation, found.ways) == ("not_mirrored", "live", ())


def text(why: Why) -> str:
    return render(why, color=False, width=100, verbose=False)
