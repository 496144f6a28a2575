"""Text from the database to values, and back: the two must be each other's inverse."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from reconciler.model.address import Address
from reconciler.model.canonical import DEEPEST, digest_of_lists, too_deep
from reconciler.model.kind import Column
from reconciler.model.snapshot import Row
from reconciler.model.value import Digest, Json, Ref, Value

# Where the organisation would stand that a reference points into: a version of the tenant's own.
OWN: Final = ""

_WHOLE: Final = frozenset({"smallint", "integer", "bigint"})
_JSON: Final = frozenset({"json", "jsonb"})


def decode(text: str | None, column: Column, sql_type: str) -> Value:
    """The value that a column's text means; raises ValueError for JSON that is too deep."""
    if text is None:
        return None
    if column.references:
        outside, *key = json.loads(text)
        return Ref(
            ref=Address.of(column.references, tuple(key)),
            organization=outside or None,
            own=outside == OWN,
        )
    if column.sensitive:
        return Digest(sha256=text)
    if sql_type in _JSON:
        if too_deep(text):
            raise ValueError(f"is JSON that is nested deeper than {DEEPEST} levels")
        return Json(text=text)
    if sql_type == "boolean":
        return text == "true"
    if sql_type in _WHOLE:
        return int(text)
    return text


def fingerprint(rows: Iterable[Row]) -> str:
    """The SHA-256 of all of the template's rows, in the order of their addresses."""
    return digest_of_lists(
        [
            [str(row.address), [[name, _tagged(value)] for name, value in row.values.items()]]
            for row in sorted(rows, key=lambda row: row.address)
        ]
    )


def _tagged(value: Value) -> object:
    match value:
        case Json():
            return ["json", value.text]
        case Ref():
            return ["ref", str(value.ref), value.organization, value.own]
        case Digest():
            return ["sha256", value.sha256]
        case _:
            return value
