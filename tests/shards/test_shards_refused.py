"""What stops a plan for several databases before anything is written in any of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler import Selection, shardfile, shards
from reconciler.cli import main
from reconciler.errors import (
    ConflictsError,
    DatabaseError,
    NotAuthorisedError,
    NotFoundError,
    PlanFileError,
    ReconcilerError,
    RefusedError,
)
from tests.fixtures.spread import PASSWORD, Spread, became

NOWHERE = "host=127.0.0.1 port=1 user=x dbname=x"


def test_a_template_has_to_be_in_each_database(spread: Spread) -> None:
    spread.worlds["asia"].sql("DELETE FROM entity_types WHERE organization_id = %s",
                              f"org_{spread.home}")  # fmt: skip
    spread.worlds["asia"].sql("DELETE FROM agents WHERE id = %s", spread.agent)
    with pytest.raises(NotFoundError, match=r"^database asia: there is no template") as caught:
        spread.plan()
    assert "has to be in each of the databases" in caught.value.hint
    # Where nobody is named who is there, it need not be.
    here = spread.plan(Selection(targets=tuple(spread.tenants["us"])))
    assert [one.database for one in here.sections] == ["us"]


def test_a_template_has_to_be_the_same_everywhere(spread: Spread) -> None:
    spread.worlds["us"].sql(
        "UPDATE entity_types SET color = 'red' WHERE organization_id = %s", f"org_{spread.home}"
    )
    with pytest.raises(RefusedError) as caught:
        spread.plan()
    same, other = caught.value.message.split("\n")[1:]
    assert same.endswith("…  eu, asia")
    assert other.endswith("…  us")
    # To take leave of it, it need not be.
    assert len(spread.plan(Selection(installed=True), destroy=True).sections) == 3


def test_a_database_that_cannot_be_reached_is_named(
    spread: Spread, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = spread.plan()
    spread.write(asia=NOWHERE)
    with pytest.raises(DatabaseError, match=r"^database asia: cannot connect"):
        spread.plan()
    with pytest.raises(DatabaseError, match=r"^database asia: cannot connect"):
        spread.apply(plan)
    assert spread.written() == []
    spread.write(asia=NOWHERE, eu=NOWHERE.replace("port=1", "port=2"))
    assert main(["plan", *spread.words]) == 1
    told = capfd.readouterr().err
    assert "it failed in 2 databases:\n  eu: cannot connect" in told
    assert PASSWORD not in told


def test_a_conflict_in_one_stops_all(
    spread: Spread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spread.own("asia")
    out = tmp_path / "plan.json"
    assert main(["plan", *spread.words, "--out", str(out)]) == 3
    told = capfd.readouterr()
    assert f"--databases {spread.file}" in told.out
    last = told.out.splitlines()[-1]
    assert last == (
        "3 databases: 17 to create, 0 to update, 0 to retire; 1 conflict. "
        "This plan can be applied in none of them until that is resolved."
    )
    assert main(["apply", str(out), "--databases", str(spread.file)]) == 3
    assert "unresolved conflicts in asia (1)" in capfd.readouterr().err
    with pytest.raises(ConflictsError):
        spread.apply(spread.plan())
    assert main(["apply", *spread.words, "-auto-approve"]) == 3
    assert spread.written() == []
    # What is resolved in one may find nothing to resolve in another.
    pattern = spread.plan(adopt=["entity_type.*:user_authored"])
    assert [one.plan.counts().adopt for one in pattern.sections] == [0, 0, 1]
    with pytest.raises(ReconcilerError, match="means no row of this plan"):
        spread.plan(skip=["entity_type.*:foreign_owner"])
    left = spread.plan(skip_conflicted=True)
    assert became(spread.apply(left)) == ["applied"] * 3


def test_an_actor_has_to_be_allowed_in_each(spread: Spread) -> None:
    plan = spread.plan()
    spread.worlds["asia"].sql(
        'UPDATE member SET role = %s WHERE "organizationId" = %s',
        "member",
        spread.tenants["asia"][0],
    )
    with pytest.raises(NotAuthorisedError, match=r"^database asia: "):
        spread.apply(plan)
    assert spread.written() == []
    done = spread.apply(plan, max_failures=1)
    assert became(done) == ["applied", "applied", "incomplete"]
    assert done.exit_code == 6


def test_a_database_is_the_one_that_was_planned_for(spread: Spread) -> None:
    plan = spread.plan()
    spread.write(us=spread.worlds["eu"].dsn, eu=spread.worlds["us"].dsn)
    with pytest.raises(
        ReconcilerError, match=r"it failed in 2(.|\n)*eu: the plan was made for the"
    ) as caught:
        spread.apply(plan)
    assert str(spread.file) in caught.value.hint
    spread.file.write_text(spread.file.read_text().replace("'asia'", "'africa'"))
    with pytest.raises(PlanFileError, match="sections for asia, and"):
        spread.apply(plan)
    assert spread.written() == []


def test_a_database_has_one_name(spread: Spread) -> None:
    spread.write(africa=spread.worlds["asia"].dsn)
    with pytest.raises(ReconcilerError, match=r"^asia and africa are one database"):
        spread.plan(Selection(installed=True))
    with pytest.raises(ReconcilerError, match=r"^asia and africa are one database"):
        shards.status(spread.databases)


def test_who_is_named_is_in_exactly_one_database(spread: Spread) -> None:
    with pytest.raises(NotFoundError, match="no organisation 'nobody' in any of the 3 databases"):
        spread.plan(Selection(targets=("nobody",)))
    with pytest.raises(NotFoundError, match=r"'noone' \(--exclude\)"):
        spread.plan(Selection(installed=True, exclude=("noone",)))
    twice = spread.worlds["eu"].organization()
    spread.worlds["asia"].organization(twice.removeprefix("org_"))
    with pytest.raises(NotFoundError, match=r"is in eu .* and in asia"):
        spread.plan(Selection(targets=(twice,)))
    with pytest.raises(NotFoundError, match="nobody is left"):
        spread.plan(Selection(targets=tuple(spread.everybody), where="slug = 'x'"))
    with pytest.raises(NotFoundError, match="no target was named"):
        spread.plan(Selection())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--undo", "3"], "a revision is one of one database"),
        (["plan", "--all-templates"], "one template at a time"),
        (["plan", "x", "--installed", "--database-url", "dbname=x"], "leave out --database-url"),
        (["apply", "x", "--installed", "-input=false"], "forbids to ask"),
    ],
)
def test_what_makes_no_sense_together(
    words: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--databases", str(tmp_path / "none.toml")]) == 1
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: plan.update(plan_id="0" * 64), "changed after it was made"),
        (lambda plan: plan["sections"].reverse(), "changed after it was made"),
        (lambda plan: plan["sections"].pop(), "changed after it was made"),
        (lambda plan: plan["sections"][0].update(database="a\x1b[31m"), "section 1 names no"),
        (lambda plan: plan["sections"][1]["plan"].update(unchanged=0, fingerprint="f"),
         r"section 2 \(us\): changed"),
        (lambda plan: plan["sections"][1].pop("plan"), "section 2"),
        (lambda plan: plan.update(sections=[]), "no sections"),
        (lambda plan: plan.update(format="other"), "does not know"),
        (lambda plan: plan.update(format_version="2.0"), 'made in format "2.0"'),
    ],
)  # fmt: skip
def test_a_file_that_was_edited_is_refused(spread: Spread, change, said: str) -> None:
    document = json.loads(shardfile.dumps(spread.plan()))
    change(document)
    with pytest.raises(PlanFileError, match=said):
        shardfile.loads(json.dumps(document))


def test_names_of_tenants_are_shown_escaped(
    spread: Spread, capfd: pytest.CaptureFixture[str]
) -> None:
    hostile = spread.worlds["us"].organization("x\x1b[31m[red]\nPlan: nothing")
    spread.tenants["us"].append(hostile)
    for format_ in ("text", "markdown"):
        assert main(["plan", *spread.words, "--format", format_]) == 0
        shown = capfd.readouterr().out
        assert "\x1b" not in shown
        assert "\nPlan: nothing" not in shown
