"""An apply in the wrong place: another database, a copy of it, a ledger that is missing or old."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler import library
from reconciler.database.opening import LEDGER_VERSION
from reconciler.errors import NotInitialisedError, PlanFileError
from tests.fixtures.world import World, copied

if TYPE_CHECKING:
    from reconciler.database.embedded import Server

DOWN = Path(__file__).parents[1] / "schemas" / "ledger" / f"{LEDGER_VERSION:04}.down.sql"
PACES = pytest.mark.parametrize("pace", [{}, {"wave": "1"}], ids=["at once", "in waves"])


@PACES
def test_another_database_without_the_plan_s_organisations(
    world: World, server: Server, seeded: str, pace: dict[str, str]
) -> None:
    plan = world.plan(world.organization())
    for elsewhere in copied(server, seeded):
        with pytest.raises(PlanFileError, match="was made for the database") as caught:
            elsewhere.apply(plan, **pace)
        assert caught.value.hint.endswith(" --out FILE")
        elsewhere.sql("DROP SCHEMA reconcile CASCADE")
        with pytest.raises(
            PlanFileError, match=r"was made for the database .*, which has no ledger"
        ):
            elsewhere.apply(plan, **pace)


def test_a_copy_of_the_database_with_the_same_ledger(birch: World, server: Server) -> None:
    plan = birch.plan(birch.organization())
    birch.apply(plan)
    name = birch.connection.info.dbname
    birch.connection.close()
    for elsewhere in copied(server, name):
        with pytest.raises(PlanFileError, match="was made for the database"):
            library.apply(elsewhere.dsn, plan)


@PACES
@pytest.mark.parametrize("state", ["missing", "older"])
def test_a_ledger_that_is_missing_or_older(world: World, state: str, pace: dict[str, str]) -> None:
    plan = world.plan(world.organization(), world.organization())
    if state == "missing":
        world.sql("DROP SCHEMA reconcile CASCADE")
    else:
        world.connection.execute(DOWN.read_bytes())
    with pytest.raises(NotInitialisedError, match="the ledger") as caught:
        world.apply(plan, **pace)
    assert "reconcile init" in (caught.value.hint or "")
