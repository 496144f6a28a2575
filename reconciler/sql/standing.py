"""What stands at addresses that are known: rows to bring back, to retire, or to undo."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from reconciler.model.address import Address
from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.seen import have, ours, result, told
from reconciler.sql.tree import (
    Parameters,
    Statement,
    all_of,
    any_of,
    column,
    equal,
    is_null,
    is_true,
    left,
    rows_of,
    table,
    unnest,
)


def standing(
    questions: Questions,
    kind: Kind,
    unique: tuple[UniqueIndex, ...],
    places: Sequence[tuple[str, Address]],
) -> Statement:
    """What stands at these (organisation, address), live or dead, and since which revision.

    The result's columns are those of `reconciler.sql.seen.result`. Of several rows with one key
    it is the live one, else the one that the ledger knows. An installation that was unlinked has
    no key, and is found by the ledger's word alone.
    """
    asked = Parameters()
    rows = have(questions, kind, unique, asked, keyed=kind.installs is None)
    rest = _rest(questions, kind, asked, places)
    tree = result(questions, kind, ("have", rows, False), ("rest", rest, False))
    return Statement(f"look at {kind.name} rows", tree, asked.taken())


def listed(
    names: Sequence[str], asked: Parameters, places: Sequence[tuple[str, Address]]
) -> exp.Unnest:
    """`unnest(...) AS g (organization_id, k1, ...)`: places as rows; `names` are the keys'."""
    columns = [
        ("organization_id", asked.add([organization for organization, _ in places], "text[]"))
    ]
    columns += [
        (text, asked.add([address.key[place] for _, address in places], "text[]"))
        for place, text in enumerate(names)
    ]
    return unnest("g", columns)


def _rest(
    questions: Questions, kind: Kind, asked: Parameters, places: Sequence[tuple[str, Address]]
) -> exp.Select:
    names = questions.sources.key_names(kind)
    organization = column("g", "organization_id")
    wanted = [column("g", text) for text in names]
    this_row = equal(column("p", "row_id"), column("h", "row_id"))
    named = all_of(equal(column("h", text), column("g", text)) for text in names)
    unlinked = is_null(column("h", names[0])) if kind.installs else None
    live = all_of((column("h", "live"), column("h", "attached")))
    return (
        exp.select(*told(kind, organization, wanted, asked, revision=True), copy=False)
        .from_(listed(names, asked, places), copy=False)
        .join(
            left(
                table("reconcile", "placement", "p"),
                on=questions.placement(kind, organization, wanted, asked),
            ),
            copy=False,
        )
        .join(
            left(
                rows_of("have", "h"),
                on=all_of(
                    (
                        equal(column("h", "organization_id"), organization),
                        any_of((named, all_of((this_row, unlinked)))) if unlinked else named,
                    )
                ),
            ),
            copy=False,
        )
        .distinct(organization, *wanted, copy=False)
        .order_by(
            organization,
            *wanted,
            *(
                exp.Ordered(this=is_true(flag), desc=True)
                for flag in (live, this_row, ours(kind, asked))
            ),
            exp.Ordered(this=column("h", "row_id"), desc=True),
            copy=False,
        )
    )
