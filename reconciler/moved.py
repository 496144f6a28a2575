"""Renames, as they are declared: `[[moved]]` tables in a TOML file, each with `from` and `to`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler import infile
from reconciler.errors import ReconcilerError
from reconciler.kinds import Kinds
from reconciler.kinds.order import key_width, parent_of
from reconciler.model.address import Address
from reconciler.model.kind import Kind
from reconciler.model.request import Moved

_SHAPE = 'Each rename is a table: [[moved]], from = "entity_type.old", to = "entity_type.new".'


def load(path: Path, kinds: Kinds) -> tuple[Moved, ...]:
    """The renames that a file declares. Raises ReconcilerError with every mistake in it."""
    try:
        given = infile.toml(infile.read(path))
    except OSError as error:
        raise ReconcilerError(
            f"cannot read {path}: {error.strerror}", hint="--moved names a TOML file."
        ) from error
    except ValueError as error:
        raise ReconcilerError(f"{path} is not TOML: {error}", hint=_SHAPE) from error
    tables = given.get("moved")
    mistakes = [f"{name}: is not known here" for name in given if name != "moved"]
    if not isinstance(tables, list) or not tables:
        mistakes.append("there is no [[moved]] in it")
        tables = []
    named = {kind.name: kind for kind in kinds}
    found: list[Moved] = []
    numbers: list[int] = []
    for number, table in enumerate(tables, 1):
        try:
            one = _moved(table)
            _refuse(one, found, named)
            found.append(one)
            numbers.append(number)
        except ValueError as error:
            mistakes.append(f"moved {number}: {error}")
    renamed = {address: one for one in found for address in (one.source, one.to)}
    for number, one in zip(numbers, found, strict=True):
        if (first := _above(one.source, renamed, named)) is not None:
            mistakes.append(
                f"moved {number}: {one.source} belongs to {first.source}, which is renamed, too: "
                "rename that first, and this one in a later plan"
            )
    if mistakes:
        raise ReconcilerError(infile.told(mistakes, str(path)), hint=_SHAPE)
    return tuple(found)


def _moved(table: Any) -> Moved:
    if not isinstance(table, dict) or table.keys() != {"from", "to"}:
        raise ValueError("names from and to, and nothing else")
    if not all(isinstance(text, str) for text in table.values()):
        raise ValueError("from and to are addresses, in quotes")
    return Moved(source=Address.parse(table["from"]), to=Address.parse(table["to"]))


def _refuse(one: Moved, known: Sequence[Moved], kinds: dict[str, Any]) -> None:
    kind = kinds.get(one.source.kind)
    if kind is None:
        raise ValueError(f"there is no kind {one.source.kind!r}")
    width = key_width(kind, kinds)
    if one.to.kind != kind.name or len(one.to.key) != width or len(one.source.key) != width:
        raise ValueError(f"from and to are addresses of {kind.name} rows")
    if one.source.key[: -len(kind.key)] != one.to.key[: -len(kind.key)]:
        raise ValueError(
            "from and to belong to different rows; where that one is renamed, do that first, and "
            "this in a later plan, with its new name in both"
        )
    if one.source == one.to:
        raise ValueError("from and to are the same")
    if kind.installs or kind.history or kind.provides or not kind.mirrored:
        raise ValueError(f"{kind.name} rows keep their names")
    if any(one.source == other.source or one.to == other.to for other in known):
        raise ValueError(f"{one.source} or {one.to} stands in another one already")


def _above(
    address: Address, renamed: Mapping[Address, Moved], kinds: Mapping[str, Kind]
) -> Moved | None:
    """The renaming of a row to which this one belongs, at whatever distance."""
    above = parent_of(kinds[address.kind], address)
    if above is None:
        return None
    return renamed.get(above) or _above(above, renamed, kinds)
