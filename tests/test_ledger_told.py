"""What the ledger is told of rows that it knows, and when it knows less than a plan says."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import StalePlanError
from tests.fixtures.world import World

TYPES = "entity_types"
PUBLISHED = "organization_id = 'org_public_finance'"
PLACED = """
SELECT p.key[1], p.row_id, p.revision, p.content, p.xmin::text
FROM reconcile.placement p WHERE kind = 'entity_type' AND organization_id = 'org_birch'
"""


def placed(world: World) -> dict[str, tuple[str, int, str, str]]:
    """Row, revision, content and row version of what was placed, by slug."""
    return {slug: (row, *told) for slug, row, *told in world.sql(PLACED)}


def test_of_a_row_that_changes_what_is_told_and_which_row_it_is(birch: World) -> None:
    birch.sql("DELETE FROM reconcile.placement WHERE key = '{loan}'")  # mirrored by another tool
    before = placed(birch)
    for slug in ("account", "loan"):
        birch.sql(f"UPDATE {TYPES} SET name = 'New' WHERE {PUBLISHED} AND slug = '{slug}'")
    number = birch.apply(birch.plan("birch")).revision
    after = placed(birch)
    ((loan,),) = birch.sql(
        f"SELECT id::text FROM {TYPES} WHERE organization_id = 'org_birch' AND slug = 'loan'"
    )
    assert after["loan"][:2] == (loan, number)
    row, revision, content, _ = after["account"]
    assert (row, revision) == (before["account"][0], number)
    assert content != before["account"][2]
    assert birch.sql("SELECT values ->> 'name' FROM reconcile.content WHERE digest = %s", content)
    untouched = after.keys() - {"account", "loan"}
    assert untouched
    assert {slug: after[slug] for slug in untouched} == {slug: before[slug] for slug in untouched}


def test_a_plan_that_claims_to_know_more_than_the_ledger_is_refused(birch: World) -> None:
    """A forged one, or one that is older than a ledger that was restored."""
    birch.sql(f"UPDATE {TYPES} SET name = 'New' WHERE {PUBLISHED} AND slug = 'account'")
    plan = birch.plan("birch")
    birch.sql("DELETE FROM reconcile.placement WHERE key = '{account}'")
    with pytest.raises(StalePlanError, match="not the template's row") as refusal:
        birch.apply(plan)
    assert refusal.value.hint
    assert birch.sql(f"SELECT count(*) FROM {TYPES} WHERE name = 'New'") == [(1,)]
    assert birch.apply(birch.plan("birch")).status == "applied"


@pytest.mark.parametrize("options", [{}, {"destroy": True}], ids=["update", "uninstall"])
def test_a_row_that_took_the_place_of_the_one_that_was_placed_is_not_taken_for_it(
    birch: World, options: dict[str, Any]
) -> None:
    """Deleted and written anew, by a tool that copies all values: the ledger knows the first."""
    birch.sql(f"UPDATE {TYPES} SET name = 'New' WHERE {PUBLISHED} AND slug = 'account'")
    plan = birch.plan("birch", **options)
    birch.sql("DELETE FROM entity_type_audit")
    birch.sql(
        f"UPDATE {TYPES} SET id = DEFAULT WHERE organization_id = 'org_birch' AND slug = 'account'"
    )
    before = placed(birch)
    with pytest.raises(StalePlanError, match="not the template's row"):
        birch.apply(plan)
    assert placed(birch) == before
    birch.apply(birch.plan("birch"))
    ((account,),) = birch.sql(
        f"SELECT id::text FROM {TYPES} WHERE organization_id = 'org_birch' AND slug = 'account'"
    )
    assert placed(birch)["account"][0] == account
