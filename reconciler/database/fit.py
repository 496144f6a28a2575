"""Whether kinds fit the database at hand: every misfit at once, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.errors import HiddenRowsError, NotInitialisedError, SchemaMismatchError
from reconciler.kinds.order import deferred
from reconciler.kinds.predicate import columns_of
from reconciler.kinds.release import AUDITED, as_in
from reconciler.model.kind import Audit, Column, Kind
from reconciler.model.table import WHOLE, Catalog, Table

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
    """The (schema, name) of every table that a kind speaks of."""
    own = [(kind.db_schema, kind.table) for kind in kinds]
    using = [(one.db_schema, one.table) for kind in kinds for one in kind.dependents]
    using += [(one.db_schema, one.table) for kind in kinds for one in kind.pointers]
    audits = [(one.db_schema, one.table) for kind in kinds if (one := kind.audit)]
    return tuple(dict.fromkeys((*own, *using, *audits)))


@dataclass(frozen=True)
class Fitted:
    """The kinds as this release of the database has them.

    shapes    the SQL type of each column that may be written, by kind
    left_out  kinds that the database cannot hold, and need not, with the reason
    """

    kinds: tuple[Kind, ...]
    shapes: Shapes
    left_out: dict[str, str]


def fit(kinds: tuple[Kind, ...], catalog: Catalog) -> Fitted:
    """Hold the kinds (parents first) against the catalog.

    Raises SchemaMismatchError with every misfit, NotInitialisedError where just the tracking
    columns are missing, HiddenRowsError where row-level security is in force for this role.
    """
    left_out = _left_out(kinds, catalog)
    misfits: list[str] = []
    untracked: list[str] = []
    hidden: list[str] = []
    fitted = []
    shapes: Shapes = {}
    for kind in kinds:
        if kind.name in left_out:
            continue
        table = catalog.get((kind.db_schema, kind.table))
        present = as_in(kind, table.columns, left_out) if table else kind
        misfits += [f"kind {kind.name}: {one}" for one in _wrong(present, kinds, table)]
        if table is None:
            continue
        if kind.audit and (beside := _audit(kind, catalog)):
            misfits += [f"kind {kind.name}: {one}" for one in _unfit_audit(kind.audit, beside)]
        if table.hides_rows:
            hidden.append(f"{kind.db_schema}.{kind.table}")
        if _tracking(kind) - table.columns.keys():
            untracked.append(kind.table)
        fitted.append(_beside(present, catalog))
        written = present.written
        shapes[kind.name] = {
            name: column.type for name, column in table.columns.items() if name in written
        } | {column.name: "boolean" for column in present.columns if column.flag}
        if fitted[-1].audit:
            shapes[kind.name] |= {AUDITED: fitted[-1].audit.table}
    if misfits:
        raise SchemaMismatchError(
            "the kinds do not fit this database:\n  " + "\n  ".join(misfits),
            hint="Correct the kind files (--kinds), or migrate the database. Nothing was written.",
        )
    if untracked:
        raise NotInitialisedError(
            "the tracking columns are missing on " + ", ".join(sorted(set(untracked))),
            hint="Run `reconcile init` (with --kinds DIR for tables of your own), or `reconcile "
            "init --print` and have the script applied.",
        )
    if hidden:
        raise HiddenRowsError(
            "row-level security would hide rows of " + ", ".join(sorted(set(hidden))),
            hint="Use a role that sees every row: the tables' owner (without FORCE ROW LEVEL "
            "SECURITY), or one with BYPASSRLS (`reconcile grants` prints what it needs).",
        )
    return Fitted(tuple(fitted), shapes, left_out)


def _beside(kind: Kind, catalog: Catalog) -> Kind:
    """The kind with those of the tables beside its own that this release of the database has."""
    there = tuple(
        one
        for one in kind.dependents
        if (table := catalog.get((one.db_schema, one.table))) and one.column in table.columns
    )
    following = []
    for one in kind.pointers:
        columns = table.columns if (table := catalog.get((one.db_schema, one.table))) else {}
        if {one.id, one.scope, one.column} <= columns.keys():
            types = tuple((name, columns[name].type) for name in (one.id, one.scope, one.column))
            following.append(one.model_copy(update={"types": types}))
    audit = kind.audit if kind.audit and _audit(kind, catalog) else None
    beside = {"dependents": there, "pointers": tuple(following), "audit": audit}
    return kind.model_copy(update=beside)


def _audit(kind: Kind, catalog: Catalog) -> Table | None:
    return catalog.get((kind.audit.db_schema, kind.audit.table)) if kind.audit else None


def _unfit_audit(audit: Audit, table: Table) -> Iterator[str]:
    """What is wrong with an audit table that is there."""
    for name in audit.columns:
        if name not in table.columns:
            yield f"the audit table {table.name} has no column {name!r}"
    for name in (audit.before, audit.after):
        if name in table.columns and table.columns[name].type != "jsonb":
            yield f"column {name!r} of the audit table {table.name} is not jsonb"
    for column in table.columns.values():
        needed = column.not_null and not column.has_default and not column.generated
        if needed and column.name not in audit.columns:
            yield (
                f"column {column.name!r} of the audit table {table.name} is NOT NULL without a "
                "default, and the kind does not list it"
            )


def _left_out(kinds: tuple[Kind, ...], catalog: Catalog) -> dict[str, str]:
    """Kinds that need not be there and do not fit, and what belongs to them."""
    found: dict[str, str] = {}
    for kind in kinds:
        if kind.parent and kind.parent.kind in found:
            found[kind.name] = f"it belongs to {kind.parent.kind}"
        elif not kind.required:
            table = catalog.get((kind.db_schema, kind.table))
            wrong = _wrong(as_in(kind, table.columns, found) if table else kind, kinds, table)
            if wrong:
                found[kind.name] = "; ".join(wrong)
    return found


def _wrong(kind: Kind, kinds: tuple[Kind, ...], table: Table | None) -> list[str]:
    if table is None:
        return [f"there is no table {kind.db_schema}.{kind.table}"]
    missing = sorted(_needed(kind) - table.columns.keys() - _tracking(kind))
    if missing:
        return [f"table {kind.table} has no column {name!r}" for name in missing]
    if _tracking(kind) - table.columns.keys():
        return []
    return list(_misfits(kind, kinds, table))


def _tracking(kind: Kind) -> set[str]:
    return {kind.owner.agent, kind.owner.organization} if kind.owner else set()


def _needed(kind: Kind) -> set[str]:
    spoken = [columns_of(text) for text in (kind.live, kind.where) if text]
    return {*kind.written, *(name for names in spoken for name in names)}


def _misfits(kind: Kind, kinds: tuple[Kind, ...], table: Table) -> Iterator[str]:
    second_step = deferred(
        next(known for known in kinds if known.name == kind.name),
        kinds,
    )
    itself = {column.name for column in kind.columns if column.itself}
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
    identity = table.columns[kind.id]
    if itself and identity.always:
        yield f"column {kind.id!r} refuses ids, and a row that points at itself must know its own"
    if itself and kind.mint is None and not identity.counted:
        yield f"column {kind.id!r} cannot be drawn, and a row that points at itself must know it"
    null = {one.name for one in kind.columns if one.nullable or _may_be_null(one, kinds)}
    null.update(one.column for one in kind.next_run)
    for name in sorted(null):
        if table.columns[name].not_null:
            yield f"column {name!r} is NOT NULL, and may have to be null"
    for flag in kind.flags:
        if table.columns[flag].type != "boolean":
            yield f"column {flag!r} is a flag, and no boolean"
    written = kind.written
    for column in table.columns.values() if kind.mirrored else ():
        if column.generated and column.name in written:
            yield f"column {column.name!r} is generated, so it cannot be managed"
        if column.name in second_step - itself and column.not_null:
            yield f"column {column.name!r} is written in a second step, so it must be nullable"
        if column.not_null and not column.has_default and not column.generated:
            if column.name == kind.id and kind.mint is None and column.type not in WHOLE:
                yield f"column {column.name!r} is the id and has no default: declare mint"
            elif column.name not in written:
                yield (
                    f"column {column.name!r} is NOT NULL without a default, and the kind does not "
                    "list it, so no row can be created"
                )
            elif _only_retired(kind, column.name):
                yield f"column {column.name!r} is NOT NULL without a default, and only retired"


def _may_be_null(column: Column, kinds: tuple[Kind, ...]) -> bool:
    """Whether a pointer at a version stays null where that version cannot be placed."""
    other = next((kind for kind in kinds if kind.name == column.references), None)
    plain = not (column.required or column.flag or column.itself)
    return other is not None and other.history is not None and plain


def _pointed_at(kind: Kind, kinds: tuple[Kind, ...]) -> bool:
    return any(
        (other.parent and other.parent.kind == kind.name)
        or any(column.references == kind.name for column in other.columns)
        for other in kinds
    )


def signed(kinds: Iterable[Kind], catalog: Catalog) -> dict[str, str]:
    """The column, by kind, in which a new row must name a user."""
    return {
        kind.name: f"{kind.table}.{stamp.column}"
        for kind in kinds
        for stamp in kind.stamps
        if stamp.value == "actor"
        and catalog[kind.db_schema, kind.table].columns[stamp.column].not_null
    }


def _only_retired(kind: Kind, name: str) -> bool:
    without = kind.model_copy(update={"retire": ()})
    return name not in without.written
