"""Advice for people: what is named, and what is only counted."""

from __future__ import annotations

from reconciler.model.advice import (
    Advice,
    InstallationAdvice,
    KindAdvice,
    Left,
    Stays,
    TemplateAdvice,
)
from reconciler.render import advice as words


def test_of_very_many_installations_some_are_named() -> None:
    def one(number: int) -> InstallationAdvice:
        name = f"tenant-{number:04}"
        home = {"id": name, "slug": name, "name": name, "visibility": "private"}
        return InstallationAdvice.model_validate(
            {"organization": home, "agent_id": "agent", "rows": 1, "customised": number == 600}
        )

    home = one(0).organization
    twice = Stays(because="twice", rows=1, installations=1)
    found = TemplateAdvice(
        agent_id="agent_t",
        name="T",
        organization=home,
        copies=601,
        left=(Left(kind="watcher", rows=2, installations=1),),
        kinds=(KindAdvice(kind="entity_type", stays=(twice,)),),
        installations=tuple(one(number) for number in range(601)),
    )
    advice = Advice(templates=(found,))
    text = words.text(advice, color=False, width=100, verbose=False)
    assert "tenant-0600" in text
    assert "… 101 more (--verbose lists them)" in text
    assert "more (" not in words.text(advice, color=False, width=100, verbose=True)
    assert "watcher: 2 rows in 1 installation stay copies, which nothing" in text
