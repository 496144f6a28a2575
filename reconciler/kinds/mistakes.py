"""What does not fit together: within one kind file, and between several."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.kinds.order import in_order
from reconciler.kinds.predicate import columns_of, null_columns, revived
from reconciler.model.kind import Column, Kind


def within(given: Mapping[str, Any]) -> list[str]:
    """What does not fit together in a file, whatever else is wrong with its fields."""

    def table(name: str) -> dict[str, Any]:
        found = given.get(name)
        return found if isinstance(found, dict) else {}

    has = given.keys()
    identity, installs, owner = table("id"), table("installs"), table("owner")
    columns, stamps = table("columns"), table("stamps")
    stamped = [
        name
        for on in ("create", "write")
        if isinstance(stamps.get(on), dict)
        for name in stamps[on]
    ]
    key = given.get("key") if isinstance(given.get("key"), list) else []
    mistakes: list[str] = []
    if not has & {"scope", "parent"}:
        mistakes.append("name scope (a column), or parent (a kind and a column), or both")
    if ("key" in has) == ("installs" in has):
        mistakes.append("name key (a list of columns), or installs and no key")
    if "installs" in has and not identity:
        mistakes.append("an installed row needs a minted id: id = { column = ..., mint = ... }")
    if installs and installs.get("name") not in list(columns):
        mistakes.append("installs.name must be one of the columns")
    if installs and installs.get("reference", installs.get("name")) not in list(columns):
        mistakes.append("installs.reference must be one of the columns")
    if "owner" in has and "parent" in has and "scope" not in has:
        mistakes.append("a row with a parent belongs to the parent's owner: leave out owner")
    live = given.get("live")
    before = _revived(live) if isinstance(live, str) else {}
    for name in table("retire"):
        if name not in before:
            mistakes.append(
                f"retire.{name}: live does not say what it was before (as: {name} = '...', or "
                f"{name} IS NULL), so it could not be taken back"
            )
    if given.get("mirrored") is False:
        written = sorted(
            has & {"columns", "owner", "retire", "stamps", "history", "next_run", "audit"}
        )
        if written:
            mistakes.append(f"rows that are not mirrored are never written: {', '.join(written)}")
    elif "provides" in has:
        mistakes += _provided(has)
    elif not has & {"owner", "parent", "installs"}:
        mistakes.append("owner is missing: without the tracking columns nobody's row is safe")
    if "pointers" in has and ("parent" in has or "scope" not in has):
        mistakes.append(
            "pointers: only rows that lie in an organisation by themselves are followed"
        )
    if "history" in has and ("parent" not in has or has & {"owner", "retire"}):
        mistakes.append("a history has a parent, and neither an owner nor a way to be retired")
    if "by_key" in table("parent") and given.get("mirrored") is not False:
        mistakes.append("parent.by_key: only rows that are never written can be found by it")
    mistakes += _columns(columns, table("next_run"))
    roles = [
        identity.get("column", given.get("id")),
        given.get("scope"),
        table("parent").get("column"),
        installs.get("template"),
        *owner.values(),
        *(key or ()),
        *columns,
        *stamped,
        *table("next_run"),
    ]
    names = [name for name in roles if isinstance(name, str)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        mistakes.append(f"column {name!r} has two roles")
    optional = given.get("optional")
    for name in optional if isinstance(optional, list) else []:
        if name not in (*columns, *stamped):
            mistakes.append(f"optional: {name!r} is neither a managed column nor a stamp")
        elif isinstance(columns.get(name), dict) and columns[name].get("flag"):
            mistakes.append(f"optional: {name!r} is no column, but a flag on another row")
    for name in table("exclude"):
        if name not in (key or ()):
            mistakes.append(f"exclude: {name!r} is not part of the key")
    return mistakes


def _provided(has: Collection[str]) -> Iterator[str]:
    """Rows that no template has are told apart by a key in their scope, and can be retired."""
    for name in ("scope", "key", "live", "retire"):
        if name not in has:
            yield f"provides: {name} is missing"
    for name in ("parent", "installs", "owner", "history", "next_run", "audit", "exclude"):
        if name in has:
            yield f"provides: no template has such rows, so {name} means nothing"


def _revived(live: str) -> Mapping[str, str | None]:
    try:
        return revived(live)
    except ValueError:
        # Said where the condition itself is checked.
        return {}


def _columns(columns: Mapping[str, Any], next_run: Mapping[str, Any]) -> Iterator[str]:
    for name, column in columns.items():
        follows = column.get("follows") if isinstance(column, dict) else None
        lead = columns.get(follows) if isinstance(follows, str) else None
        if follows is not None and not (isinstance(lead, dict) and "references" in lead):
            yield f"columns.{name}.follows: {follows!r} is not a reference among the columns"
    for name, schedule in next_run.items():
        if not isinstance(schedule, str) or schedule not in columns:
            yield f"next_run.{name}: {schedule!r} is not one of the columns"
        elif isinstance(columns[schedule], dict) and columns[schedule].get("sensitive"):
            yield f"next_run.{name}: {schedule!r} is sensitive, so it cannot be read"


def between(kinds: list[Kind], declared: Mapping[str, str], unfit: set[str]) -> Iterator[str]:
    """What does not fit between the kinds; `declared` names the files, `unfit` failed kinds."""
    known = {kind.name: kind for kind in kinds}
    pointed_at = {column.references for kind in kinds for column in kind.references}
    if unfit:
        # What failed may be what points at a version.
        pointed_at |= known.keys()
    for kind in kinds:
        file = declared[kind.name]
        if kind.parent and kind.parent.kind not in known.keys() | unfit:
            yield f"{file}: parent.kind: there is no kind {kind.parent.kind!r}"
        above = known.get(kind.parent.kind) if kind.parent else None
        if above and kind.parent and kind.parent.by_key and (len(above.key) != 1 or above.parent):
            yield f"{file}: parent.by_key: the key of {above.name!r} has more than one part"
        for column in kind.references:
            at = f"{file}: columns.{column.name}"
            other = known.get(str(column.references))
            if other is not None:
                yield from (f"{at}.{wrong}" for wrong in _reference(kind, column, other))
            elif column.references not in unfit:
                yield f"{at}.references: there is no kind {column.references!r}"
        yield from (f"{file}: where: {wrong}" for wrong in _where(kind))
        if kind.history and kind.history.keep == "current" and kind.name not in pointed_at:
            yield f"{file}: history: no column references this kind, so no version is current"
    for place, kind in enumerate(kinds):
        for other in kinds[:place]:
            if _share_rows(kind, other):
                yield (
                    f"{declared[kind.name]}: {kind.table!r} has the rows of kind {other.name!r} "
                    "already: tell them apart by where, in both"
                )
    installs = [kind for kind in kinds if kind.installs]
    for extra in installs[1:]:
        yield f"{declared[extra.name]}: installs: {installs[0].name!r} is the installed kind"
    provided: dict[str, str] = {}
    for kind in kinds:
        first = provided.setdefault(kind.provides, kind.name) if kind.provides else kind.name
        if first != kind.name:
            yield f"{declared[kind.name]}: provides: {first!r} is the kind of each {kind.provides}"
    try:
        in_order(kind for kind in kinds if not unfit)
    except ValueError as error:
        yield str(error)


def _share_rows(kind: Kind, other: Kind) -> bool:
    """Whether two kinds of one table could have the same rows: neither parent nor where differs."""
    same_table = (kind.db_schema, kind.table) == (other.db_schema, other.table)
    apart = kind.where and other.where and kind.where != other.where
    return (
        same_table
        and not apart
        and (kind.parent and kind.parent.kind) == (other.parent and other.parent.kind)
    )


def _reference(kind: Kind, column: Column, other: Kind) -> Iterator[str]:
    if column.itself and other is not kind:
        yield "itself: means a row of the same kind"
    if column.installation and other.installs is None:
        yield f"installation: {other.name!r} is not the installed kind"
    listed = {other.id, *other.key, *(one.name for one in (*other.columns,))}
    listed.update(stamp.column for stamp in other.stamps)
    listed.update([other.parent.column] if other.parent else [])
    if column.flag in listed:
        yield f"flag: {column.flag!r} is a column that {other.name!r} lists, too"
    if sum(one.flag == column.flag for one in kind.columns if one.flag) > 1:
        yield f"flag: {column.flag!r} stands twice"
    owned = other.parent is not None and other.parent.kind == kind.name
    if column.flag and not (owned and other.history):
        yield f"flag: {other.name!r} is no history of this kind"


def _where(kind: Kind) -> Iterator[str]:
    """A new row must be one of the kind's: its columns are written, or they stay NULL."""
    if kind.where is None:
        return
    kept_null = null_columns(kind.where)
    for name in columns_of(kind.where):
        if name in kept_null and name in kind.written:
            yield f"{name!r} is to be NULL, and the kind writes it"
        elif name not in kept_null and name not in kind.written:
            yield f"{name!r} is not among the columns, so a new row would not be of this kind"
