"""What would become of a row of a type: by its metadata, and by what it relates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler import infile
from reconciler.errors import ReconcilerError
from reconciler.impact.schema import Failure, Schema, UnjudgedError, loaded
from reconciler.impact.tally import Doubt, Pair, Tally
from reconciler.impact.types import Changed


@dataclass(frozen=True)
class Verdict:
    """Of metadata: where it would not hold to the schema, or why that is not known.

    before  whether it holds to the schema as it is now
    """

    failures: frozenset[Failure] = frozenset()
    doubt: str = ""
    before: bool = True


@dataclass
class Judge:
    """Judges the rows of one type. A schema that is None lets everything pass."""

    changed: Changed
    then: Schema | None = None
    now: Schema | None = None
    tally: Tally = field(default_factory=Tally)

    @property
    def looks(self) -> bool:
        """Whether the rows have to be looked at, and not only counted."""
        now, then = self.changed.now, self.changed.then
        if now is None or then is None:
            return False
        return self.then is not None or (now.rules, now.symmetric) != (then.rules, then.symmetric)

    def verdict(self, text: str) -> Verdict:
        """What is to be said of metadata."""
        if self.then is None:
            return Verdict()
        try:
            content = loaded(text)
            failures = self.then.failures(content)
        except UnjudgedError as error:
            return Verdict(doubt=str(error))
        if not failures or self.now is None:
            return Verdict(failures)
        try:
            return Verdict(failures, before=not self.now.failures(content))
        except UnjudgedError:
            return Verdict(failures)

    def count(
        self,
        verdict: Verdict,
        whose: str,
        source: str,
        target: str,
        rows: int,
        ids: Sequence[str],
    ) -> None:
        """Count rows with this metadata, that relate types with these slugs."""
        now, then, tally = self.changed.now, self.changed.then, self.tally
        tally.rows[whose] += rows
        unfit = bool(verdict.failures or verdict.doubt)
        unruled = then is not None and not then.allows(source, target)
        was_ruled = now is not None and now.allows(source, target)
        if (unfit and verdict.before) or (unruled and was_ruled):
            tally.broken[whose] += rows
        elif unfit or unruled:
            tally.already[whose] += rows
        if unfit and verdict.before:
            for failure in verdict.failures:
                tally.add(whose, tally.failed(failure), rows, ids)
            if verdict.doubt:
                tally.add(whose, Doubt(verdict.doubt), rows, ids)
        if unruled and was_ruled:
            tally.add(whose, Pair(source, target), rows, ids)


def judging(changed: Sequence[Changed]) -> list[Judge]:
    """A judge for each type.

    Raises ReconcilerError, with every reason, where nobody could judge by a schema as it is to be.
    """
    found = []
    mistakes = []
    for one in changed:
        judge = Judge(one)
        found.append(judge)
        now = one.now.schema if one.now else None
        then = one.then.schema if one.then else None
        if then is None or then == now:
            continue
        try:
            judge.then = Schema(then)
        except UnjudgedError as error:
            mistakes.append(f"{one.address}: nobody could judge by its schema: {error}")
        try:
            judge.now = None if now is None else Schema(now)
        except UnjudgedError as error:
            judge.tally.now_unjudged = str(error)
    if mistakes:
        raise ReconcilerError(
            infile.told(mistakes, "what the catalog is to be"),
            hint="Correct it: a JSON Schema holds all that it refers to, and names a dialect that "
            "is known, or none.",
        )
    return found
