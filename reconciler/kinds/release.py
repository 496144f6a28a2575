"""Releases of a database differ: a kind as one of them has it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from reconciler.model.kind import Kind

# Under this name a plan's shapes say that a kind's changes are told to an audit table.
AUDITED: Final = "audit:table"


def as_in(kind: Kind, columns: Collection[str], left_out: Collection[str]) -> Kind:
    """The kind, where its table has these columns and these kinds are left out.

    Without optional columns that are not there, without what refers to a kind that is left out,
    and with its parent found by whichever column there is.
    """
    parent = kind.parent
    if parent and parent.by_key:
        by_key = parent.column not in columns and parent.by_key in columns
        parent = parent.model_copy(update={"column": parent.by_key} if by_key else {"by_key": None})
    return kind.model_copy(
        update={
            "parent": parent,
            "columns": tuple(
                column
                for column in kind.columns
                if (not column.optional or column.name in columns)
                and column.references not in left_out
            ),
            "next_run": tuple(
                one
                for one in kind.next_run
                if one.schedule in columns or not kind.column(one.schedule).optional
            ),
            "stamps": tuple(
                stamp for stamp in kind.stamps if not stamp.optional or stamp.column in columns
            ),
        }
    )
