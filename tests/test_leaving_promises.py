"""Plans that take leave of rows, or bring them back: forged, stale, at once, and by an operator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from reconciler.errors import InvalidPlanError, NotAuthorisedError, StalePlanError
from reconciler.model.change import Adopt, Release, Restore, Retire, Update
from reconciler.model.plan import Plan
from tests.fixtures.settlers import CLASSIFIER, RELATION, TYPE, WATCHER, Settlers, said, settled
from tests.test_races import at_once

LEDGER = ("content", "placement", "revision")
Settle = Callable[[Settlers], Any]


def written(settlers: Settlers) -> object:
    """All rows with their versions, and how much the ledger holds."""
    count = "SELECT count(*), max(xmin::text::bigint) FROM reconcile.{}"
    return settlers.photo(), [settlers.sql(count.format(one)) for one in LEDGER]


def refused(settlers: Settlers, plan: Plan, error: type[Exception], words: str) -> None:
    """It is refused, and nothing is written."""
    before = written(settlers)
    with pytest.raises(error, match=words):
        settlers.apply(plan)
    assert written(settlers) == before


def forged(plan: Plan, request: dict[str, Any] | None = None, **changed: Any) -> Plan:
    """The plan with its first change, and what was asked for, made otherwise."""
    first = plan.changes[0].model_copy(update=changed)
    asked = plan.request.model_copy(update=request or {})
    other = plan.model_copy(update={"changes": (first, *plan.changes[1:]), "request": asked})
    return other.identified()


def killed(settlers: Settlers) -> Plan:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    return settlers.plan(restore=[TYPE])


def pruned(settlers: Settlers) -> Plan:
    settlers.live("kill", "template", "entity_type", "t1", "delete")
    return settlers.plan(prune=True)


def released(settlers: Settlers) -> Plan:
    return settlers.plan(release=[TYPE])


def edited(settlers: Settlers) -> Plan:
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    return settlers.plan()


def undone(settlers: Settlers) -> Plan:
    return settlers.undo(settlers.apply(edited(settlers)).revision)


SYNC = {"prune": False, "mode": "sync", "resolutions": ()}
FORGERIES: dict[str, tuple[Callable[[Settlers], Plan], str]] = {
    "retire": (lambda s: forged(pruned(s), SYNC), "is retired, and nobody asked"),
    "release": (lambda s: forged(released(s), SYNC), "is given away, and nobody resolved"),
    "restore": (lambda s: forged(killed(s), ids=()), "does not say which row comes back"),
    "update": (lambda s: forged(edited(s), {"mode": "destroy"}), "only takes leave of rows"),
    "before": (lambda s: forged(released(s), before={}), "does not name the kind's columns"),
    "pinned": (lambda s: forged(released(s), pinned=("name",)), "pins what it does not keep"),
}


@pytest.mark.parametrize("which", FORGERIES)
def test_a_forged_plan_is_refused(settlers: Settlers, which: str) -> None:
    forge, words = FORGERIES[which]
    refused(settlers, forge(settlers), InvalidPlanError, words)


def mine(settlers: Settlers) -> None:
    settlers.live("edit", "acme", "entity_type", "t1", "name", "Mine")


def gone(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "retire")


def lost(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "delete")


def back(settlers: Settlers) -> None:
    settlers.live("kill", "acme", "entity_type", "t1", "revive")


def other(settlers: Settlers) -> None:
    settlers.live("add", "acme", "entity_type", "t1", "two", True)


def claimed(settlers: Settlers) -> None:
    settlers.live("claim", "acme", "entity_type", "t1", "gone")


STALE: list[tuple[Callable[[Settlers], Plan], Settle]] = [
    *((plan, what) for plan in (pruned, released, undone) for what in (mine, gone, lost, claimed)),
    *((killed, what) for what in (back, other, lost)),
]


@pytest.mark.parametrize(
    ("plan", "what"), STALE, ids=[f"{plan.__name__}-{what.__name__}" for plan, what in STALE]
)
def test_what_moved_meanwhile_makes_a_plan_stale(
    settlers: Settlers, plan: Callable[[Settlers], Plan], what: Settle
) -> None:
    made = plan(settlers)
    what(settlers)
    refused(settlers, made, StalePlanError, "t1")


def test_an_edit_of_a_retired_row_makes_its_coming_back_stale(settlers: Settlers) -> None:
    made = killed(settlers)
    mine(settlers)
    refused(settlers, made, StalePlanError, "name")


def test_what_came_into_use_meanwhile_is_not_retired(settlers: Settlers) -> None:
    made = settlers.plan(destroy=True)
    settlers.entity()
    refused(settlers, made, StalePlanError, "t1")


@pytest.mark.parametrize("plan", [killed, pruned, released, undone])
def test_two_applies_at_once_write_once(
    settlers: Settlers, plan: Callable[[Settlers], Plan]
) -> None:
    made = plan(settlers)
    found = at_once(*[partial(settlers.world.apply, made)] * 2)
    assert sorted(one.status for one in found) == ["already_applied", "applied"]


def test_an_uninstall_and_a_sync_at_once_do_not_mix(settlers: Settlers) -> None:
    settlers.live("edit", "template", "entity_type", "t1", "name", "New")
    plans = [settlers.plan(), settlers.plan(destroy=True)]
    found = at_once(*(partial(settlers.world.apply, one) for one in plans))
    stale = [one for one in found if isinstance(one, StalePlanError)]
    assert len(stale) == 1
    settlers.do(destroy=True)
    settled(settlers.plan(destroy=True))


def test_an_operator_may_do_all_of_it(settlers: Settlers) -> None:
    with pytest.raises(NotAuthorisedError):
        settlers.plan(destroy=True, actor=None)
    ((me,),) = settlers.sql("SELECT current_user::text")
    settlers.sql("UPDATE reconcile.setting SET value = %s WHERE name = 'operator_role'", me)
    before = settlers.photo()
    done = settlers.do(settlers.acme, settlers.bob, destroy=True, release=[TYPE], actor=None)
    undo = settlers.undo(done.revision, actor=None)
    assert undo.actor.mode == "operator"
    settlers.apply(undo)
    after = settlers.photo()
    for key, was in before.rows.items():
        stamps = ("updated_at", "updated_by")
        assert after.rows[key].without(*stamps) == was.without(*stamps)


def test_somebody_who_may_not_is_refused(settlers: Settlers) -> None:
    revision = settlers.do(release=[TYPE]).revision
    for asked in (
        partial(settlers.plan, destroy=True),
        partial(settlers.plan, release=[WATCHER]),
        partial(settlers.undo, revision),
    ):
        with pytest.raises(NotAuthorisedError):
            asked(actor="user_pia")


def test_what_a_plan_says_it_does(settlers: Settlers) -> None:
    settlers.live("kill", "template", "relationship_type", "r1", "delete")
    settlers.live("kill", "acme", "entity_type", "t1", "retire")
    settlers.live("edit", "template", "watcher", "w2", "name", "New")
    settlers.live("claim", "acme", "watcher", "w1", "rival")
    plan = settlers.plan(prune=True, restore=[TYPE], release=[CLASSIFIER], take=[WATCHER])
    kinds = {type(one): one.address for one in plan.changes}
    assert kinds[Retire] == RELATION
    assert (kinds[Restore], kinds[Release], kinds[Adopt]) == (TYPE, CLASSIFIER, WATCHER)
    assert Update in kinds
    counts = plan.counts()
    assert (counts.retire, counts.restore, counts.release, counts.adopt) == (1, 1, 1, 1)
    assert settlers.apply(plan).counts["watcher"]["adopt"] == 1
    assert said(settlers.plan(prune=True)) == set()
