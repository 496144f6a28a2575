"""The calls that an application makes: install, re-sync, decide what to do with rows in the way."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from reconciler import Installation, install_agent_from_template, library, resync_installed_agent
from reconciler.errors import (
    ConflictsError,
    DatabaseError,
    NotAuthorisedError,
    NotFoundError,
    ReconcilerError,
    RefusedError,
)
from reconciler.model.canonical import canonical, parse
from reconciler.model.plan import Plan
from tests.fixtures.world import FOR_AN_ENTITY, World, shipped, shipped_to_birch

HOME, OWNER = "org_public_finance", "managed_by_template_agent_id"
TYPES, RELATIONS = "entity_types", "entity_relationship_types"
RULES = "entity_relationship_type_rules"
FULL = shipped_to_birch()


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the platform and of the ledger, with its version."""
    found = world.dump(with_versions=True)
    for table in ("revision", "target", "content", "placement"):
        found[table] = world.sql(f"SELECT t::text, xmin::text FROM reconcile.{table} t ORDER BY 1")
    return found


def rules(world: World, slug: str, organization: str = "org_acme") -> list[tuple[Any, ...]]:
    """The live rules of a relationship type: id, source and target."""
    return world.sql(
        f"SELECT r.id, source_entity_type_slug, target_entity_type_slug FROM {RULES} r"
        f" JOIN {RELATIONS} t ON t.id = relationship_type_id AND r.deleted_at IS NULL"
        " WHERE t.slug = %s AND organization_id = %s ORDER BY 1",
        slug,
        organization,
    )


def test_install_and_resync(world: World) -> None:
    first = install_agent_from_template(world.dsn, "agent_pf", "org_birch", "user_ben", "Penny")
    assert isinstance(first, Installation)
    ((agent, name),) = world.sql("SELECT id, name FROM agents WHERE organization_id = 'org_birch'")
    assert first.model_dump() == {
        "agent_id": agent,
        "organization_id": "org_birch",
        "created": True,
        "revision": 1,
        "counts": {kind: {"create": rows} for kind, rows in FULL.items()},
    }
    assert name == "Penny"

    before = everything(world)
    again = install_agent_from_template(world.dsn, "agent_pf", "org_birch", "user_ana", "Other")
    same = Installation(
        agent_id=agent, organization_id="org_birch", created=False, revision=None, counts={}
    )
    assert again == resync_installed_agent(world.dsn, agent, "user_ben") == same
    assert everything(world) == before

    world.sql(f"UPDATE {TYPES} SET description = 'New' WHERE slug = 'card' AND {OWNER} IS NULL")
    moved = resync_installed_agent(world.dsn, agent, "user_ben")
    counts = {"entity_type": {"update": 1}}
    assert moved == same.model_copy(update={"revision": 2, "counts": counts})

    # An agent that was deleted is what an install is asked for; its vocabulary is still there.
    world.sql("DELETE FROM agents WHERE id = %s", agent)
    back = install_agent_from_template(world.dsn, "agent_pf", "org_birch", "user_ben")
    # It comes with another id, so the watchers, which name their agent, name the new one.
    counts = {"agent": {"create": 1}, "watcher": {"update": FULL["watcher"]}}
    assert (back.created, back.counts) == (True, counts)
    assert world.sql("SELECT id FROM agents WHERE template_agent_id = 'agent_pf'") == [
        (back.agent_id,)
    ]


