"""The library's call that reads a vocabulary: made for an agent's boot."""

from __future__ import annotations

from reconciler.catalogs.meaning import meaning
from reconciler.database.connection import Database, session
from reconciler.database.vocabulary import vocabulary_of
from reconciler.model.vocabulary import Vocabulary


def vocabulary(database: Database, name: str) -> Vocabulary:
    """What each slug means to an agent (by its id), or in an organisation (by its id or slug).

    The nearest live row of a slug counts: the own organisation's, then that of the first catalog on
    the search path. On an open connection it is one round trip. Nothing is written, and no actor
    needed.

    Raises NotFoundError for an unknown name, NotInitialisedError or SchemaMismatchError where the
    database lacks a column or a table.
    """
    with session(database) as connection:
        return meaning(name, vocabulary_of(connection, name))
