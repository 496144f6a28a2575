"""Whether to have a template by reference: numbers by hand, and what nobody may be misled by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import reconciler
from reconciler import cli, published
from reconciler.errors import NotFoundError
from reconciler.insight import advice as advising
from reconciler.model.advice import (
    Advice,
    Frequent,
    KindAdvice,
    TemplateAdvice,
)
from reconciler.model.selection import Selection
from reconciler.render import advice as words
from tests.fixtures.catalogs import Catalogs, gathered
from tests.fixtures.roles import Roles
from tests.fixtures.world import World

# What the publisher's own people need goes to every tenant, too: a type and a relationship type.
TYPES, RELATIONS = 4, 2


@pytest.fixture
def catalogs(shared_world: World) -> Catalogs:
    """Three types of entity, and a relationship type with a rule, in a catalog that is read."""
    catalogs = gathered(shared_world)
    catalogs.uses(catalogs.home)
    for slug in ("account", "loan", "person"):
        catalogs.type(catalogs.home, slug)
    catalogs.rule(catalogs.relationship(catalogs.home, "owns"), "person", "account")
    return catalogs


def advise(catalogs: Catalogs, *targets: str, **options: Any) -> TemplateAdvice:
    """The only template's advice, which is also valid JSON and can be shown."""
    found = reconciler.advise(catalogs.world.dsn, catalogs.agent, targets, **options)
    valid(found)
    assert words.text(found, color=False, width=100, verbose=True)
    (one,) = found.templates
    return one


def valid(found: Advice) -> None:
    schema = json.loads(published.documents()["advice.schema.json"])
    Draft202012Validator(schema).validate(json.loads(found.model_dump_json()))


def copied(catalogs: Catalogs) -> str:
    tenant = catalogs.tenant()
    catalogs.world.apply(catalogs.world.plan(tenant, template=catalogs.agent))
    return tenant


def own(catalogs: Catalogs, tenant: str, slug: str) -> int:
    table = "entity_relationship_types" if slug == "owns" else "entity_types"
    found = catalogs.world.sql(
        f"SELECT id FROM {table} WHERE organization_id = %s AND slug = %s", tenant, slug
    )
    return int(found[0][0])


def kind(one: TemplateAdvice, name: str) -> KindAdvice:
    (found,) = [each for each in one.kinds if each.kind == name]
    return found


def reasons(one: KindAdvice) -> dict[str, tuple[int, int]]:
    return {each.because: (each.rows, each.installations) for each in one.stays}


@pytest.fixture
def town(catalogs: Catalogs) -> tuple[Catalogs, str, str]:
    """Ana's tenant customised nothing and has three entities; bob's did three things."""
    ana, bob = copied(catalogs), copied(catalogs)
    for number in range(3):
        catalogs.thing(ana, own(catalogs, ana, "account"), f"thing-{number}")
    sql = catalogs.world.sql
    sql("UPDATE entity_types SET description = 'Mine', color = 'red' WHERE id = %s",
        own(catalogs, bob, "account"))  # fmt: skip
    sql("UPDATE entity_types SET deleted_at = now() WHERE id = %s", own(catalogs, bob, "loan"))
    catalogs.type(bob, "pet")
    catalogs.type(catalogs.home, "pet")
    return catalogs, ana, bob


def test_the_numbers_of_a_small_town_are_those_by_hand(town: tuple[Catalogs, str, str]) -> None:
    catalogs, ana, bob = town
    found = advise(catalogs)
    assert (found.copies, found.by_reference, found.why) == (2, 0, "")
    types, relations = kind(found, "entity_type"), kind(found, "relationship_type")
    # Ana's four types and bob's three (one is deleted); of bob's, account is his.
    assert (types.rows, types.gives_way, types.behind) == (7, 6, 0)
    assert reasons(types) == {"edited": (1, 1), "deleted": (1, 1), "own": (1, 1)}
    assert types.customised == 3
    (edited,) = [one for one in types.stays if one.because == "edited"]
    assert edited.most == (
        Frequent(
            address="entity_type.account",  # type: ignore[arg-type]
            installations=1,
            columns={"description": 1, "color": 1},
        ),
    )
    assert (types.repointed, types.follow) == (3, {"entities": 3})
    assert (relations.rows, relations.gives_way, relations.parts) == (4, 4, 2)
    assert (found.total.rows, found.total.gives_way, found.total.customised) == (11, 10, 3)
    assert types.bytes == bytes_of(catalogs, "entity_types", ana, bob)
    indexes = catalogs.world.sql(
        "SELECT count(*) FROM pg_index WHERE indrelid = 'entity_types'::regclass"
    )
    assert types.indexes == indexes[0][0]
    # One of two has customised rows: half of them is enough to leave it at copies.
    assert (found.customised_in, found.recommended, found.because) == (1, "copy", "customised")
    at = {one.organization.id: one for one in found.installations}
    assert (at[ana].rows, at[ana].gives_way, at[ana].customised, at[ana].repointed) == (6, 6, 0, 3)
    assert (at[bob].rows, at[bob].gives_way, at[bob].customised) == (5, 4, 3)
    # The plan says the same.
    plan = catalogs.world.plan(ana, bob, template=catalogs.agent, convert="reference")
    retired = [len(one.targets) for one in plan.changes if one.action == "retire"]
    assert sum(retired) == found.total.gives_way


