"""A plan that waited: what it would create was placed by another meanwhile, and is gone again."""

from __future__ import annotations

import pytest

from reconciler import library
from reconciler.errors import StalePlanError, StoppedError
from reconciler.model.plan import Plan
from tests.fixtures.publisher import Publisher, noted
from tests.fixtures.vocabulary import Vocabulary
from tests.fixtures.world import World

ROWS = "SELECT id, deleted_at IS NULL FROM entity_types WHERE organization_id = %s AND slug = %s"
VERSIONS = "SELECT count(*) FROM watcher_versions WHERE watcher_id = %s"


def overtaken(v: Vocabulary) -> tuple[Plan, int]:
    """A plan that creates a type, and the revision of another that did so first."""
    v.type("extra")
    waiting = v.plan()
    v.edit("budget", name="Budgets")
    return waiting, v.install().revision or 0


def test_what_the_tenant_deleted_since_stays_deleted(vocabulary: Vocabulary) -> None:
    waiting, number = overtaken(vocabulary)
    vocabulary.delete("extra", vocabulary.tenant)
    before = vocabulary.world.sql(ROWS, vocabulary.tenant, "extra")
    assert ("deleted_by_tenant", "entity_type.extra") in noted(vocabulary.plan())
    with pytest.raises(StalePlanError, match=f"placed by revision {number} after the plan"):
        vocabulary.world.apply(waiting)
    assert vocabulary.world.sql(ROWS, vocabulary.tenant, "extra") == before


def test_what_was_undone_since_is_not_created_beside(vocabulary: Vocabulary) -> None:
    waiting, number = overtaken(vocabulary)
    w = vocabulary.world
    w.apply(library.plan_undo(w.dsn, number, actor="user_ana"))
    with pytest.raises(StalePlanError, match="after the plan was made"):
        w.apply(waiting)
    now = vocabulary.plan()
    assert ("restore", "entity_type.extra") in {(o.action, str(o.address)) for o in now.changes}
    w.apply(now)
    assert [alive for _, alive in w.sql(ROWS, vocabulary.tenant, "extra")] == [True]


def test_a_target_that_overtook_its_wave_is_refused_alone(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    v, w = vocabulary, vocabulary.world
    early, late = sorted(w.organization() for _ in range(2))
    v.install(early, late)
    v.type("extra")
    fleet = v.plan(early, late)

    def meanwhile(_: float) -> None:
        v.edit("budget", name="Budgets")
        w.apply(v.plan(late))
        v.delete("extra", late)

    monkeypatch.setattr("reconciler.rollout.time.sleep", meanwhile)
    with pytest.raises(StoppedError, match="placed by revision"):
        w.apply(fleet, wave="1", pause="1ms")
    assert [alive for _, alive in w.sql(ROWS, early, "extra")] == [True]
    assert [alive for _, alive in w.sql(ROWS, late, "extra")] == [False]


def test_other_rows_placed_since_are_not_in_the_way(vocabulary: Vocabulary) -> None:
    """A row that the plan does not touch never makes it stale."""
    v = vocabulary
    v.type("extra")
    waiting = v.plan()
    v.edit("extra", deleted_at="2026-11-01")
    v.type("other")
    v.install()
    v.delete("other", v.tenant)
    assert v.world.apply(waiting).counts == {"entity_type": {"create": 1}}


def test_a_version_that_was_placed_since_and_is_gone(publisher: Publisher) -> None:
    p = publisher
    watcher = p.watcher("w")
    p.install()
    p.version(watcher, 2)
    waiting = p.plan()
    p.update(p.public, name="Renamed")
    p.install()
    here = p.found()["id"]
    p.world.sql("UPDATE watchers SET name = 'w' WHERE id = %s", here)
    p.world.sql("UPDATE watchers SET current_version_id = (SELECT min(id) FROM watcher_versions "
                "WHERE watcher_id = %s), version = 1 WHERE id = %s", here, here)  # fmt: skip
    p.world.sql("DELETE FROM watcher_versions WHERE watcher_id = %s AND version = 2", here)
    with pytest.raises(StalePlanError, match="placed by revision"):
        p.world.apply(waiting)
    assert p.world.sql(VERSIONS, here) == [(1,)]


def test_what_was_kept_since_is_not_overwritten(birch: World) -> None:
    """The row is as the plan saw it; that it is to stay so, was decided after the plan was made."""
    birch.sql(
        "UPDATE entity_types SET name = 'New' "
        "WHERE organization_id = 'org_public_finance' AND slug = 'account'"
    )
    waiting = birch.plan("birch")
    birch.apply(birch.plan("birch", release=["entity_type.account"]))
    number = birch.apply(birch.plan("birch", adopt=["entity_type.account=keep"])).revision
    with pytest.raises(StalePlanError, match=f"changed by revision {number} after the plan"):
        birch.apply(waiting)
    assert birch.plan("birch").empty
