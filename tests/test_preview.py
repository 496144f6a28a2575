"""A preview is what an apply sends: the same statements, in every release of the platform."""

from __future__ import annotations

import pytest

from reconciler import library
from reconciler.sql.guard import Scope
from reconciler.sql.tree import Statement
from tests.fixtures.world import World
from tests.test_releases import TYPES_BY_SLUG


@pytest.mark.parametrize(
    "ddl", ["SELECT 1", "ALTER TABLE entity_types DROP COLUMN icon", TYPES_BY_SLUG]
)
def test_a_preview_shows_what_is_sent_in_every_release(
    world: World, monkeypatch: pytest.MonkeyPatch, ddl: str
) -> None:
    world.connection.execute(ddl.encode())
    made = world.plan("acme", skip=["entity_type.transaction"])
    shown, guard, sent = library.preview(made), Scope.guard, {}

    def noticed(scope: Scope, statement: Statement) -> Statement:
        sent[statement.serves] = statement.pretty
        return guard(scope, statement)

    monkeypatch.setattr(Scope, "guard", noticed)
    world.apply(made)
    written = {serves for serves in sent if serves.startswith(("create", "link", "mark"))}
    assert "create entity_classifier" in written
    assert [serves for serves in sorted(written) if sent[serves] not in shown] == []
