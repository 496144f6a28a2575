"""An apply that approvals are demanded of: by the ledger of everybody, by a flag of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import approvals, library, planfile
from reconciler.cli import main
from reconciler.errors import Exit, NotApprovedError, NotAuthorisedError, StoppedError
from reconciler.model.approval import told
from reconciler.model.event import Event
from reconciler.model.plan import Plan
from reconciler.progress import listening
from reconciler.render.history import headline, render
from tests.fixtures.people import People, mail
from tests.fixtures.shown import Variants
from tests.fixtures.world import World
from tests.test_waves import Fleet

Demanding = Callable[..., None]
RECORDED = "SELECT principal FROM reconcile.approval WHERE plan_id = %s ORDER BY 1"
TARGETS = "SELECT count(*) FROM reconcile.target WHERE organization_id = ANY(%s)"


@pytest.fixture
def demanding(shared_world: World, people: People) -> Iterator[Demanding]:
    """Has the ledger demand approvals, until the test is over."""

    def demand(*names: str, **more: str) -> None:
        signers = "".join(f"{people.line(name)}\n" for name in names)
        for name, value in {"allowed_signers": signers, **more}.items():
            shared_world.sql(
                "INSERT INTO reconcile.setting VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                value,
            )

    yield demand
    shared_world.sql(
        "DELETE FROM reconcile.setting WHERE name LIKE 'approvals%%' OR name = 'allowed_signers'"
    )


@pytest.fixture
def made(shared_world: World, small_template: str) -> Plan:
    return shared_world.plan(shared_world.organization(), template=small_template)


@pytest.fixture
def fleet(shared_world: World, small_template: str) -> Fleet:
    return Fleet(shared_world, small_template, 4)


def nothing_done(world: World, plan: Plan) -> bool:
    return world.sql(TARGETS, list(plan.organizations)) == [(0,)] and not world.sql(
        RECORDED, plan.plan_id
    )


@pytest.mark.shows(
    "a policy in the ledger, and nobody mentions it", "nothing is applied unapproved"
)
def test_what_the_ledger_demands_binds_everybody(
    shared_world: World,
    made: Plan,
    people: People,
    demanding: Demanding,
    variants: Variants,
    capsys: pytest.CaptureFixture[str],
) -> None:
    demanding("eve")
    target = made.targets[0].organization.id
    words = ["--target", target, "--as", "user_ana", "--database-url", shared_world.dsn]
    for attempt in (
        lambda: shared_world.apply(made),
        lambda: shared_world.apply(made, wave="1"),
        lambda: shared_world.apply(made, max_failures=5),
        lambda: library.install_agent_from_template(
            shared_world.dsn, made.template.agent_id, target, "user_ana"
        ),
    ):
        with pytest.raises(NotApprovedError, match="the ledger's settings"):
            attempt()
        variants.add()
    assert main(["apply", made.template.agent_id, *words, "-auto-approve"]) == Exit.NOT_AUTHORISED
    said = capsys.readouterr().err
    first = said.index("0. Save a plan, which can be approved: reconcile plan ")
    assert first < said.index(" --out FILE\n") < said.index("1. Have it approved by one of eve@")
    assert "2. Then apply it: reconcile apply FILE\n" in said
    variants.add()
    assert nothing_done(shared_world, made)
    given = [people.approve(made, "eve")]
    assert shared_world.apply(made, approvals=given).status == "applied"
    # What is done is done: nobody has to approve it again.
    assert shared_world.apply(made).status == "already_applied"
    again = shared_world.plan(target, template=made.template.agent_id)
    assert shared_world.apply(again).status == "nothing_to_do"


def test_settings_of_the_ledger(
    shared_world: World, made: Plan, people: People, demanding: Demanding
) -> None:
    eve, ana = people.approve(made, "eve"), people.approve(made, "ana")

    def refused(match: str) -> None:
        with pytest.raises(NotApprovedError, match=match) as caught:
            shared_world.apply(made, approvals=[eve])
        assert caught.value.exit_code == Exit.NOT_AUTHORISED

    demanding("eve", "ana", approvals="2")
    refused("needs approvals of 2 people .the ledger's settings., and has 1")
    for wrong in ("", "two", "٣"):
        demanding("eve", approvals=wrong)
        refused("the ledger's setting approvals is")
    demanding("eve", approvals="1", approvals_not_author="yes")
    refused("the ledger's setting approvals_not_author is 'yes'")
    demanding("ana", approvals="1", approvals_not_author="true")
    with pytest.raises(NotApprovedError, match="made the plan"):
        shared_world.apply(made, approvals=[ana])
    demanding(approvals="1")
    refused("its setting allowed_signers, which says whose count, is missing")
    assert nothing_done(shared_world, made)
    demanding(approvals="0")
    assert shared_world.apply(made).status == "applied"


def test_a_flag_demands_more_and_never_less(
    shared_world: World, made: Plan, people: People, demanding: Demanding
) -> None:
    demanding("eve")
    eve, bob = people.approve(made, "eve"), people.approve(made, "bob")
    for given in ([], [eve], [bob]):
        with pytest.raises(NotApprovedError):
            shared_world.apply(made, approvals=given, require=people.demand("bob"))
    done = shared_world.apply(made, approvals=[bob, eve], require=people.demand("bob"))
    assert done.status == "applied"
    assert shared_world.sql(RECORDED, made.plan_id) == [(mail("bob"),), (mail("eve"),)]


@pytest.mark.shows("an approval expires", "by the database's clock, whatever the applier's says")
def test_it_expires_by_the_databases_clock(
    shared_world: World, made: Plan, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    good = people.approve(made, "eve")
    old = people.resigned(good, "eve", expires=told(now - timedelta(seconds=1)))
    monkeypatch.setattr("time.time", lambda: 0.0)
    with pytest.raises(NotApprovedError, match="has expired at"):
        shared_world.apply(made, approvals=[old], require=people.demand("eve"))
    assert shared_world.apply(made, approvals=[good], require=people.demand("eve")).revision


def test_the_ledger_tells_by_whose_approvals(
    shared_world: World, made: Plan, people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    demand = people.demand("eve", "bob", number=2)
    given = [people.approve(made, "eve"), people.approve(made, "bob")]
    # Recorded when the plan was enqueued, and expired when it was applied.
    shared_world.sql(
        "INSERT INTO reconcile.approval (plan_id, principal, key, signed_at, expires, approval) "
        "VALUES (%s, 'late@acme.test', 'k', now() - interval '1 day', now(), '{}')",
        made.plan_id,
    )
    number = shared_world.apply(made, approvals=given, require=demand).revision
    revision, _ = library.revision(shared_world.dsn, number)
    assert [one.principal for one in revision.approvals] == [mail("bob"), mail("eve")]
    assert [one.expires for one in revision.approvals] == [given[1].expires, given[0].expires]
    by = "by ana@acme.test (role postgres), approved by bob@acme.test and eve@acme.test"
    assert headline(revision).endswith(by)
    assert render([revision], target=None, more="", width=300).rstrip().endswith(by[3:])
    told = json.loads(revision.model_dump_json())["approvals"]
    assert {*told[0]} == {"principal", "key", "signed_at", "expires"}
    target = made.targets[0].organization.id
    assert main(["why", target, "entity_type.account", "--database-url", shared_world.dsn]) == 0
    assert "approved by bob@acme.test and eve@acme.test" in " ".join(
        capsys.readouterr().out.split()
    )
    # It can be verified again, with nothing but the ledger.
    stored = shared_world.sql(
        "SELECT approval::text FROM reconcile.approval WHERE plan_id = %s AND expires > now()",
        made.plan_id,
    )
    again = [type(given[0]).model_validate_json(text) for (text,) in stored]
    assert approvals.judge(demand, again, [made.plan_id], made.actor, datetime.now(UTC))


def test_waves_are_approved_by_the_plan_that_was_reviewed(
    fleet: Fleet, people: People, demanding: Demanding
) -> None:
    world = fleet.world
    demanding("eve")
    given = [people.approve(fleet.made, "eve")]
    done = fleet.apply(approvals=given, wave="2")
    assert [wave.targets for wave in done.waves] == [2, 2]
    assert [one.approvals[0].principal for one in library.history(world.dsn, limit=2)] == [
        mail("eve")
    ] * 2
    # A part of it is another plan.
    part = fleet.plan(*(world.organization() for _ in range(2)))
    with pytest.raises(NotApprovedError, match="approved another plan"):
        world.apply(part, approvals=given)


def test_an_approval_that_counts_no_more_stops_the_next_wave(
    fleet: Fleet, people: People, demanding: Demanding
) -> None:
    world = fleet.world
    demanding("eve")

    def hear(event: Event) -> None:
        if event.event == "wave_applied":
            demanding("bob")

    given = [people.approve(fleet.made, "eve")]
    with (
        listening(hear),
        pytest.raises(StoppedError, match="not allowed for that name") as caught,
    ):
        fleet.apply(approvals=given, wave="2", max_failures=3)
    assert caught.value.exit_code == Exit.NOT_AUTHORISED
    assert len(caught.value.outcome.having("applied")) == 2
    assert caught.value.outcome.refused == ()
    with pytest.raises(NotApprovedError):
        fleet.apply()
    assert fleet.apply(approvals=[people.approve(fleet.made, "bob")]).status == "applied"
    assert set(fleet.done().values()) == {1}
    assert len(world.sql(RECORDED, fleet.made.plan_id)) == 2


def test_what_somebody_writes_into_the_ledger_is_no_approval(
    shared_world: World, made: Plan, people: People, demanding: Demanding
) -> None:
    demanding("eve")
    good = people.approve(made, "eve")
    for text in ("{}", "[]", '"x"', good.model_copy(update={"signature": "x"}).model_dump_json()):
        shared_world.sql(
            "INSERT INTO reconcile.approval (plan_id, principal, key, signed_at, expires, approval)"
            " VALUES (%s, 'eve@acme.test', %s, now(), now() + '1 day', %s)",
            made.plan_id,
            text[:9],
            text,
        )
    with pytest.raises(NotApprovedError):
        shared_world.apply(made)


def test_who_may_is_asked_all_the_same(shared_world: World, made: Plan, people: People) -> None:
    target = made.targets[0].organization.id
    shared_world.sql('DELETE FROM member WHERE "organizationId" = %s', target)
    with pytest.raises(NotAuthorisedError):
        shared_world.apply(
            made, approvals=[people.approve(made, "eve")], require=people.demand("eve")
        )


def test_nothing_is_left_behind(
    shared_world: World, made: Plan, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NotApprovedError):
        shared_world.apply(
            made, approvals=[people.approve(made, "eve")], require=people.demand("bob")
        )
    assert list(tmp_path.iterdir()) == []
    assert planfile.loads(planfile.dumps(made)) == made
