"""The file of databases over which tenants are spread: a name and a connection string each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from reconciler import infile
from reconciler.errors import ReconcilerError
from reconciler.model.sharded import ShardName

_SHAPE: Final = (
    'Each database is a table: [[database]], name = "eu", dsn = "service=tenants_eu"; a dsn is a '
    "URL or words like host=..., and its password can come from libpq's password file."
)
_SAID: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "is text in quotes",
    "string_pattern_mismatch": "is made of letters, digits and ._-, begins with one of the first "
    "two, and has 63 characters at most",
    "too_short": "is empty",
    "tuple_type": "is a list of tables: [[database]]",
    "model_type": "is a table: [[database]]",
}


class Shard(BaseModel):
    """A database; its connection string shows itself to nobody who does not ask for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="database")

    name: ShardName
    dsn: Annotated[SecretStr, Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    database: Annotated[tuple[Shard, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Databases:
    """The databases that a file lists, in its order, and how the file was named."""

    file: str
    shards: tuple[Shard, ...]


def load(path: str | Path) -> Databases:
    """The databases in a file. Raises ReconcilerError with every mistake in it, and its place."""
    try:
        given = infile.toml(infile.read(path))
    except OSError as error:
        raise ReconcilerError(
            f"cannot read {path}: {error.strerror}", hint=f"--databases names a TOML file. {_SHAPE}"
        ) from error
    except ValueError as error:
        raise ReconcilerError(f"{path} is not TOML: {error}", hint=_SHAPE) from None
    try:
        shards = _File.model_validate(given).database
        mistakes = list(_doubled(shards))
    except ValidationError as error:
        mistakes = [
            f"{_place(one['loc'], given)}: {_SAID.get(one['type'], one['msg'])}"
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        shards = ()
    if mistakes:
        raise ReconcilerError(infile.told(mistakes, str(path)), hint=_SHAPE) from None
    return Databases(str(path), shards)


def _doubled(shards: tuple[Shard, ...]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, shard in enumerate(shards, 1):
        if first.setdefault(shard.name, number) != number:
            yield f"database {number}: is called {shard.name!r}, as database {first[shard.name]} is"


def _place(location: tuple[int | str, ...], given: dict[str, Any]) -> str:
    """`database 2 ('us').dsn`: counted, as people count, and with its name where it has one."""
    match location:
        case ("database", int(number), *rest):
            table = given["database"][number]
            name = table.get("name") if isinstance(table, dict) else None
            called = f" ({name!r})" if isinstance(name, str) and rest != ["name"] else ""
            return ".".join([f"database {number + 1}{called}", *map(str, rest)])
        case _:
            return ".".join(map(str, location))
