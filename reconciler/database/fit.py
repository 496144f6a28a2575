"""Whether kinds fit the database at hand: every misfit at once, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.errors import HiddenRowsError, NotInitialisedError, SchemaMismatchError
from reconciler.kinds.order import deferred
from reconciler.kinds.predicate import columns_of
from reconciler.model.kind import Kind
from reconciler.model.table import Catalog, Table

Shapes = dict[str, dict[str, str]]

# An address is text, so a key must have one text for each value.
_AMBIGUOUS_KEYS: Final = (
    "numeric",
    "real",
    "double precision",
    "interval",
    "json",
    "character(",
    "citext",
)


def tables_of(kinds: tuple[Kind, ...]) -> tuple[tuple[str, str], ...]:
    """The (schema, name) of every kind's table."""
    return tuple(dict.fromkeys((kind.db_schema, kind.table) for kind in kinds))


def fit(kinds: tuple[Kind, ...], catalog: Catalog) -> tuple[tuple[Kind, ...], Shapes]:
    """The kinds without the optional columns that this release lacks, and all columns' types.

    Raises SchemaMismatchError with every misfit, NotInitialisedError where just the tracking
    columns are missing, HiddenRowsError where row-level security is in force for this role.
    """
    misfits: list[str] = []
    untracked: list[str] = []
    hidden: list[str] = []
    fitted = []
    shapes: Shapes = {}
    for kind in kinds:
        table = catalog.get((kind.db_schema, kind.table))
        if table is None:
            misfits.append(f"kind {kind.name}: there is no table {kind.db_schema}.{kind.table}")
            continue
        if table.hides_rows:
            hidden.append(f"{kind.db_schema}.{kind.table}")
        present = _present(kind, table)
        missing = sorted(_needed(present) - table.columns.keys())
        tracking = {kind.owner.agent, kind.owner.organization} if kind.owner else set()
        if tracking & set(missing):
            untracked.append(kind.table)
        misfits.extend(
            f"kind {kind.name}: table {kind.table} has no column {name!r}"
            for name in missing
            if name not in tracking
        )
        if not missing:
            misfits.extend(
                f"kind {kind.name}: {misfit}" for misfit in _misfits(present, kinds, table)
            )
        fitted.append(present)
        shapes[kind.name] = {
            name: column.type for name, column in table.columns.items() if name in present.written
        }
    if misfits:
        raise SchemaMismatchError(
            "the kinds do not fit this database:\n  " + "\n  ".join(misfits),
            hint="Correct the kind files (--kinds), or migrate the database. Nothing was written.",
        )
    if untracked:
        raise NotInitialisedError(
            "the tracking columns are missing on " + ", ".join(sorted(untracked)),
            hint="Run `reconcile init`, or `reconcile init --print` and have the script applied.",
        )
    if hidden:
        raise HiddenRowsError(
            "row-level security would hide rows of " + ", ".join(sorted(hidden)),
            hint="Plan with a role that sees every row: the tables' owner (without FORCE ROW "
            "LEVEL SECURITY), or a role with BYPASSRLS.",
        )
    return tuple(fitted), shapes


def _present(kind: Kind, table: Table) -> Kind:
    return kind.model_copy(
        update={
            "columns": tuple(
                column
                for column in kind.columns
                if not column.optional or column.name in table.columns
            ),
            "stamps": tuple(
                stamp
                for stamp in kind.stamps
                if not stamp.optional or stamp.column in table.columns
            ),
        }
    )


def _needed(kind: Kind) -> set[str]:
    return {*kind.written, *(columns_of(kind.live) if kind.live else ())}


def _misfits(kind: Kind, kinds: tuple[Kind, ...], table: Table) -> Iterator[str]:
    second_step = deferred(
        next(known for known in kinds if known.name == kind.name),
        kinds,
    )
    identities = {kind.id, '"' + kind.id.replace('"', '""') + '"'}
    alone = any(
        len(one.expressions) == 1 and one.predicate is None and one.expressions[0] in identities
        for one in table.unique
    )
    if not alone and _pointed_at(kind, kinds):
        yield (
            f"column {kind.id!r} is the id that other rows point at, and no unique index is over "
            "it alone, so it could mean rows of several organisations"
        )
    for name in (*kind.key, *([kind.scope] if kind.scope else [])):
        if table.columns[name].type.startswith(_AMBIGUOUS_KEYS):
            yield (
                f"column {name!r} is part of the key, and in {table.columns[name].type} equal "
                "values can have different texts"
            )
    for column in table.columns.values():
        if column.generated and column.name in kind.written:
            yield f"column {column.name!r} is generated, so it cannot be managed"
        if column.name in second_step and column.not_null:
            yield f"column {column.name!r} is written in a second step, so it must be nullable"
        if column.not_null and not column.has_default and not column.generated:
            if column.name == kind.id and kind.mint is None:
                yield f"column {column.name!r} is the id and has no default: declare mint"
            elif column.name not in kind.written:
                yield (
                    f"column {column.name!r} is NOT NULL without a default, and the kind does not "
                    "list it, so no row can be created"
                )
            elif _only_retired(kind, column.name):
                yield f"column {column.name!r} is NOT NULL without a default, and only retired"


def _pointed_at(kind: Kind, kinds: tuple[Kind, ...]) -> bool:
    return any(
        (other.parent and other.parent.kind == kind.name)
        or any(column.references == kind.name for column in other.columns)
        for other in kinds
    )


def refuse_operator(kinds: tuple[Kind, ...], catalog: Catalog) -> None:
    """Raise SchemaMismatchError where rows need a user that an operator is not."""
    needed = [
        f"{kind.table}.{stamp.column}"
        for kind in kinds
        for stamp in kind.stamps
        if stamp.value == "actor"
        and catalog[kind.db_schema, kind.table].columns[stamp.column].not_null
    ]
    if needed:
        raise SchemaMismatchError(
            f"an operator is no user, and {', '.join(needed)} must name one",
            hint="Name a user who is owner or admin of every target: --as USER.",
        )


def _only_retired(kind: Kind, name: str) -> bool:
    without = kind.model_copy(update={"retire": ()})
    return name not in without.written
