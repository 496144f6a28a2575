"""Members: whom an install by reference makes, finds or refuses to believe."""

from __future__ import annotations

import unicodedata

import pytest

from reconciler.model.conflict import MissingReference, UntrustedMember
from reconciler.model.plan import Plan
from tests.fixtures.members import MEMBER, People, about, described
from tests.fixtures.members import people as people

pytestmark = pytest.mark.usefixtures("people")


def new(user: str, email: str = "") -> list[str]:
    return [
        "create member",
        f"create member_identity.auth_user_id/{user}",
        f"create member_identity.email/{email or f'{user}@acme.test'}",
    ]


def why(plan: Plan) -> list[tuple[str, str]]:
    return [(one.target, one.why) for one in plan.conflicts if isinstance(one, UntrustedMember)]


def test_a_member_is_made_once(people: People) -> None:
    user = people.user("Ida@Acme.Test", "Ida")
    tenants = [people.tenant(user) for _ in range(2)]
    plan = people.plan(user, *tenants)
    assert described(plan) == new(user, "ida@acme.test")
    # Every tenant gets the same, so it is said once.
    assert [change.targets for change in about(plan)] == [tuple(sorted(tenants))] * 3
    people.world.apply(plan)
    for tenant in tenants:
        ((slug, *first), (again, *second)) = people.known(tenant)
        assert slug == again
        assert first == ["Ida", "auth_user_id", user, "auth"]
        assert second == ["Ida", "email", "ida@acme.test", "auth"]
    assert people.plan(user, *tenants).empty
    (author,) = people.world.sql(
        "SELECT created_by, metadata FROM entities WHERE organization_id = %s", tenants[0]
    )
    assert author == (user, {})


def test_another_member_of_the_tenant_is_another_entity(people: People) -> None:
    ida, uma = people.user(), people.user()
    tenant = people.tenant(ida, uma)
    people.install(ida, tenant)
    assert described(people.plan(uma, tenant)) == new(uma)
    people.install(uma, tenant)
    assert len({slug for slug, *_ in people.known(tenant)}) == 2


