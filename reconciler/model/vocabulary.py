"""The vocabulary of a tenant, or of one agent: what each slug means there, and where it is from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from reconciler.model.base import Noun
from reconciler.model.snapshot import Organization
from reconciler.model.value import Json

# Printed as itself: whoever boots from it has no use for how it is kept here.
Embedded = Annotated[
    Json | None, PlainSerializer(lambda one: one and one.parsed(), return_type=Any)
]


class PathEntry(Noun):
    """An organisation on the search path; the first is the own one.

    agents  those that bring it, by id; nobody brings the own one
    public  whether it is a public catalog; what an agent brings is read only then
    """

    organization: Organization
    agents: tuple[str, ...] = ()
    public: bool


class Shadow(Noun):
    """A row with the same slug, farther away on the path: it is not used."""

    id: str
    name: str
    organization: Organization
    agents: tuple[str, ...] = ()


class Rule(Noun):
    """Which types a relationship may join, by their slugs."""

    source: str
    target: str


class EntityType(Noun):
    """A type of entity: the nearest live row of this slug.

    agents   those that brought its organisation; empty for the own one
    shadows  farther rows of the same slug, the nearest first
    """

    kind: Literal["entity_type"] = "entity_type"
    slug: str
    name: str
    id: str
    organization: Organization
    agents: tuple[str, ...] = ()
    description: str | None = None
    icon: str | None = None
    color: str | None = None
    metadata_schema: Embedded = None
    event_kinds: Embedded = None
    shadows: tuple[Shadow, ...] = ()


class RelationshipType(Noun):
    """A type of relationship: the nearest live row of this slug, with its rules.

    inverse  the slug of its inverse, where that row is live and on the path
    agents   those that brought its organisation; empty for the own one
    shadows  farther rows of the same slug, the nearest first
    """

    kind: Literal["relationship_type"] = "relationship_type"
    slug: str
    name: str
    id: str
    organization: Organization
    agents: tuple[str, ...] = ()
    description: str | None = None
    metadata_schema: Embedded = None
    is_symmetric: bool = False
    inverse: str | None = None
    rules: tuple[Rule, ...] = ()
    shadows: tuple[Shadow, ...] = ()


Entry = Annotated[EntityType | RelationshipType, Field(discriminator="kind")]


class LostTemplate(Noun):
    """Agents name a template entity that counts no more, so they bring no catalog.

    why           missing      there is no such entity (any more)
                  deleted      it is deleted
                  no_template  it is of another type, or its type is deleted
                  no_catalog   its organisation is no public catalog
    organization  the entity's; None where it is missing
    """

    about: Literal["lost_template"] = "lost_template"
    template_entity_id: str
    why: Literal["missing", "deleted", "no_template", "no_catalog"]
    agents: tuple[str, ...]
    organization: Organization | None = None


class ClosedCatalog(Noun):
    """Agents name a catalog that is none any more (it turned private, say): it is not read."""

    about: Literal["closed_catalog"] = "closed_catalog"
    organization: Organization
    agents: tuple[str, ...]


class Unresolved(Noun):
    """Live rows of the tenant's whose type is a row that the tenant cannot resolve.

    kind          of what the type is: entities or relationships are the rows
    id, slug      the type's; slug and organization are None where it is gone
    why           gone      there is no such type (any more)
                  retired   it is retired, in an organisation on the path
                  reserved  it is a catalog's row of the platform's own (`$...`)
                  closed    it is a catalog's that is none any more
                  stranger  it is a public organisation's that is not on the path
                  private   it is a private organisation's, as another tenant's
    rows          how many, and the ids of `few` of them
    """

    about: Literal["unresolved"] = "unresolved"
    kind: Literal["entity_type", "relationship_type"]
    id: str
    slug: str | None = None
    organization: Organization | None = None
    why: Literal["gone", "retired", "reserved", "closed", "stranger", "private"]
    rows: int
    few: tuple[str, ...]


Dangling = Annotated[LostTemplate | ClosedCatalog | Unresolved, Field(discriminator="about")]


class Vocabulary(Noun):
    """What `reconcile vocabulary -json` prints.

    name      what was asked for, as it was typed
    agent     the agent's id, where one agent was asked for
    path      the own organisation, then catalogs in the order in which they are read
    entries   entity types by slug, then relationship types by slug
    dangling  what is named and cannot be read
    """

    name: str
    organization: Organization
    agent: str | None = None
    path: tuple[PathEntry, ...]
    entries: tuple[Entry, ...] = ()
    dangling: tuple[Dangling, ...] = ()

    @property
    def entity_types(self) -> tuple[EntityType, ...]:
        """The entity types among the entries."""
        return tuple(one for one in self.entries if isinstance(one, EntityType))

    @property
    def relationship_types(self) -> tuple[RelationshipType, ...]:
        """The relationship types among the entries."""
        return tuple(one for one in self.entries if isinstance(one, RelationshipType))
