"""A plan as a file has it, and as the ledger keeps it: what ten thousand targets share stands once.

Targets are a table, with a row each; and what is said of all of several targets says
`EVERYWHERE` instead of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.model.snapshot import Organization, Target

EVERYWHERE: Final = "all"
_ABOUT_TARGETS: Final = ("changes", "notes", "drift")
_OF_THE_ORGANIZATION: Final = tuple(Organization.model_fields)
_OF_THE_TARGET: Final = tuple(name for name in Target.model_fields if name != "organization")
COLUMNS: Final = (*_OF_THE_ORGANIZATION, *_OF_THE_TARGET)


def shortened(plan: Mapping[str, Any], targets: Sequence[Target]) -> dict[str, Any]:
    """A plan's fields, with the table of its targets instead of them."""
    everywhere = tuple(one.organization.id for one in targets)
    told = {**plan, "targets": table(targets)}
    if len(everywhere) > 1:
        told |= _said(told, lambda there: there == everywhere, EVERYWHERE)
    return told


def table(targets: Sequence[Target]) -> dict[str, Any]:
    """`{"columns": [...], "rows": [[...], ...]}`."""
    rows = [
        [
            *(getattr(one.organization, name) for name in _OF_THE_ORGANIZATION),
            *(getattr(one, name) for name in _OF_THE_TARGET),
        ]
        for one in targets
    ]
    return {"columns": list(COLUMNS), "rows": rows}


def table_schema(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the table, from those of what stands in its rows."""
    fields = {
        **definitions["Organization"]["properties"],
        **definitions["Target"]["properties"],
    }
    row = {
        "type": "array",
        "prefixItems": [fields[name] for name in COLUMNS],
        "minItems": len(COLUMNS),
    }
    return {
        "title": "Targets",
        "description": "Those that take part, a row each, with the values of `columns`.",
        "type": "object",
        "properties": {
            "columns": {"const": list(COLUMNS)},
            "rows": {"type": "array", "items": row},
        },
        "required": ["columns", "rows"],
    }


def spelled_out(given: Any) -> Any:
    """The fields that `shortened` has shortened. What is not in its form stays, to be refused."""
    if not isinstance(given, dict):
        return given
    targets = _from_table(given.get("targets"))
    if not isinstance(targets, list):
        return given
    everywhere = [
        one["organization"].get("id")
        for one in targets
        if isinstance(one, dict) and isinstance(one.get("organization"), dict)
    ]
    told = {**given, "targets": targets}
    return told | _said(told, lambda there: there == EVERYWHERE, everywhere)


def _from_table(given: Any) -> Any:
    """The targets of a table, each as an object; a list of objects is what earlier formats had."""
    if not isinstance(given, dict):
        return given
    columns, rows = given.get("columns"), given.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list) or not _are_names(columns):
        return given
    return [
        _target(dict(zip(columns, row, strict=True)))
        if isinstance(row, list) and len(row) == len(columns)
        else row
        for row in rows
    ]


def _are_names(columns: list[Any]) -> bool:
    return all(isinstance(one, str) for one in columns) and len(set(columns)) == len(columns)


def _target(row: dict[str, Any]) -> dict[str, Any]:
    organization = {name: row.pop(name) for name in _OF_THE_ORGANIZATION if name in row}
    return {**row, "organization": organization}


def _said(
    plan: Mapping[str, Any], wanted: Callable[[object], bool], instead: object
) -> dict[str, Any]:
    """The lists of a plan whose members name their targets, with other names for them."""
    return {
        name: [
            {**one, "targets": instead}
            if isinstance(one, dict) and wanted(one.get("targets"))
            else one
            for one in plan[name]
        ]
        for name in _ABOUT_TARGETS
        if isinstance(plan.get(name), list | tuple)
    }
