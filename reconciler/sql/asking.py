"""All that is asked about the kinds of a database: made once, whoever asks about whom.

Making the trees takes longer than answering them, and they depend on kinds and columns only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.questions import Questions
from reconciler.sql.source import Sources
from reconciler.sql.states import states
from reconciler.sql.tree import Statement

Shapes = Mapping[str, Mapping[str, str]]
Uniques = tuple[tuple[UniqueIndex, ...], ...]


class Asking:
    """The statements about these kinds, whose unique indexes are given in the same order."""

    def __init__(
        self, kinds: tuple[Kind, ...], shapes: Shapes, uniques: Uniques, *, named: bool
    ) -> None:
        self.kinds = kinds
        self.uniques = uniques
        self.questions = Questions(Sources(kinds, shapes), named=named)

    @cached_property
    def template(self) -> tuple[Statement, ...]:
        """The template's rows, kind by kind."""
        return tuple(self.questions.template_rows(kind) for kind in self.kinds)

    @cached_property
    def targets(self) -> tuple[tuple[Statement, Statement, Statement], ...]:
        """States, twins and orphans in the targets, kind by kind."""
        return tuple(
            (
                states(self.questions, kind, unique),
                self.questions.twins(kind),
                self.questions.orphans(kind),
            )
            for kind, unique in zip(self.kinds, self.uniques, strict=True)
        )

    @cached_property
    def collisions(self) -> tuple[tuple[Kind, UniqueIndex, Statement], ...]:
        """What new rows could collide with, by kind and unique index."""
        return tuple(
            (kind, index, statement)
            for kind, unique in zip(self.kinds, self.uniques, strict=True)
            for index in unique
            if (statement := self.questions.collisions(kind, index)) is not None
        )


def asking(kinds: tuple[Kind, ...], shapes: Shapes, uniques: Uniques, *, named: bool) -> Asking:
    """The same object for the same kinds, columns and indexes."""
    columns = tuple((name, tuple(types.items())) for name, types in shapes.items())
    return _asking(kinds, columns, uniques, named)


@lru_cache(maxsize=8)
def _asking(
    kinds: tuple[Kind, ...],
    columns: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    uniques: Uniques,
    named: bool,
) -> Asking:
    shapes = {name: dict(types) for name, types in columns}
    return Asking(kinds, shapes, uniques, named=named)
