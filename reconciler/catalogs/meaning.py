"""What the rows on a search path mean: the nearest of a slug counts, the others are shadowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from reconciler.model.snapshot import Organization
from reconciler.model.value import Json
from reconciler.model.vocabulary import (
    ClosedCatalog,
    Dangling,
    EntityType,
    LostTemplate,
    PathEntry,
    RelationshipType,
    Rule,
    Shadow,
    Unresolved,
    Vocabulary,
)

_Told = Mapping[str, Any]
_Type = TypeVar("_Type", EntityType, RelationshipType)


def meaning(name: str, told: _Told) -> Vocabulary:
    """The vocabulary, from what `database.vocabulary` read."""
    steps = {
        one["step"]: PathEntry(
            organization=Organization.model_validate(one),
            agents=one["agents"],
            public=one["public"],
        )
        for one in told["path"]
    }
    own, *brought = steps.values()
    return Vocabulary(
        name=name,
        organization=own.organization,
        agent=told["agent"],
        path=tuple(steps.values()),
        entries=(
            *_entries(EntityType, told["entity_types"] or (), steps),
            *_entries(RelationshipType, told["relationship_types"] or (), steps),
        ),
        dangling=tuple(_dangling(told, brought)),
    )


def _entries(
    sort: type[_Type], rows: Sequence[_Told], steps: Mapping[int, PathEntry]
) -> Iterator[_Type]:
    """An entry a slug; of each slug, the rows come in the order of the path."""
    ordered = sorted(rows, key=lambda row: str(row["slug"]))
    for slug, group in groupby(ordered, key=lambda row: str(row["slug"])):
        nearest, *farther = group
        values = dict(nearest["values"])
        for column in ("metadata_schema", "event_kinds"):
            if values.get(column) is not None:
                values[column] = Json(text=values[column])
        if sort is RelationshipType:
            values["inverse"] = nearest["inverse"]
            values["rules"] = tuple(
                Rule(source=source, target=target) for source, target in values["rules"] or ()
            )
        yield sort(
            slug=slug,
            **_where(nearest, steps),
            **values,
            shadows=tuple(Shadow(**_where(one, steps)) for one in farther),
        )


def _where(row: _Told, steps: Mapping[int, PathEntry]) -> dict[str, Any]:
    home = steps[row["step"]]
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "organization": home.organization,
        "agents": home.agents,
    }


def _dangling(told: _Told, brought: Sequence[PathEntry]) -> Iterator[Dangling]:
    for one in told["templates"] or ():
        yield LostTemplate.model_validate(one)
    for catalog in brought:
        if not catalog.public:
            yield ClosedCatalog(organization=catalog.organization, agents=catalog.agents)
    for one in told["unresolved"] or ():
        yield Unresolved.model_validate(one)
