"""The template alone, as it is now."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.database.asking import Question, Rows
from reconciler.database.opening import Opening
from reconciler.reader.answers import About, from_template, questions_for
from reconciler.reader.decode import fingerprint
from reconciler.reader.lines import template_rows


def fingerprinting(opening: Opening, about: About) -> Question[str]:
    """Asks for the template's fingerprint as it is now."""
    asked = questions_for(opening, about.targets)
    kinds = from_template(opening.kinds)

    def meaning(answers: Sequence[Rows]) -> str:
        told = zip(kinds, answers, strict=True)
        return fingerprint(
            [row for kind, own in told for row in template_rows(kind, own, opening)[0]]
        )

    return Question(about.filled(asked.of[kind.name].template for kind in kinds), meaning)
