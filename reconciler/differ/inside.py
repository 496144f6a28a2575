"""SQL text inside the rows that a plan writes, and what is suspect about it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.change import Adopt, Create, Update
from reconciler.model.kind import Kind
from reconciler.model.note import SuspectQuery
from reconciler.model.value import Json
from reconciler.queries import inspect, texts


def suspects(
    kind: Kind, change: Create | Update | Adopt, organizations: frozenset[str]
) -> Iterator[SuspectQuery]:
    """Queries that do not parse, read what they should not, or name another organisation.

    `organizations` are the ids among all constants in the template's SQL.
    """
    values = (
        change.values
        if isinstance(change, Create)
        else {field.column: field.after for field in change.fields}
    )
    for column in kind.columns:
        value = values.get(column.name)
        if column.queries is None or not isinstance(value, Json):
            continue
        for path, text in texts(value.parsed(), column.queries.at):

            def suspect(problem: str, detail: str, targets: tuple[str, ...]) -> SuspectQuery:
                return SuspectQuery.model_validate(
                    {
                        "address": change.address,
                        "targets": targets,
                        "column": column.name,  # noqa: B023 (called before the loop goes on)
                        "path": path,  # noqa: B023
                        "problem": problem,
                        "detail": detail,
                    }
                )

            query = inspect(text, column.queries.tables)
            if query.problem is not None:
                yield suspect("unparsable", query.problem, change.targets)
            for table in query.tables:
                yield suspect("other_table", table, change.targets)
            for named in sorted(query.literals & organizations):
                targets = tuple(target for target in change.targets if target != named)
                if targets:
                    yield suspect("other_organization", named, targets)
