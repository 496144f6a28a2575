"""What a change of a public catalog would do to those who read it by reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.errors import Exit
from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.snapshot import Organization


class _Rows(Noun):
    """Rows of one organisation: how many, and the ids of the first few."""

    rows: int
    ids: tuple[str, ...] = ()


class InUse(_Rows):
    """Rows are of a type that goes."""

    about: Literal["in_use"] = "in_use"


class Invalid(_Rows):
    """Metadata that holds to the type's schema as it is, and not as it would be.

    keyword  the keyword of JSON Schema that fails; `false` for a schema that nothing holds to
    pointer  where in the metadata, as a JSON Pointer; of what is missing, where it has to stand,
             and of `false` what it stands in; null for further places, which are not told apart
    """

    about: Literal["invalid"] = "invalid"
    keyword: str
    pointer: str | None


class NoRule(_Rows):
    """Relationships between types that a rule allows now, and none would."""

    about: Literal["no_rule"] = "no_rule"
    source: str
    target: str


class Unjudged(_Rows):
    """Metadata of which nobody can say whether it would hold to the schema, and why."""

    about: Literal["unjudged"] = "unjudged"
    why: str


class Shadowed(Noun):
    """The organisation reads the catalog, and would not see the new type: it has its own `id`."""

    about: Literal["shadowed"] = "shadowed"
    id: str


Finding = Annotated[InUse | Invalid | NoRule | Unjudged | Shadowed, Field(discriminator="about")]


class TenantImpact(Noun):
    """What is found in one organisation.

    own      it is the catalog itself
    broken   live rows that would no longer be valid, or use what goes; each counts once
    already  those that are not valid as the catalog is now, and would not be afterwards
    """

    organization: Organization
    own: bool = False
    broken: int = 0
    already: int = 0
    findings: tuple[Finding, ...] = ()


class TypeImpact(Noun):
    """A type that would be new, changed or retired.

    rows           live rows that are of it, in how many organisations
    now_unjudged   why nobody can say what holds to its schema as it is now: then all that would
                   not hold to the new one counts as broken
    tenants        those of which there is something to say, by slug
    """

    address: Address
    change: Literal["new", "changed", "retired"]
    rows: int = 0
    organizations: int = 0
    now_unjudged: str = ""
    tenants: tuple[TenantImpact, ...] = ()


class Impact(Noun):
    """What `reconcile plan --catalog-change ... -json` prints.

    change   the file, or the organisation that holds the vocabulary as it is to be
    readers  organisations with an agent that reads the catalog by reference
    types    what would be otherwise, by kind and slug
    broken   live rows that would no longer be valid, or use what goes, in how many organisations
    """

    exit_code: int = 0
    catalog: Organization
    change: str
    readers: int = 0
    broken: int = 0
    organizations: int = 0
    types: tuple[TypeImpact, ...] = ()


def exit_code(impact: Impact, *, detailed: bool) -> Exit:
    """What the command ends with."""
    if impact.broken:
        return Exit.CONFLICTS
    return Exit.CHANGES if detailed and impact.types else Exit.DONE
