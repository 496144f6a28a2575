"""A fleet's plan does not go around the approvals that the ledger demands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import fleet as workers
from reconciler import planfile
from reconciler.cli import main
from reconciler.errors import Exit, NotApprovedError
from reconciler.render.enqueued import render
from tests.fixtures.people import People
from tests.fleet.conftest import Queued

DEMAND = """INSERT INTO reconcile.setting VALUES ('allowed_signers', %s)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


@pytest.fixture
def demanding(fleet: Queued, people: People) -> Iterator[Queued]:
    fleet.world.sql(DEMAND, people.line("eve") + "\n")
    yield fleet
    fleet.world.sql("DELETE FROM reconcile.setting WHERE name = 'allowed_signers'")


@pytest.mark.shows("a fleet's plan that nobody has approved", "refused when it is enqueued")
def test_it_is_refused_at_the_door(
    demanding: Queued, people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = demanding
    with pytest.raises(NotApprovedError):
        fleet.enqueue()
    file = tmp_path / "fleet.plan.json"
    planfile.save(fleet.made, file)
    enqueue = ["fleet", "enqueue", str(file), "--wave", "2", "--database-url", fleet.world.dsn]
    assert main(enqueue) == Exit.NOT_AUTHORISED
    assert f"reconcile approve {file}" in capsys.readouterr().err
    assert fleet.jobs() == []
    assert main(["approve", str(file), "--key", str(people.key("eve"))]) == 0
    assert main(enqueue) == 0
    fleet.work()
    assert fleet.status().exit_code == Exit.DONE
    assert set(fleet.done().values()) == {1}


@pytest.mark.shows(
    "an approval that counts no more when a worker comes to it", "the plan stops there"
)
def test_each_wave_asks_again(demanding: Queued, people: People) -> None:
    fleet = demanding
    fleet.enqueue(approvals=[people.approve(fleet.made, "eve")], wave="2")
    fleet.world.sql(DEMAND, people.line("bob") + "\n")
    assert any("stops the plan: the plan needs 1 approval" in line for line in fleet.work())
    assert fleet.status().exit_code == Exit.NOT_AUTHORISED
    assert fleet.done() == {}
    told = render(workers.queue(fleet.world.dsn)).splitlines()
    at = next(n for n, line in enumerate(told) if line.startswith("Stopped: the plan needs"))
    assert "\\n" not in "".join(told)
    assert told[at + 1].startswith("  eve@acme.test: ")
    assert any(
        line.startswith("  (reconcile fleet enqueue FILE); only then resume") for line in told
    )
    assert told[-1].startswith("Go on with: reconcile fleet resume")
    with pytest.raises(NotApprovedError):
        fleet.enqueue()
    assert fleet.enqueue(approvals=[people.approve(fleet.made, "bob")]) == "enqueued_before"
    workers.resume(fleet.world.dsn, fleet.made.plan_id)
    fleet.work()
    assert set(fleet.done().values()) == {1}
