"""A tiny world made by hand: a few template rows, one or two targets, no database.

`entity_type.account`, `relationship_type.owns` with its inverse `owned_by`, and one rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler import kinds as kind_files
from reconciler.differ import diff
from reconciler.model.address import Address
from reconciler.model.canonical import canonical, parse
from reconciler.model.kind import Column, Kind
from reconciler.model.plan import Plan
from reconciler.model.request import Request, Resolution
from reconciler.model.snapshot import (
    Actor,
    DatabaseIdentity,
    Organization,
    Row,
    RowOwner,
    Snapshot,
    State,
    Target,
    Template,
)
from reconciler.model.value import Json, Ref, Value, Values

VOCABULARY = ("agent", "entity_type", "relationship_type", "relationship_rule")
# As they fit a release without view templates, and without installations by reference.
KINDS = tuple(
    kind.model_copy(
        update={
            "columns": tuple(
                column
                for column in kind.columns
                if column.references != "view_template_version" and column.name != kind.by_reference
            )
        }
    )
    for kind in kind_files.load()
    if kind.name in VOCABULARY
)
TYPE = Address("entity_type.account")
OWNS = Address("relationship_type.owns")
OWNED_BY = Address("relationship_type.owned_by")
RULE = Address("relationship_rule.owns/person/account")
AGENT = Address("agent.agent_pf")
ACME, BIRCH = "org_acme", "org_birch"

TEMPLATE = Template(
    agent_id="agent_pf",
    name="Personal Finance",
    organization=Organization(id="org_pub", slug="pub", name="Public", visibility="public"),
)
OURS = RowOwner(agent="agent_pf", organization="org_pub", name="Personal Finance", exists=True)
SISTER = RowOwner(agent="agent_sister", organization="org_pub", name="Sister", exists=True)
RIVAL = RowOwner(agent="agent_rival", organization="org_rival", name="Rival", exists=True)
GONE = RowOwner(agent="agent_gone", organization="org_gone")
ACTOR = Actor(mode="member", user_id="user_ana", label="ana@acme.test")

SHAPES = {
    "agent": {
        "id": "text", "organization_id": "text", "template_agent_id": "text", "name": "text",
        "description": "text", "owner_user_id": "text", "updated_at": "timestamptz",
    },
    "entity_type": {
        "id": "integer", "organization_id": "text", "slug": "text", "name": "text",
        "description": "text", "icon": "text", "color": "text", "metadata_schema": "jsonb",
        "event_kinds": "jsonb",
    },
    "relationship_type": {
        "id": "integer", "organization_id": "text", "slug": "text", "name": "text",
        "description": "text", "metadata_schema": "jsonb", "is_symmetric": "boolean",
        "inverse_type_id": "integer",
    },
    "relationship_rule": {
        "id": "integer", "relationship_type_id": "integer", "deleted_at": "timestamptz",
        "source_entity_type_slug": "text", "target_entity_type_slug": "text",
    },
}  # fmt: skip


def json(text: str) -> Json:
    """A JSON column's value."""
    return Json(text=canonical(parse(text)))


def entity_type(**values: Value) -> Values:
    """An entity type's managed columns."""
    plain: Values = {
        "name": "Account",
        "description": "A bank account",
        "icon": None,
        "color": None,
        "metadata_schema": json('{"type": "object"}'),
        "event_kinds": None,
    }
    return {**plain, **values}


def relationship_type(inverse: Address | None = None, **values: Value) -> Values:
    """A relationship type's managed columns."""
    plain: Values = {
        "name": "Owns",
        "description": None,
        "metadata_schema": None,
        "is_symmetric": False,
        "inverse_type_id": Ref(ref=inverse) if inverse else None,
    }
    return {**plain, **values}


def agent(**values: Value) -> Values:
    """The agent's managed columns."""
    plain: Values = {"name": "Personal Finance", "description": "Looks after money"}
    return {**plain, **values}


ROWS = (
    Row(address=AGENT, values=agent()),
    Row(address=TYPE, values=entity_type()),
    Row(address=OWNS, values=relationship_type(OWNED_BY)),
    Row(address=OWNED_BY, values=relationship_type(OWNS)),
    Row(address=RULE, values={}),
)


def absent(address: Address, *organizations: str, ledger: str | None = None) -> State:
    """Nothing there."""
    return State(
        address=address,
        organizations=organizations or (ACME,),
        situation="absent",
        ledger=ledger,
    )


def live(
    address: Address,
    values: Values,
    *organizations: str,
    owner: RowOwner | None = OURS,
    base: Values | None = None,
    ledger: str | None = None,
) -> State:
    """A live row with these values."""
    return State(
        address=address,
        organizations=organizations or (ACME,),
        situation="live",
        owner=owner,
        values=values,
        base=base,
        ledger=ledger,
    )


def target(organization: str, agent_id: str | None = "agent_here") -> Target:
    """An organisation to install into."""
    slug = organization.removeprefix("org_")
    return Target(
        organization=Organization(id=organization, slug=slug, name=slug, visibility="private"),
        agent_id=agent_id,
    )


def snapshot(
    *states: State,
    rows: Sequence[Row] = ROWS,
    targets: Sequence[str] = (ACME,),
    **more: object,
) -> Snapshot:
    """What was seen: settled wherever no state says otherwise."""
    return Snapshot.model_validate(
        {
            "database": DatabaseIdentity(system_identifier="1", name="tiny"),
            "template": TEMPLATE,
            "targets": tuple(target(one) for one in targets),
            "fingerprint": "f" * 64,
            "rows": tuple(rows),
            "states": states,
            "shapes": SHAPES,
            **more,
        }
    )


def planned(seen: Snapshot, *, name: str | None = None, **resolutions: Sequence[Address]) -> Plan:
    """The plan for a snapshot; resolutions as `skip=[...]`, `adopt=[...]`, `take=[...]`."""
    chosen = [
        Resolution.model_validate({"action": action, "address": address, "chosen_by": "ana"})
        for action, addresses in resolutions.items()
        for address in addresses
    ]
    request = Request(
        template="personal-finance",
        targets=tuple(one.organization.slug for one in seen.targets),
        actor="user_ana",
        name=name,
        resolutions=tuple(chosen),
    )
    return diff(seen, KINDS, request, ACTOR, "2026-10-06T12:00:00Z")


def kind(*columns: Column, name: str = "thing") -> Kind:
    """A kind with these columns, for comparing."""
    base = next(one for one in KINDS if one.name == "entity_type")
    return base.model_copy(update={"name": name, "columns": columns})
