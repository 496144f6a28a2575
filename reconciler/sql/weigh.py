"""What rows take: those of a kind whose ids are known, and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from reconciler.model.kind import Kind
from reconciler.sql.source import Sources
from reconciler.sql.tree import Parameters, Statement, as_text, call, column, in_list


def weights(sources: Sources, kind: Kind, rows: Sequence[str]) -> Iterator[tuple[Kind, Statement]]:
    """Of the live rows with these ids, and of those that belong to them, a question a kind:
    organisation, number, bytes.
    """
    for part, root in _with_parts(sources, kind, "x"):
        asked = Parameters()
        source = sources.rows(part, "x", "target")
        # Only what kinds declare is granted to a role that reads; in the table's own order, which
        # says what is lost between columns.
        names = [text for text in sources.shapes[part.name] if text in part.written]
        stored = [column("x", text) for text in names]
        size = call("pg_column_size", call("ROW", *stored))
        wanted = asked.add(list(rows), f"{sources.shapes[kind.name][kind.id]}[]")
        tree = (
            source.select()
            .select(
                source.scope, exp.Count(this=exp.Star()), as_text(exp.Sum(this=size)), copy=False
            )
            .where(in_list(column(root, kind.id), wanted), source.live, copy=False)
            .group_by(source.scope.copy(), copy=False)
        )
        yield part, Statement(f"weigh {part.name} rows", tree, asked.taken())


def _with_parts(sources: Sources, kind: Kind, root: str) -> Iterator[tuple[Kind, str]]:
    """A kind, and those whose rows belong to its rows, each with the alias of the kind's there."""
    yield kind, root
    for child in sources.kinds.values():
        above = child.parent
        if child.mirrored and above and above.kind == kind.name and not above.by_key:
            yield from _with_parts(sources, child, f"{root}_up")
