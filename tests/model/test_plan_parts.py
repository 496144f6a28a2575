"""A plan of some of a plan's targets: what it does and says there, and nothing else."""

from __future__ import annotations

from tests.fixtures import plans
from tests.fixtures.everything import everything


def test_the_parts_are_the_whole() -> None:
    whole = plans.fleet(targets=12, conflicts=5)
    ids = [target.organization.id for target in whole.targets]
    parts = [whole.for_targets(ids[start : start + 5]) for start in range(0, 12, 5)]
    assert [len(part.targets) for part in parts] == [5, 5, 2]
    assert sum(part.rows for part in parts) == whole.rows
    assert [one for part in parts for one in part.conflicts] == list(whole.conflicts)
    for part in parts:
        mine = {target.organization.id for target in part.targets}
        assert part.plan_id == part.meaning() != whole.plan_id
        said = (*part.changes, *part.notes, *part.drift)
        assert all(one.targets and mine.issuperset(one.targets) for one in said)
        assert {one.target for one in part.conflicts} <= mine
    # What is said or done of none of them is left out.
    assert [len(part.changes) for part in parts] == [3, 2, 1]
    assert [len(part.notes) for part in parts] == [1, 1, 0]


def test_a_part_of_a_part_is_a_part() -> None:
    whole = plans.fleet(targets=12)
    ids = [target.organization.id for target in whole.targets]
    assert whole.for_targets(ids[:6]).for_targets(ids[2:3]) == whole.for_targets(ids[2:3])


def test_all_of_it_is_the_plan_itself() -> None:
    for made in (plans.fleet(), everything()):
        assert made.for_targets([target.organization.id for target in made.targets]) is made
