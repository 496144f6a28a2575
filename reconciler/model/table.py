"""A table of the database at hand, as its catalog describes it."""

from __future__ import annotations

from typing import Final

from reconciler.model.base import Noun

# Types of ids that can be drawn from a sequence, or be one more than the largest.
WHOLE: Final = ("smallint", "integer", "bigint")


class TableColumn(Noun):
    """A column as the catalog has it; `type` is PostgreSQL's own spelling.

    sequence     where its default draws from, as `schema.name`, quoted as needed
    always       an identity column that refuses values of others
    """

    name: str
    type: str
    not_null: bool
    has_default: bool
    generated: bool
    sequence: str | None = None
    always: bool = False

    @property
    def counted(self) -> bool:
        """Whether ids are whole numbers, from a sequence or one more than the last."""
        return self.type in WHOLE and (self.sequence is not None or not self.has_default)


class UniqueIndex(Noun):
    """A unique index: the text of each column or expression, and of its predicate.

    nulls_equal  two NULLs count as the same value (NULLS NOT DISTINCT)
    whole        it speaks of all rows that are read as the table's: it was built to its end, and no
                 other table inherits from this one
    """

    name: str
    expressions: tuple[str, ...]
    predicate: str | None
    primary: bool
    nulls_equal: bool = False
    whole: bool = True


class Table(Noun):
    """A table of the database; `hides_rows` where row-level security is in force for us."""

    db_schema: str
    name: str
    columns: dict[str, TableColumn]
    unique: tuple[UniqueIndex, ...]
    hides_rows: bool


Catalog = dict[tuple[str, str], Table]
