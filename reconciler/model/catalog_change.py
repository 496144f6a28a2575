"""A catalog's vocabulary as it is to be, written down before it is published."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, StrictBool, StringConstraints, WithJsonSchema
from pydantic import model_validator as validator

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.canonical import Number, canonical, parse


def _no_number(given: Any) -> Any:
    if isinstance(given, Number):
        raise ValueError("this is a number, where a text has to stand")
    return given


def _catalogs_own(given: str) -> str:
    if given.startswith("$"):
        raise ValueError("a slug that begins with $ is the platform's, and in no catalog")
    return given


def _exact(given: Any) -> Any:
    """JSON as `canonical.parse` reads it, and what somebody who calls the library has instead."""
    try:
        canonical(given)
    except TypeError:
        try:
            return parse(json.dumps(given, allow_nan=False))
        except TypeError as error:
            raise ValueError(f"this is not JSON: {error}") from error
    return given


Text = Annotated[str, StringConstraints(strict=True, min_length=1), BeforeValidator(_no_number)]
Slug = Annotated[Text, BeforeValidator(lambda given: _catalogs_own(given) if given else given)]
# It is held against its own dialect when it is judged; numbers in it are exact.
Schema = Annotated[
    Any, BeforeValidator(_exact), WithJsonSchema({"type": ["object", "boolean", "null"]})
]


class _Written(Noun):
    """Part of the file: what it does not know is a mistake, since it would have no effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EntityType(_Written):
    """An entity type. A `metadata_schema` that is not given stays as it is; null is none."""

    slug: Slug
    metadata_schema: Schema = None


class RelationshipType(_Written):
    """A relationship type. What is not given stays as it is.

    rules  all of them, each the slugs of the entity types at its source and target; with none at
           all, everything may be related
    """

    slug: Slug
    metadata_schema: Schema = None
    rules: tuple[tuple[Text, Text], ...] = ()


class CatalogChange(_Written):
    """What `reconcile plan --catalog-change FILE` reads.

    catalog   the organisation, by id or slug
    complete  what is not named is retired; otherwise only what is named changes
    retired   what goes, as `entity_type.SLUG` or `relationship_type.SLUG`
    """

    catalog: Text
    entity_types: tuple[EntityType, ...] = ()
    relationship_types: tuple[RelationshipType, ...] = ()
    complete: StrictBool = False
    retired: tuple[Annotated[Address, BeforeValidator(_no_number)], ...] = ()

    def named(self) -> dict[Address, EntityType | RelationshipType]:
        """The types that are named, by address."""
        types = {Address.of("entity_type", (one.slug,)): one for one in self.entity_types}
        relations = {
            Address.of("relationship_type", (one.slug,)): one for one in self.relationship_types
        }
        return {**types, **relations}

    @validator(mode="after")
    def _once(self) -> CatalogChange:
        named = self.named()
        if len(named) < len(self.entity_types) + len(self.relationship_types):
            raise ValueError("a slug is named twice")
        for address in self.retired:
            if address.kind not in ("entity_type", "relationship_type") or len(address.key) > 1:
                raise ValueError(
                    f"retired: {address} is neither entity_type.SLUG nor relationship_type.SLUG"
                )
            _catalogs_own(address.key[0])
            if address in named:
                raise ValueError(f"{address} is both named and retired")
        if self.complete and self.retired:
            raise ValueError("with complete, what is not named is retired: leave out retired")
        return self