def test_an_open_connection_is_given_back_as_it_was(world: World) -> None:
    on_its_own = world.plan("birch").plan_id
    with psycopg.connect(world.dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German, DMY'")
        connection.execute("SET search_path = pg_catalog; SET statement_timeout = '1min'")
        settings = "SELECT name, setting FROM pg_settings ORDER BY name"
        before = connection.execute(settings).fetchall()
        plan = library.plan(connection, "agent_pf", ["birch"], actor="user_ana")
        assert plan.plan_id == on_its_own
        assert connection.autocommit is True
        connection.autocommit = False
        made = install_agent_from_template(connection, "agent_pf", "org_birch", "user_ana")
        assert made.created
        assert connection.info.transaction_status == TransactionStatus.IDLE
        with pytest.raises(NotFoundError):
            resync_installed_agent(connection, "nope", "user_ana")
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.autocommit is False
        assert resync_installed_agent(connection, made.agent_id, "user_ana").revision is None
        assert connection.execute(settings).fetchall() == before


def test_a_connection_that_is_not_idle_is_refused(shared_world: World) -> None:
    with psycopg.connect(shared_world.dsn) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(ReconcilerError, match="inside a transaction\nHand over an idle"):
            install_agent_from_template(connection, "agent_pf", "org_birch", "user_ana")
        connection.rollback()
        assert not library.plan(connection, "agent_pf", ["birch"], actor="user_ana").empty
    with pytest.raises(ReconcilerError, match="connection is closed"):
        resync_installed_agent(connection, "agent_pf", "user_ana")


@pytest.mark.parametrize(
    ("dsn", "what"),
    [
        ("postgresql://ana:s3cret@127.0.0.1:1/x?connect_timeout=2", "cannot connect"),
        ("host=/nowhere user=ana password=s3cret dbname=x", "cannot connect"),
        ("postgresql://ana:s3cret@127.0.0.1:port/x", ""),
        ("postgresql://ana:s3cret/word@127.0.0.1:1/x", ""),
        ("host=/nowhere password='s3cret word' bogus=1", "cannot be read"),
        ("postgresql://ana:100%s3cret@127.0.0.1:1/x", "cannot be read"),
        ("host=/nowhere password=correct s3cret horse", "cannot be read"),
    ],
)
def test_a_server_that_cannot_be_reached(dsn: str, what: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        resync_installed_agent(dsn, "agent_pf", "user_ana")
    assert what in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_every_row_in_the_way_is_named_and_nothing_is_half_installed(world: World) -> None:
    row = {"organization_id": "org_acme", "name": "x"}
    world.insert(TYPES, slug="account", source_template_org_id="o", **{OWNER: "agent_gone"}, **row)
    world.insert(RELATIONS, slug="owns", deleted_at="2026-05-05", created_by="user_pia", **row)
    before = everything(world)
    with pytest.raises(ConflictsError) as caught:
        install_agent_from_template(world.dsn, "agent_pf", "org_acme", "user_ana")
    owns, account, transaction = caught.value.message.splitlines()
    assert account.startswith('entity_type "account" (foreign_owner): Placed by another template')
    assert "agent_gone" in account
    assert "no longer exists" in account
    assert transaction.startswith('entity_type "transaction" (user_authored): Written by ana@acme')
    assert owns.startswith('relationship_type "owns" (dead_row_blocks): Retired, but still in')
    assert "pia@acme.test" in owns
    assert "reconcile plan agent_pf --target org_acme --as user_ana" in caught.value.hint
    assert [one.reason for one in caught.value.conflicts] == [
        "dead_row_blocks",
        "foreign_owner",
        "user_authored",
    ]
    assert everything(world) == before


def test_what_cannot_be_installed_or_resynced(shared_world: World) -> None:
    dsn = shared_world.dsn
    before = everything(shared_world)
    for call, error, message in (
        (lambda: resync_installed_agent(dsn, "no", "user_ana"), NotFoundError, "no agent 'no'"),
        (
            lambda: resync_installed_agent(dsn, "agent_pf", "user_ana"),
            RefusedError,
            "agent agent_pf is not installed from a template\nInstall a template first",
        ),
        (
            lambda: install_agent_from_template(dsn, "no", "org_acme", "user_ana"),
            NotFoundError,
            "there is no template 'no'",
        ),
        (
            lambda: install_agent_from_template(dsn, "agent_pf", "no", "user_ana"),
            NotFoundError,
            "there is no organisation 'no'",
        ),
        (
            lambda: install_agent_from_template(dsn, "agent_pf", "org_acme", "no"),
            NotFoundError,
            "there is no user 'no'",
        ),
        (
            lambda: install_agent_from_template(dsn, "agent_pf", "org_acme", "user_pia"),
            NotAuthorisedError,
            "has the role member",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
    assert everything(shared_world) == before


def test_adopt_and_take(world: World) -> None:
    row = {"organization_id": "org_acme", "created_by": "user_pia", "name": "Theirs"}
    world.insert(TYPES, slug="account", source_template_org_id="o", **{OWNER: "agent_gone"}, **row)
    owns = world.insert(RELATIONS, slug="owns", **row)
    ends = {"source_entity_type_slug": "person", "target_entity_type_slug": "account"}
    world.insert(RULES, relationship_type_id=owns, **ends)
    own_rules = rules(world, "owns")
    columns = "slug, name, description, icon, color, metadata_schema, event_kinds"
    same = f"INSERT INTO {TYPES} (organization_id, {columns}) SELECT 'org_acme', {columns}"
    world.sql(f"{same} FROM {TYPES} WHERE slug = 'card'")
    ids = f"SELECT slug, id FROM {TYPES} WHERE organization_id = 'org_acme' AND slug = ANY(%s)"
    taken = ["account", "card", "transaction"]
    before = world.sql(f"{ids} ORDER BY 1", taken)
    plan = world.plan(
        "acme",
        adopt=["entity_type.card", "entity_type.transaction", "relationship_type.owns"],
        take=["entity_type.account"],
    )
    assert plan.conflicts == ()
    assert {one.chosen_by for one in plan.request.resolutions} == {"ana@acme.test"}
    assert {str(one.address): len(one.fields) for one in plan.changes if one.action == "adopt"} == {
        "entity_type.account": 7,  # with the page that it is shown on
        "entity_type.card": 0,
        "entity_type.transaction": 6,
        "relationship_type.owns": 4,
    }
    world.apply(plan)
    # The same rows, with the template's values, and with whoever created them.
    assert world.sql(f"{ids} ORDER BY 1", taken) == before
    told = f"SELECT name, {OWNER}, source_template_org_id, created_by, updated_by FROM {TYPES}"
    assert world.sql(f"{told} WHERE id = ANY(%s) ORDER BY 1", [number for _, number in before]) == [
        ("Account", "agent_pf", HOME, "user_pia", "user_ana"),
        ("Card", "agent_pf", HOME, None, "user_ana"),
        ("Transaction", "agent_pf", HOME, "user_ana", "user_ana"),
    ]
    assert rules(world, "owns")[0] == own_rules[0]
    assert sorted(rule[1:] for rule in rules(world, "owns")) == sorted(
        rule[1:] for rule in rules(world, "owns", HOME)
    )
    assert world.plan("acme").empty


def test_skip_leaves_the_row_and_its_children_alone(world: World) -> None:
    row = {"organization_id": "org_acme", "name": "Ours"}
    owns = world.insert(RELATIONS, slug="owns", **row)
    world.insert(RELATIONS, slug="holds", deleted_at="2026-05-05", **row)
    ours = f"SELECT t::text, xmin::text FROM {RELATIONS} t WHERE name = 'Ours' ORDER BY 1"
    before = world.sql(ours)
    skip = ["entity_type.transaction", "relationship_type.owns", "relationship_type.holds"]
    plan = world.plan("acme", skip=skip)
    assert plan.conflicts == ()
    assert [(note.about, note.address) for note in plan.notes] == [
        ("skipped", "relationship_type.holds"),
        ("skipped", "relationship_type.owns"),
        ("skipped", "entity_type.transaction"),
        ("unlinked", "relationship_type.held_in"),
        ("with_parent", "relationship_rule.holds/account/holding"),
        ("with_parent", "relationship_rule.holds/pension/holding"),
        ("with_parent", "relationship_rule.owns/household/property"),
        ("with_parent", "relationship_rule.owns/person/account"),
        ("with_parent", "relationship_rule.owns/person/property"),
        ("with_parent", "relationship_rule.owns/person/vehicle"),
    ]
    touched = {one.address.key[0] for one in plan.changes if "rule" in one.address.kind}
    assert touched.isdisjoint({"owns", "holds"})
    world.apply(plan)
    assert world.sql(ours) == before
    assert rules(world, "owns") == rules(world, "holds") == []
    inverse = f"SELECT inverse_type_id FROM {RELATIONS} WHERE {OWNER} = 'agent_pf' AND slug = %s"
    assert world.sql(inverse, "owned_by") == [(owns,)]
    assert world.sql(inverse, "held_in") == [(None,)]
    assert world.plan("acme", skip=skip).empty


def test_the_ledger_tells_what_was_applied(world: World) -> None:
    plan = world.plan("acme", "birch", skip=["entity_type.transaction"])
    outcome = world.apply(plan)
    revision = "SELECT id, plan_id, plan::text, template_agent_id, fingerprint, actor_mode,"
    revision += " actor_user_id, database_role = current_user, counts FROM reconcile.revision"
    ((number, plan_id, text, *rest),) = world.sql(revision)
    assert (number, plan_id) == (outcome.revision, plan.plan_id)
    assert text == canonical(plan.written())
    assert Plan.model_validate(parse(text)) == plan
    assert rest == ["agent_pf", plan.fingerprint, "member", "user_ana", True, outcome.counts]
    targets = world.sql("SELECT organization_id, revision FROM reconcile.target ORDER BY 1")
    assert targets == [("org_acme", number), ("org_birch", number)]
    # Identical content is kept once for both, and each place names its row.
    placed = "SELECT p.organization_id, p.content, p.row_id FROM reconcile.placement p"
    placed += " WHERE kind = 'entity_type' AND key = '{account}' ORDER BY 1"
    (acme, birch) = world.sql(placed)
    assert acme[1] == birch[1]
    rows = f"SELECT organization_id, id::text FROM {TYPES} WHERE slug = 'account' AND {OWNER} = %s"
    assert world.sql(f"{rows} ORDER BY 1", "agent_pf") == [(acme[0], acme[2]), (birch[0], birch[2])]
    stored = "SELECT values::text FROM reconcile.content WHERE digest = %s"
    ((values,),) = world.sql(stored, acme[1])
    assert parse(values)["name"] == "Account"
    counted = (
        "SELECT count(*), count(DISTINCT (organization_id, kind, key)) FROM reconcile.placement"
    )
    # Acme's transaction is skipped; what is for an entity comes only where that is.
    placed_rows = 2 * shipped().total() - 1 - sum(shipped()[kind] for kind in FOR_AN_ENTITY)
    assert world.sql(counted) == [(placed_rows, placed_rows)]
