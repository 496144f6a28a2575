"""SQL text inside the rows that a plan writes, and what is suspect about it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.change import Adopt, Create, Move, Restore, Update
from reconciler.model.kind import Kind
from reconciler.model.note import SuspectQuery
from reconciler.queries import Query, inside


def suspects(
    kind: Kind, change: Create | Update | Adopt | Restore | Move, organizations: frozenset[str]
) -> Iterator[SuspectQuery]:
    """Queries that do not parse, read what they should not, or name another organisation.

    `organizations` are the ids among all constants in the template's SQL.
    """
    values = (
        change.values
        if isinstance(change, Create)
        else {field.column: field.after for field in change.fields}
    )
    for column, path, query in inside(kind, values):
        for problem, detail in _wrong(query, organizations):
            named = problem == "other_organization"
            targets = tuple(one for one in change.targets if not (named and one == detail))
            if targets:
                yield SuspectQuery.model_validate(
                    {
                        "address": change.address,
                        "targets": targets,
                        "column": column,
                        "path": path,
                        "problem": problem,
                        "detail": detail,
                    }
                )


def _wrong(query: Query, organizations: frozenset[str]) -> Iterator[tuple[str, str]]:
    if query.problem is not None:
        yield "unparsable", query.problem
    for table in query.tables:
        yield "other_table", table
    for organization in sorted(query.literals & organizations):
        yield "other_organization", organization