def test_an_operator_and_a_copy_have_no_member(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    people.world.sql("UPDATE reconcile.setting SET value = 'postgres' WHERE name = 'operator_role'")
    assert about(people.plan(None, tenant)) == []
    plan = people.world.plan(tenant, actor=user, template="agent_reader")
    assert about(plan) == []
    assert plan.kinds.keys().isdisjoint(MEMBER)


def test_a_type_may_demand_what_the_platform_knows(people: People) -> None:
    user = people.user("uta@acme.test", "Uta")
    tenant = people.tenant(user)
    people.world.sql(
        """UPDATE entity_types SET metadata_schema = '{"required": ["user_id", "email", "shoe"]}'
           WHERE organization_id = %s""",
        tenant,
    )
    people.install(user, tenant)
    assert people.world.sql("SELECT metadata FROM entities WHERE organization_id = %s", tenant) == [
        ({"email": "uta@acme.test", "user_id": user},)
    ]


def test_without_a_type_there_is_no_member(people: People) -> None:
    user = people.user()
    bare, tenant = people.tenant(user, typed=False), people.tenant(user)
    plan = people.plan(user, bare, tenant)
    (found,) = plan.conflicts
    assert isinstance(found, MissingReference)
    assert (found.target, found.refers_to) == (bare, "entity_type.$member")
    assert {one for change in about(plan) for one in change.targets} == {tenant}
    without = people.plan(user, bare, tenant, skip=[found.address])
    assert without.conflicts == ()
    people.world.apply(without)
    assert people.known(bare) == []
    assert len(people.known(tenant)) == 2


def test_known_by_the_users_id(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    entity = people.entity(tenant, "ida")
    people.identity(tenant, entity, "auth_user_id", user)
    plan = people.plan(user, tenant)
    assert described(plan) == [f"create member_identity.email/{user}@acme.test"]
    people.world.apply(plan)
    assert {slug for slug, *_ in people.known(tenant)} == {"ida"}
    assert people.plan(user, tenant).empty


def test_an_address_that_somebody_has_stays_where_it_is(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    mine, theirs = (people.entity(tenant, slug) for slug in ("mine", "theirs"))
    people.identity(tenant, mine, "auth_user_id", user)
    people.identity(tenant, theirs, "email", f"{user}@acme.test", source_connector="crm")
    assert about(people.plan(user, tenant)) == []


@pytest.mark.parametrize("source", [None, "auth"])
def test_known_by_an_address_that_is_trusted(people: People, source: str | None) -> None:
    user = people.user()
    tenant = people.tenant(user)
    entity = people.entity(tenant, "ida")
    people.identity(tenant, entity, "email", f"{user.upper()}@ACME.test", source_connector=source)
    plan = people.plan(user, tenant)
    assert described(plan) == [f"create member_identity.auth_user_id/{user}"]
    people.world.apply(plan)
    assert people.known(tenant)[0] == ("ida", "ida", "auth_user_id", user, "auth")
    assert people.plan(user, tenant).empty


def test_not_known_by_an_address_that_anybody_could_have_written(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    entity = people.entity(tenant, "ida")
    people.identity(tenant, entity, "email", f"{user}@acme.test", source_connector="crm")
    plan = people.plan(user, tenant)
    assert about(plan) == []
    (found,) = plan.conflicts
    assert isinstance(found, UntrustedMember)
    assert (found.entity, found.source, found.why) == ("ida", "crm", "source")
    skipped = people.plan(user, tenant, skip=[found.address])
    assert (about(skipped), skipped.conflicts) == ([], ())
    bound = people.plan(user, tenant, adopt=[found.address])
    assert described(bound) == [f"create member_identity.auth_user_id/{user}"]
    assert bound.notes == ()
    people.world.apply(bound)
    assert people.plan(user, tenant).empty


def test_whose_word_is_taken_is_the_platforms_to_say(people: People) -> None:
    world, user = people.world, people.user()
    tenants = {source: people.tenant(user) for source in (None, "auth", "crm", "hr")}
    for source, tenant in tenants.items():
        entity = people.entity(tenant, "ida")
        people.identity(tenant, entity, "email", f"{user}@acme.test", source_connector=source)
    world.sql("INSERT INTO reconcile.setting VALUES ('trusted_sources', 'hr, crm')")
    try:
        refused = {target for target, _ in why(people.plan(user, *tenants.values()))}
        assert refused == {tenants[None], tenants["auth"]}
        world.sql("UPDATE reconcile.setting SET value = ',hr' WHERE name = 'trusted_sources'")
        refused = {target for target, _ in why(people.plan(user, *tenants.values()))}
        assert refused == {tenants["auth"], tenants["crm"]}
    finally:
        world.sql("DELETE FROM reconcile.setting WHERE name = 'trusted_sources'")


def test_not_known_by_an_entity_that_is_no_member_of_ones_own(people: People) -> None:
    world, user, other = people.world, people.user(), people.user()
    found = {}
    for wrong in ("deleted", "other_type", "nested", "taken", "elsewhere"):
        tenant = people.tenant(user)
        people.type(tenant, "contact")
        kind = "contact" if wrong == "other_type" else "$member"
        entity = people.entity(tenant, "ida", kind)
        if wrong == "deleted":
            world.sql("UPDATE entities SET deleted_at = now() WHERE id = %s", entity)
        elif wrong == "nested":
            above = people.entity(tenant, "team", "contact")
            world.sql("UPDATE entities SET parent_id = %s WHERE id = %s", above, entity)
        elif wrong == "taken":
            people.identity(tenant, entity, "auth_user_id", other)
        elif wrong == "elsewhere":
            entity = people.entity(people.tenant(), "ida")
        people.identity(tenant, entity, "email", f"{user}@acme.test")
        found[tenant] = wrong
    plan = people.plan(user, *found)
    assert dict(why(plan)) == found
    assert about(plan) == []
    address = f"member_identity.email/{user}@acme.test"
    # Nobody's word makes another user's entity, or no member at all, the actor's.
    assert dict(why(people.plan(user, *found, adopt=[address]))) == found
    assert people.plan(user, *found, skip=[address]).conflicts == ()


def test_not_known_by_several_entities(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    for slug, mail in (("one", f"{user}@acme.test"), ("two", f"{user}@ACME.test")):
        people.identity(tenant, people.entity(tenant, slug), "email", mail)
    (found,) = people.plan(user, tenant).conflicts
    assert found.reason == "ambiguous"


def test_not_known_by_an_address_that_is_not_verified(people: People) -> None:
    user = people.user(verified=False)
    tenant = people.tenant(user)
    entity = people.entity(tenant, "ida")
    people.identity(tenant, entity, "email", f"{user}@acme.test")
    plan = people.plan(user, tenant)
    assert described(plan) == new(user)[:2]
    people.world.apply(plan)
    assert people.plan(user, tenant).empty


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("mi\u212ae{}@acme.test", "mike{}@acme.test"),
        ("\u0130da{}@acme.test", "i\u0307da{}@acme.test"),
        ("zo\u00eb{}@acme.test", unicodedata.normalize("NFD", "zo\u00eb{}@acme.test")),
        ("\u0430na{}@acme.test", "ana{}@acme.test"),
        ("ana{}@acme.test\u200b", "ana{}@acme.test"),
    ],
    ids=["kelvin", "dotted", "decomposed", "cyrillic", "invisible"],
)
def test_not_known_by_an_address_that_looks_alike(people: People, mine: str, theirs: str) -> None:
    number = len(people.world.sql('SELECT 1 FROM "user"'))
    user = people.user(mine.format(number))
    tenant = people.tenant(user)
    people.identity(tenant, people.entity(tenant, "ana"), "email", theirs.format(number))
    assert [line.partition(".")[0] for line in described(people.plan(user, tenant))] == [
        "create member", "create member_identity", "create member_identity",
    ]  # fmt: skip
    people.install(user, tenant)
    assert len(people.known(tenant)) == 3
    assert people.plan(user, tenant).empty


@pytest.mark.parametrize(
    ("identity", "email", "name"),
    [
        ("'; DROP TABLE entities; --", "o'neil@acme.test", "Robert'); --"),
        ("a/b.c%2Fd", "a/b%41@acme.test", "   "),
        ("\x1b[31m\n\u202eu", "x\n\u202e@acme.test", "<b>\x1b[31m"),
    ],
)
def test_hostile_names_are_names(people: People, identity: str, email: str, name: str) -> None:
    user = people.named(identity, email, name)
    tenant = people.tenant(user)
    plan = people.plan(user, tenant)
    assert all(one.isprintable() for change in plan.changes for one in change.address)
    people.world.apply(plan)
    assert [line[2:4] for line in people.known(tenant)] == [
        ("auth_user_id", identity), ("email", email.lower()),
    ]  # fmt: skip
    assert people.known(tenant)[0][1] == (name.strip() or email)
    assert people.plan(user, tenant).empty


def test_a_name_that_is_taken_is_not_used(people: People) -> None:
    user = people.user()
    tenants = [people.tenant(user) for _ in range(3)]
    slug = about(people.plan(user, tenants[0]))[0].address.key[0]
    people.type(tenants[0], "contact")
    people.entity(tenants[0], slug, "contact")
    people.entity(tenants[1], slug, deleted_at="2026-01-01")
    plan = people.plan(user, *tenants)
    usual = [change for change in about(plan) if change.address.key == (slug,)]
    assert [change.targets for change in usual] == [(tenants[2],)]
    assert plan.conflicts == ()
    people.world.apply(plan)
    assert people.plan(user, *tenants).empty


def test_what_the_tenant_took_away_stays_away(people: People) -> None:
    world, user = people.world, people.user()
    tenant = people.tenant(user)
    people.install(user, tenant)
    world.sql(
        "UPDATE entity_identities SET deleted_at = now() "
        "WHERE organization_id = %s AND namespace = 'email'",
        tenant,
    )
    plan = people.plan(user, tenant)
    assert plan.empty
    address = f"member_identity.email/{user}@acme.test"
    assert [(one.about, one.address) for one in plan.notes] == [("deleted_by_tenant", address)]
    back = people.plan(user, tenant, restore=[address])
    assert described(back) == [f"restore {address}"]
    world.apply(back)
    world.sql("DELETE FROM entity_identities WHERE organization_id = %s", tenant)
    world.sql("UPDATE entities SET deleted_at = now() WHERE organization_id = %s", tenant)
    gone = people.plan(user, tenant)
    assert gone.empty
    assert [one.about for one in gone.notes] == ["deleted_by_tenant"]


def test_uninstalling_leaves_members_alone(people: People) -> None:
    user = people.user()
    tenant = people.tenant(user)
    people.install(user, tenant)
    before = people.known(tenant)
    plan = people.world.plan(tenant, actor=user, template="agent_reader", destroy=True)
    assert [change.address.kind for change in plan.changes] == ["agent"]
    people.world.apply(plan)
    assert people.known(tenant) == before
