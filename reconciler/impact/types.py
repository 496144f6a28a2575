"""A catalog's types as they are and as they are to be, and which of them differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from reconciler.errors import NotFoundError
from reconciler.model.address import Address
from reconciler.model.canonical import canonical
from reconciler.model.catalog_change import CatalogChange, RelationshipType


@dataclass(frozen=True)
class Type:
    """A type: the schema of its metadata as canonical JSON text, None for none.

    id         of its row; None of one that is only to be
    rules      of a relationship type, between which types it may be; without any, between all
    symmetric  a rule holds in both directions
    """

    id: int | None = None
    schema: str | None = None
    rules: frozenset[tuple[str, str]] = frozenset()
    symmetric: bool = False

    def allows(self, source: str, target: str) -> bool:
        """Whether two types may be related."""
        turned = self.symmetric and (target, source) in self.rules
        return not self.rules or (source, target) in self.rules or turned


Vocabulary = Mapping[Address, Type]


@dataclass(frozen=True)
class Changed:
    """A type that would be otherwise; `now` or `then` is None where it is not there."""

    address: Address
    now: Type | None
    then: Type | None

    @property
    def how(self) -> Literal["new", "changed", "retired"]:
        """What would become of it."""
        if self.now is None:
            return "new"
        return "changed" if self.then else "retired"


def vocabulary(types: Sequence[Sequence[Any]], rules: Sequence[Sequence[Any]]) -> Vocabulary:
    """What the answers of `catalog_use.types_of` mean."""
    between: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for of, source, target in rules:
        between[of].add((source, target))
    return {
        Address.of(kind, (slug,)): Type(
            id=row,
            schema=schema,
            rules=frozenset(between[row]) if kind == "relationship_type" else frozenset(),
            symmetric=symmetric,
        )
        for kind, row, slug, schema, symmetric in types
    }


def overlaid(now: Vocabulary, change: CatalogChange) -> Vocabulary:
    """The vocabulary as it would be; raises NotFoundError for what is to go and is not there."""
    unknown = [address for address in change.retired if address not in now]
    if unknown:
        raise NotFoundError(
            f"the catalog has no {', '.join(unknown)} that could be retired",
            hint="Correct `retired` in the file: entity_type.SLUG, as the catalog has it now.",
        )
    named = change.named()
    stays = {
        address: one
        for address, one in now.items()
        if not change.complete and address not in change.retired
    }
    return {
        **stays,
        **{address: _written(one, now.get(address, Type())) for address, one in named.items()},
    }


def _written(one: Any, now: Type) -> Type:
    then = now
    if "metadata_schema" in one.model_fields_set:
        schema = one.metadata_schema
        then = replace(then, schema=None if schema is None else canonical(schema))
    if isinstance(one, RelationshipType) and "rules" in one.model_fields_set:
        then = replace(then, rules=frozenset(one.rules))
    return then


def changes(now: Vocabulary, then: Vocabulary) -> tuple[Changed, ...]:
    """What would be otherwise, by address."""
    found = (Changed(one, now.get(one), then.get(one)) for one in sorted({*now, *then}))
    return tuple(one for one in found if _meaning(one.now) != _meaning(one.then))


def _meaning(one: Type | None) -> Type | None:
    """A type without the id of its row, which says nothing of what it is."""
    return one and replace(one, id=None)
