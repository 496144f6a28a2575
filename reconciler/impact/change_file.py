"""Reading the file that says how a catalog's vocabulary is to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from reconciler import infile
from reconciler.errors import ReconcilerError
from reconciler.model.canonical import Number, parse, too_deep
from reconciler.model.catalog_change import CatalogChange

_SHAPE: Final = (
    'It is JSON: {"catalog": "ORG", "entity_types": [{"slug": ..., "metadata_schema": ...}], '
    '"relationship_types": [...], "retired": [...]}; schemas/catalog-change.schema.json describes '
    "every field."
)
# What PostgreSQL's numeric holds: so many digits before the point, and behind it.
_BEFORE, _BEHIND = 131_072, 16_383
_DIGITS: Final = re.compile(r"-?0*(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def load(given: str | Path) -> CatalogChange | None:
    """What a file says, or None for what is no file but the name of an organisation.

    Raises ReconcilerError that lists every mistake.
    """
    typed = str(given)
    written = "/" in typed or typed == infile.STDIN or typed.endswith(".json")
    if not (written or isinstance(given, Path) or _there(typed)):
        return None
    where = "the standard input" if typed == infile.STDIN else typed
    try:
        content = infile.read(typed)
    except OSError as error:
        raise ReconcilerError(f"cannot read {where}: {error.strerror}", hint=_SHAPE) from error
    return read(content, where)


def read(content: bytes, where: str) -> CatalogChange:
    """What the file says; raises ReconcilerError that lists every mistake."""
    try:
        text = content.decode("utf-8-sig")
        if too_deep(text):
            raise ValueError("it is nested too deeply")
        document = parse(text)
    except UnicodeDecodeError as error:
        raise ReconcilerError(f"{where} is not UTF-8 text", hint=_SHAPE) from error
    except ValueError as error:
        raise ReconcilerError(f"{where} is not JSON: {error}", hint=_SHAPE) from error
    mistakes = sorted(set(_unstorable(document)))
    change = None
    try:
        change = CatalogChange.model_validate(document)
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in mistake["loc"])
            message = mistake["msg"].removeprefix("Value error, ")
            mistakes.append(f"{field}: {message}" if field else message)
    if change is None or mistakes:
        raise ReconcilerError(infile.told(mistakes, where), hint=_SHAPE)
    return change


def _there(typed: str) -> bool:
    try:
        return Path(typed).is_file()
    except (OSError, ValueError):
        return False


def _unstorable(value: Any) -> Iterator[str]:
    """What no jsonb could hold, so that it could never be published."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, Number):
            if not _storable(one):
                yield "a number in it has more digits than PostgreSQL can hold"
        elif isinstance(one, str) and _UNSTORABLE.search(one):
            yield "a text in it has a NUL, or half a character: PostgreSQL cannot hold it"


def _storable(number: Number) -> bool:
    found = _DIGITS.fullmatch(number)
    if found is None or len(found[3] or "") > len(str(_BEFORE)) + 1:
        return False
    power = int(found[3] or 0)
    return len(found[1]) + power <= _BEFORE and len(found[2]) - power <= _BEHIND