def bytes_of(catalogs: Catalogs, table: str, *tenants: str) -> int:
    """What PostgreSQL says of whole rows of the template's; here kinds declare all columns."""
    ((found,),) = catalogs.world.sql(
        f"SELECT sum(pg_column_size(t.*)) FROM {table} t WHERE organization_id = ANY(%s) AND "
        "deleted_at IS NULL AND managed_by_template_agent_id IS NOT NULL AND description IS NULL",
        list(tenants),
    )
    return int(found)


def test_the_fleet_is_the_sum_whatever_is_compared_at_a_time(
    town: tuple[Catalogs, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogs, *_ = town
    copied(catalogs)
    whole = advise(catalogs)
    assert len(whole.installations) == 3
    fleet = advise(catalogs, fleet=True)
    assert fleet == whole.model_copy(update={"installations": ()})
    for name in ("rows", "gives_way", "customised", "repointed", "bytes", "parts"):
        each = [getattr(one, name) for one in whole.installations]
        assert sum(each) == getattr(fleet.total, name)
    assert fleet.customised_in == sum(bool(one.customised) for one in whole.installations)
    monkeypatch.setattr(advising, "BATCH", 1)
    assert advise(catalogs) == whole
    assert advise(catalogs, fleet=True) == fleet
    # Who has nothing customised, nearly all of them, is told to convert.
    assert (fleet.recommended, fleet.uncustomised) == ("reference", 100 * 16 // 17)


def test_what_was_chosen_is_compared_and_no_other(town: tuple[Catalogs, str, str]) -> None:
    catalogs, ana, bob = town
    (one,) = advise(catalogs, ana).installations
    assert one.organization.id == ana
    slug = bob.removeprefix("org_")
    selected = reconciler.advise(catalogs.world.dsn, catalogs.agent, Selection(exclude=(slug,)))
    assert [each.organization.id for each in selected.templates[0].installations] == [ana]
    catalogs.world.apply(catalogs.world.plan(ana, template=catalogs.agent, convert="reference"))
    after = advise(catalogs)
    assert (after.copies, after.by_reference) == (1, 1)
    assert [each.organization.id for each in after.installations] == [bob]
    with pytest.raises(NotFoundError, match="nobody"):
        advise(catalogs, "nobody")
    with pytest.raises(NotFoundError):
        reconciler.advise(catalogs.world.dsn, "no-such-template")


def test_rows_in_use_and_behind_are_told_apart_from_customised_ones(catalogs: Catalogs) -> None:
    tenant, stranger = copied(catalogs), catalogs.tenant()
    catalogs.thing(stranger, own(catalogs, tenant, "account"), "theirs")
    catalogs.world.sql(
        "UPDATE entity_types SET name = 'Newer' WHERE organization_id = %s AND slug = 'loan'",
        catalogs.home,
    )
    found = advise(catalogs)
    types = kind(found, "entity_type")
    assert reasons(types) == {"in_use": (1, 1), "behind": (1, 1)}
    (used,) = [one for one in types.stays if one.because == "in_use"]
    assert used.used_by == {"entities": 1}
    assert (types.rows, types.gives_way, types.behind) == (TYPES, TYPES - 2, 1)
    assert (found.total.customised, found.customised_in) == (0, 0)
    # A rule of the tenant's own is its doing.
    catalogs.rule(own(catalogs, tenant, "owns"), "loan", "account")
    found = advise(catalogs)
    relations = kind(found, "relationship_type")
    assert relations.stays[0].used_by == {"entity_relationship_type_rules": 1}
    assert (relations.customised, found.customised_in) == (1, 1)
    assert (relations.gives_way, relations.parts) == (RELATIONS - 1, 0)


def test_what_is_had_as_copies_only_is_said_and_a_reader_may_ask(
    birch: World, roles: Roles
) -> None:
    ((home, agent),) = birch.sql(
        "SELECT a.organization_id, a.id FROM agents a JOIN agents b ON b.template_agent_id = a.id"
    )
    bare = Catalogs(birch, home, agent, 0, 0)
    relation = bare.relationship(home, "uses_catalog")
    entity = bare.thing(home, bare.type(home, "agent_template"), "the-template")
    catalogs = Catalogs(birch, home, agent, entity, relation)
    catalogs.uses(home)
    found = advise(catalogs)
    tagged = birch.sql(
        "SELECT (SELECT count(*) FROM watchers WHERE organization_id <> %s), (SELECT count(*) "
        "FROM event_classifiers WHERE organization_id <> %s AND watcher_id IS NULL AND "
        "managed_by_template_agent_id IS NOT NULL)",
        home, home,
    )[0]  # fmt: skip
    left = {one.kind: (one.rows, one.installations) for one in found.left}
    assert (left["watcher"], left["classifier"]) == ((tagged[0], 1), (tagged[1], 1))
    assert not {"entity_type", "relationship_type"} & left.keys()
    roles.grant(birch.dsn)
    assert reconciler.advise(roles.planning(birch.dsn), agent).templates == (found,)


def test_a_template_that_cannot_be_read_says_why_and_fails_nothing(
    catalogs: Catalogs, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = copied(catalogs)
    sql = catalogs.world.sql
    sql("UPDATE entity_relationships SET deleted_at = now() WHERE from_entity_id = %s",
        catalogs.entity)  # fmt: skip
    catalogs.uses(catalogs.catalog())
    elsewhere = advise(catalogs)
    assert "does not read" in elsewhere.why
    assert elsewhere.hint
    sql("UPDATE entities SET deleted_at = now() WHERE id = %s", catalogs.entity)
    found = advise(catalogs, tenant)
    assert "no entity stands for it" in found.why
    assert (found.copies, found.recommended, found.because) == (1, "copy", "refused")
    assert found.installations == ()
    code = cli.main(["advise", catalogs.agent, "--database-url", catalogs.world.dsn])
    assert code == 0
    assert "Recommended: copy: " in capsys.readouterr().out
    sql("UPDATE organization SET visibility = 'private' WHERE id = %s", catalogs.home)
    assert "private" in advise(catalogs).why
    fresh = gathered(catalogs.world)
    fresh.uses(fresh.home)
    assert advise(fresh).because == "no_copies"


def test_the_command_shows_it_in_three_formats_and_writes_nothing(
    town: tuple[Catalogs, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogs, ana, _ = town
    before = catalogs.world.dump(with_versions=True)
    command = ["advise", catalogs.agent, "--database-url", catalogs.world.dsn]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "Recommended: copy: 1 of 2 installations have customised rows" in said
    assert f"{ana.removeprefix('org_')}  6 rows, 6 give way, 3 re-pointed" in said
    assert 'entity_type "account" in 1 installation (color 1, description 1)' in said
    assert cli.main([*command, "--fleet", "-json"]) == 0
    valid(Advice.model_validate_json(capsys.readouterr().out))
    assert cli.main([*command, "--format", "markdown"]) == 0
    assert "| entity_type | 7 | 6 | 0 | 0 | 3 | 3 |" in capsys.readouterr().out
    assert cli.main([*command[:1], "no-such", *command[2:]]) == 1
    assert cli.main([*command, "-json", "--format", "text"]) == 1
    assert catalogs.world.dump(with_versions=True) == before


def test_hostile_slugs_are_shown_and_do_nothing(catalogs: Catalogs) -> None:
    slug = "a\x1b[31m|`<b>\u202e\n# x"
    catalogs.type(catalogs.home, slug)
    tenant = copied(catalogs)
    catalogs.world.sql(
        "UPDATE entity_types SET description = 'Mine' WHERE organization_id = %s AND slug = %s",
        tenant, slug,
    )  # fmt: skip
    catalogs.world.sql("UPDATE organization SET slug = %s WHERE id = %s", slug, tenant)
    catalogs.world.sql("UPDATE agents SET name = %s WHERE id = %s", slug, catalogs.agent)
    found = reconciler.advise(catalogs.world.dsn, catalogs.agent)
    valid(found)
    for shown in (
        words.text(found, color=False, width=100, verbose=False),
        words.markdown(found, verbose=False),
    ):
        assert not {"\x1b", "\u202e"} & set(shown)
        assert "\n# x" not in shown
    assert "<b>" not in words.markdown(found, verbose=False)
