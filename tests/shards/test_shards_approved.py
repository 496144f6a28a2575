"""A plan for several databases is approved as one, and each of them may demand that."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import shardfile
from reconciler.cli import main
from reconciler.errors import Exit, NotApprovedError
from tests.fixtures.people import People, mail
from tests.fixtures.spread import Spread

DEMAND = "INSERT INTO reconcile.setting VALUES ('allowed_signers', %s)"


def test_one_approval_is_of_all_sections(
    spread: Spread, people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all.plan.json"
    shardfile.save(made := spread.plan(), out)
    us = spread.worlds["us"]
    us.sql(DEMAND, people.line("eve") + "\n")
    apply = ["apply", str(out), "--databases", str(spread.file)]
    try:
        # One database demands it, and nothing is written in any.
        assert main(apply) == Exit.NOT_AUTHORISED
        said = capsys.readouterr().err
        assert "us: the plan needs 1 approval (the ledger's settings)" in said
        assert f"reconcile approve {out} --key" in said
        assert spread.written() == []
        section = people.approve(made.sections[0].plan, "eve")
        with pytest.raises(NotApprovedError, match="approved another plan"):
            spread.apply(made, approvals=[section])
        # Nor is another plan approved, in which something else was.
        other = made.model_copy(update={"sections": made.sections[1:]})
        with pytest.raises(NotApprovedError, match="approved another plan"):
            spread.apply(other, approvals=[people.approve(made, "eve")])
        assert main(["approve", str(out), "--key", str(people.key("eve"))]) == 0
        assert main(apply) == 0
    finally:
        us.sql("DELETE FROM reconcile.setting WHERE name = 'allowed_signers'")
    assert spread.written() == ["eu", "us", "asia"]
    assert us.sql(
        "SELECT a.principal, r.plan_id = %s FROM reconcile.approval a "
        "JOIN reconcile.revision r USING (plan_id)",
        made.sections[1].plan.plan_id,
    ) == [(mail("eve"), True)]
