"""Kinds as data: one TOML file a kind, and `load`, which reads and checks them all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from reconciler import infile
from reconciler.errors import KindError
from reconciler.kinds.declaration import Declaration
from reconciler.kinds.mistakes import between, within
from reconciler.kinds.order import in_order
from reconciler.model.kind import Kind

Kinds = tuple[Kind, ...]


def load(directory: Path | None = None) -> Kinds:
    """The built-in kinds, with those of a directory of one's own, in the order of writing.

    Raises KindError that lists every mistake of every file, with file and field.
    """
    return _load(directory) if directory else _built_in()


@lru_cache(maxsize=1)
def _built_in() -> Kinds:
    return _load(None)


def _load(directory: Path | None) -> Kinds:
    mistakes: list[str] = []
    declared: dict[str, str] = {}
    unfit_names: set[str] = set()
    kinds: list[Kind] = []
    for name, content in _files(directory):
        try:
            given = infile.toml(content)
        except ValueError as error:
            mistakes.append(f"{name}: is not TOML: {error}")
            continue
        unfit = [f"{name}: {mistake}" for mistake in within(given)]
        try:
            kind = Declaration.model_validate(given).to_kind()
        except ValidationError as error:
            unfit = [*(f"{name}: {line}" for line in _fields(error)), *unfit]
        if unfit:
            mistakes += unfit
            unfit_names.add(str(given.get("kind")))
            continue
        if kind.name in declared:
            mistakes.append(
                f"{name}: kind: {kind.name!r} is declared in {declared[kind.name]} already"
            )
            continue
        declared[kind.name] = name
        kinds.append(kind)
    mistakes.extend(between(kinds, declared, unfit_names))
    if mistakes:
        raise KindError(
            infile.told(mistakes, "kind files"),
            hint="Correct the files; schemas/kind.schema.json describes every field.",
        )
    return in_order(_linked(kinds))


def _files(directory: Path | None) -> Iterator[tuple[str, bytes]]:
    for built_in in sorted(files("reconciler.kinds").iterdir(), key=lambda file: file.name):
        if built_in.name.endswith(".toml"):
            yield built_in.name, built_in.read_bytes()
    if directory is None:
        return
    try:
        own = sorted(directory.glob("*.toml"))
        if not own:
            raise KindError(
                f"no kind files (*.toml) in {directory}",
                hint="--kinds names a directory with one TOML file a kind.",
            )
        for path in own:
            yield str(path), infile.read(path)
    except OSError as error:
        raise KindError(
            f"cannot read the kinds in {directory}: {error.strerror}",
            hint="--kinds names a directory with one TOML file a kind.",
        ) from error


def _fields(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in mistake["loc"])
        message = mistake["msg"].removeprefix("Value error, ")
        yield f"{field}: {message}" if field else message


def _linked(kinds: list[Kind]) -> Iterator[Kind]:
    """The kinds, each with the flags that its parents set in it."""
    for kind in kinds:
        flags = {
            column.flag
            for other in kinds
            for column in other.references
            if column.flag and column.references == kind.name
        }
        yield kind.model_copy(update={"flags": tuple(sorted(flags))})
