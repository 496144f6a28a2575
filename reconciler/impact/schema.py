"""Whether metadata holds to a JSON Schema, to the last digit, and without asking anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

# A dialect that a schema does not name itself.
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# An array may fail in each of its items: of one content, so many are told.
_TOLD: Final = 50
# Python would take long for larger whole numbers, and refuses to write them.
_LONGEST_INT: Final = 4000

Failure = tuple[str, str]


class UnjudgedError(Exception):
    """Why nobody can say whether metadata holds to a schema."""


def number(text: str) -> int | Decimal:
    """A JSON number, exactly; what is whole is an int, as `1.0` is one to JSON Schema."""
    found = Decimal(text)
    if found.adjusted() < _LONGEST_INT and found == found.to_integral_value():
        return int(found)
    return found


def loaded(text: str) -> Any:
    """JSON text as jsonschema takes it; raises UnjudgedError."""
    try:
        return json.loads(text, parse_float=number, parse_int=_whole)
    except (RecursionError, ArithmeticError, ValueError) as error:
        raise UnjudgedError("it is nested too deeply to be read") from error


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONGEST_INT else Decimal(text)


class Schema:
    """A `metadata_schema`; raises UnjudgedError, with every reason, for one that judges nothing."""

    def __init__(self, text: str) -> None:
        content = loaded(text)
        try:
            self._validator = _validator(content)
        except UnjudgedError:
            raise
        except Exception as error:  # jsonschema does not say what else it may raise.
            raise UnjudgedError(_because(error)) from error

    def failures(self, content: Any) -> frozenset[Failure]:
        """Where metadata does not hold to it: keywords, and JSON Pointers; raises UnjudgedError."""
        try:
            return frozenset(
                failure
                for error in islice(self._validator.iter_errors(content), _TOLD)
                for failure in _failures(error)
            )
        except Exception as error:  # As above.
            raise UnjudgedError(_because(error)) from error


def pointer(path: Iterable[str | int]) -> str:
    """A JSON Pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _failures(error: Any) -> Iterator[Failure]:
    keyword = str(error.validator or "false")
    at = pointer(error.absolute_path)
    if keyword == "required" and isinstance(error.validator_value, list):
        # Each that is missing has an error of its own, which does not say which.
        for name in error.validator_value:
            if name not in error.instance:
                yield keyword, at + pointer([name])
    else:
        yield keyword, at


def _because(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it refers to itself without end, or is nested too deeply"
    return f"jsonschema cannot judge by it ({type(error).__name__})"


def _validator(content: Any) -> Validator:
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    named = content.get("$schema", DIALECT) if isinstance(content, dict) else DIALECT
    unknown: Any = None
    plain: Any = validator_for({"$schema": named}, unknown) if isinstance(named, str) else unknown
    if plain is None:
        raise UnjudgedError(f"its dialect is not known: $schema is {json.dumps(named)[:200]}")
    if isinstance(content, dict):
        # jsonschema would take up the dialect's own validator again at each mention of it.
        content = {key: value for key, value in content.items() if key != "$schema"}
    exact = _exact(plain)
    meta = exact(plain.META_SCHEMA, registry=REGISTRY, format_checker=plain.FORMAT_CHECKER)
    mistakes = [
        f"{pointer(one.absolute_path) or 'the schema'}: {one.validator} of its dialect"
        for one in islice(meta.iter_errors(content), _TOLD)
    ]
    if mistakes:
        raise UnjudgedError(f"it is no JSON Schema: {', '.join(mistakes)}")
    outside = sorted(set(_unresolvable(content, plain, REGISTRY)))
    if outside:
        raise UnjudgedError(
            f"it refers to what it does not hold itself: {', '.join(outside)[:500]}"
        )
    found: Validator = exact(content, registry=REGISTRY)
    return found


@cache
def _exact(plain: Any) -> Any:
    """A dialect's validator, for numbers that are no floats."""
    from jsonschema.validators import extend

    whole = plain.TYPE_CHECKER.redefine("integer", lambda _, one: _is_whole(one))
    multiples = {"multipleOf", "divisibleBy"} & plain.VALIDATORS.keys()
    extended: Any = extend
    return extended(plain, dict.fromkeys(multiples, _multiple_of), type_checker=whole)


def _is_whole(one: Any) -> bool:
    if isinstance(one, Decimal):
        return one == one.to_integral_value()
    return isinstance(one, int) and not isinstance(one, bool)


def _multiple_of(validator: Any, of: Any, one: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG001
    from jsonschema.exceptions import ValidationError

    if validator.is_type(one, "number") and (Fraction(one) / Fraction(of)).denominator != 1:
        yield ValidationError("no multiple")


def _unresolvable(content: Any, plain: Any, registry: Any) -> Iterator[str]:
    """References that lead out of the schema: nothing is fetched."""
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    dialect = plain.META_SCHEMA.get("$schema")
    resource = specification_with(dialect).create_resource(content)
    waiting = [(resource, registry.resolver_with_root(resource))]
    while waiting:
        here, resolver = waiting.pop()
        if isinstance(here.contents, dict):
            for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
                reference = here.contents.get(keyword)
                if isinstance(reference, str):
                    try:
                        resolver.lookup(reference)
                    except Unresolvable:
                        yield reference
        waiting += [(one, resolver.in_subresource(one)) for one in here.subresources()]
