"""What is refused, and with which words: what happened, to whom, and what to do next."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.demo.seed import load
from reconciler.errors import (
    Exit,
    NotAuthorisedError,
    NotFoundError,
    ReconcilerError,
    RefusedError,
)
from reconciler.model.plan import Plan
from reconciler.render import render
from tests.fixtures.world import World, shipped

HOME = "org_public_finance"
RELATIONS = "entity_relationship_types"
OWNER = "managed_by_template_agent_id"


def said(plan: Plan) -> str:
    """The plan as a person reads it, each sentence in one line."""
    return render(plan, "text", width=500)


def reasons(plan: Plan) -> list[tuple[str, str]]:
    """The conflicts' reasons and addresses."""
    return [(conflict.reason, conflict.address) for conflict in plan.conflicts]


def all_in(text: str, *parts: str) -> None:
    """Every part stands in the text."""
    assert [part for part in parts if part not in text] == []


# Rows in the way ---------------------------------------------------------------------------


def test_a_row_that_the_tenant_wrote(shared_world: World) -> None:
    plan = shared_world.plan("acme")
    assert reasons(plan) == [("user_authored", "entity_type.transaction")]
    all_in(
        said(plan),
        '! entity_type "transaction"',
        "user_authored, 2026-10-02",
        "Written by ana@acme.test on 2026-10-02; the template wants its own row here.",
        "--adopt entity_type.transaction   (the template's values win)",
        "--skip entity_type.transaction   (the template's row is left out)",
        "This plan cannot be applied until the conflict is resolved.",
        "reconcile plan personal-finance --target acme --as user_ana",
    )


@pytest.mark.parametrize("exists", [True, False])
def test_a_row_of_another_template(shared_world: World, exists: bool) -> None:
    tenant, rival = shared_world.organization(), shared_world.organization()
    agent = f"agent_{rival}"
    if exists:
        shared_world.insert("agents", id=agent, organization_id=rival, name="Rival finance")
    row = {"organization_id": tenant, "slug": "account", "name": "Theirs", OWNER: agent}
    shared_world.insert("entity_types", source_template_org_id=rival, **row)
    plan = shared_world.plan(tenant)
    assert reasons(plan) == [("foreign_owner", "entity_type.account")]
    who = f"Rival finance ({agent})" if exists else agent
    gone = "" if exists else ", which no longer exists"
    all_in(
        said(plan),
        f"Placed by another template, {who} of {rival}{gone}.",
        "--take entity_type.account   (the template's values win)",
    )


def test_a_dead_row_that_still_blocks_its_slug(shared_world: World) -> None:
    tenant = shared_world.organization()
    row = {"organization_id": tenant, "name": "Ours", "created_by": "user_ben"}
    when = "2026-05-05T12:00:00Z"
    shared_world.insert(RELATIONS, slug="owns", deleted_at=when, created_at=when, **row)
    # Archived, or deleted where the index looks at deleted_at, a row is not in the way.
    shared_world.insert(RELATIONS, slug="limits", status="archived", **row)
    shared_world.insert("entity_types", slug="account", deleted_at=when, **row)
    plan = shared_world.plan(tenant)
    assert reasons(plan) == [("dead_row_blocks", "relationship_type.owns")]
    all_in(
        said(plan),
        "Retired, but still in a unique index, so that no new row with the same key fits; "
        "written by ben@birch.test on 2026-05-05.",
        "delete or rename the retired row, then plan again",
        "--skip relationship_type.owns",
    )


def test_two_installed_agents(shared_world: World) -> None:
    tenant = shared_world.organization()
    for number in (1, 2):
        row = {"id": f"agent_{tenant}_{number}", "organization_id": tenant}
        shared_world.insert("agents", template_agent_id="agent_pf", **row)
    plan = shared_world.plan(tenant)
    assert reasons(plan) == [("ambiguous", "agent.agent_pf")]
    all_in(said(plan), "The target has several live rows with this key.", "retire all but one")


def test_three_conflicts_are_three(shared_world: World) -> None:
    tenant = shared_world.organization()
    slugs = ("account", "bill", "card")
    for slug in slugs:
        shared_world.insert("entity_types", organization_id=tenant, slug=slug, name=slug)
    plan = shared_world.plan(tenant)
    assert reasons(plan) == [("user_authored", f"entity_type.{slug}") for slug in slugs]
    lines = [line for line in said(plan).splitlines() if line.startswith("  !")]
    assert [line.split()[2] for line in lines] == [f'"{slug}"' for slug in slugs]
    all_in(said(plan), "; 3 conflicts.", "until the 3 conflicts are resolved.")


