"""All that is asked about the kinds of a database: made once, whoever asks about whom.

Making the trees takes longer than answering them, and they depend on kinds and columns only. So
each is made when it is asked for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

from reconciler.model.kind import Kind
from reconciler.model.table import UniqueIndex
from reconciler.sql.census import census
from reconciler.sql.collisions import collisions
from reconciler.sql.questions import Questions
from reconciler.sql.source import Sources
from reconciler.sql.states import states
from reconciler.sql.tree import Statement
from reconciler.sql.uniqueness import one_a_key

Shapes = Mapping[str, Mapping[str, str]]
Uniques = tuple[tuple[UniqueIndex, ...], ...]


class AskingKind:
    """The statements about one kind; `sole` says that no two live rows can have the same key."""

    def __init__(
        self, questions: Questions, kind: Kind, unique: tuple[UniqueIndex, ...], *, sole: bool
    ) -> None:
        self.questions = questions
        self.kind = kind
        self.unique = unique
        self.sole = sole

    @cached_property
    def template(self) -> Statement:
        """The template's rows."""
        return self.questions.template_rows(self.kind)

    @cached_property
    def census(self) -> Statement:
        """How much is settled."""
        return census(self.questions, self.kind, self.unique, sole=self.sole)

    @cached_property
    def states(self) -> Statement:
        """What is not."""
        return states(self.questions, self.kind, self.unique)

    @cached_property
    def twins(self) -> Statement:
        """What stands twice in the targets."""
        return self.questions.twins(self.kind)

    @cached_property
    def orphans(self) -> Statement:
        """What of ours the template no longer has."""
        return self.questions.orphans(self.kind)

    @cached_property
    def collisions(self) -> tuple[tuple[UniqueIndex, Statement], ...]:
        """What new rows could collide with, by unique index."""
        return tuple(
            (index, statement)
            for index in self.unique
            if (statement := collisions(self.questions, self.kind, index)) is not None
        )


class Asking:
    """The statements about these kinds, whose unique indexes are given in the same order."""

    def __init__(
        self,
        kinds: tuple[Kind, ...],
        shapes: Shapes,
        uniques: Uniques,
        *,
        named: bool,
        most: bool,
    ) -> None:
        self.kinds = kinds
        self.uniques = uniques
        self.questions = Questions(Sources(kinds, shapes), named=named, most=most)
        known = {kind.name: kind for kind in kinds}
        unique = dict(zip(known, uniques, strict=True))
        self.of = {
            kind.name: AskingKind(
                self.questions,
                kind,
                unique[kind.name],
                sole=one_a_key(kind, known, unique),
            )
            for kind in kinds
        }


def asking(
    kinds: tuple[Kind, ...],
    shapes: Shapes,
    uniques: Uniques,
    *,
    named: bool = False,
    most: bool = False,
) -> Asking:
    """The same object for the same kinds, columns and indexes.

    `named` and `most` are those of `reconciler.sql.questions.Questions`.
    """
    columns = tuple((name, tuple(types.items())) for name, types in shapes.items())
    return _asking(kinds, columns, uniques, named, most)


@lru_cache(maxsize=8)
def _asking(
    kinds: tuple[Kind, ...],
    columns: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    uniques: Uniques,
    named: bool,
    most: bool,
) -> Asking:
    shapes = {name: dict(types) for name, types in columns}
    return Asking(kinds, shapes, uniques, named=named, most=most)