@pytest.mark.parametrize(
    ("index", "own"),
    [
        ("entity_types (organization_id, name)", "entity_type"),
        ("entity_types (organization_id, lower(name)) WHERE deleted_at IS NULL", "entity_type"),
        ("entity_types (organization_id, color) NULLS NOT DISTINCT", "entity_type"),
        ("agents (organization_id, name)", "agent"),
    ],
)
def test_another_unique_index_would_be_violated(world: World, index: str, own: str) -> None:
    world.sql("UPDATE entity_types SET color = NULL WHERE slug = 'account'")
    world.sql(f"CREATE UNIQUE INDEX only_one ON {index}")
    types = {"organization_id": "org_birch", "slug": "ours", "name": "Account"}
    agents = {"organization_id": "org_birch", "id": "agent_x", "name": "Personal Finance"}
    table, row = ("agents", agents) if own == "agent" else ("entity_types", types)
    number = world.insert(table, **row)
    plan = world.plan("birch")
    address = "agent.agent_pf" if own == "agent" else "entity_type.account"
    # Without its agent nothing that is to point at it can be written.
    assert reasons(plan) == [("unique_collision", address)] + [
        ("missing_reference", f"watcher.{one['slug']}")
        for one in sorted(load("watchers.json"), key=lambda one: one["slug"])
        if own == "agent"
    ]
    all_in(
        said(plan),
        "The unique index only_one (organization_id, ",
        f"has a row with the same values already: id {number} of organisation birch.",
        "rename or delete the other row, then plan again",
    )


def test_a_unique_index_that_spans_organisations(world: World) -> None:
    world.sql("DELETE FROM entity_types WHERE slug = '$member'")
    world.sql("CREATE UNIQUE INDEX any_name ON entity_types (name)")
    world.sql("CREATE UNIQUE INDEX any_agent ON agents (name)")
    # The name that the plan gives counts, not the template's.
    plan = world.plan("birch", name="Another name")
    assert {reason for reason, _ in reasons(plan)} == {"unique_collision"}
    assert (
        len([one for _, one in reasons(plan) if one.startswith("entity_type.")])
        == shipped()["entity_type"]
    )
    all_in(said(plan), "The unique index any_name (name) has", "of organisation public-finance.")
    assert "any_agent" not in said(plan)


# Requests that cannot be -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "options", "error", "parts"),
    [
        (
            ["public-finance", "birch"],
            {},
            RefusedError,
            ["public-finance is the organisation of the template Personal Finance", "name another"],
        ),
        (
            ["acme"],
            {"template": "nope"},
            NotFoundError,
            ["there is no template 'nope'", "by its id"],
        ),
        (
            ["no1", "acme", "no2"],
            {},
            NotFoundError,
            ["no organisation 'no1', 'no2'", "id or the slug"],
        ),
        (["acme"], {"actor": "who"}, NotFoundError, ["there is no user 'who'", "--as"]),
        (
            ["acme", "birch"],
            {"actor": "user_ben"},
            NotAuthorisedError,
            ["test (user_ben) may not change\n  acme (org_acme): is no member\n", "Ask an owner"],
        ),
        (
            ["acme", "birch"],
            {"actor": "user_pia"},
            NotAuthorisedError,
            ["acme (org_acme): has the role member\n  birch (org_birch): is no member\n"],
        ),
        (["acme"], {"skip": ["entity_type.no"]}, NotFoundError, ["no row entity_type.no"]),
        (["acme"], {"adopt": ["account"]}, ReconcilerError, ["'account' is not an address"]),
    ],
)
def test_requests_that_are_refused(
    shared_world: World,
    targets: list[str],
    options: dict[str, Any],
    error: type[ReconcilerError],
    parts: list[str],
) -> None:
    with pytest.raises(error) as caught:
        shared_world.plan(*targets, **options)
    all_in(str(caught.value), *parts)
    assert (caught.value.exit_code == Exit.NOT_AUTHORISED) == (error is NotAuthorisedError)


def test_a_role_cell_may_hold_several(shared_world: World) -> None:
    roles = ["member, admin", "admin,member", "owner"]
    wrong = ["member", "administrator", "co-owner", "Owner", "member;admin", ""]
    tenants = {role: shared_world.organization() for role in roles + wrong}
    for role, tenant in tenants.items():
        shared_world.sql('UPDATE member SET role = %s WHERE "organizationId" = %s', role, tenant)
    assert shared_world.plan(*(tenants[role] for role in roles)).actor.user_id == "user_ana"
    with pytest.raises(NotAuthorisedError) as caught:
        shared_world.plan(*tenants.values())
    refused = caught.value.message.splitlines()[1:]
    assert {line.split()[0] for line in refused} == {tenants[role][4:] for role in wrong}


def test_templates_that_are_none(shared_world: World) -> None:
    installed = {"id": "agent_copy", "organization_id": "org_acme", "name": "Copy"}
    shared_world.insert("agents", template_agent_id="agent_pf", **installed)
    with pytest.raises(RefusedError) as caught:
        shared_world.plan("birch", template="agent_copy")
    all_in(str(caught.value), "Copy (agent_copy) in acme is no template", "installed from agent_pf")

    private = shared_world.organization("secret")
    shared_world.insert("agents", id="agent_secret", organization_id=private, name="Hush")
    with pytest.raises(RefusedError) as caught:
        shared_world.plan("birch", template="agent_secret")
    all_in(str(caught.value), "organisation secret", "is private", "Make secret public first")
    with pytest.raises(NotFoundError, match="private organisation's template is found by id only"):
        shared_world.plan("birch", template="hush")

    for number in (1, 2):
        public = shared_world.organization(f"public{number}", visibility="public")
        shared_world.insert("agents", id=f"twin{number}", organization_id=public, name="Twin")
    with pytest.raises(NotFoundError) as caught:
        shared_world.plan("birch", template="twin")
    all_in(str(caught.value), "twin1 (Twin, in public1), twin2 (Twin, in public2)", "by its id")
