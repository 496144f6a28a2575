"""What an approval is worth: real signatures, held against real allowed signers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import planfile
from reconciler.approvals import Demand, judge, ssh
from reconciler.errors import Exit, NotApprovedError, ReconcilerError
from reconciler.model.approval import Approval, told
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Actor
from tests.fixtures import plans
from tests.fixtures.people import DAY, People, mail
from tests.fixtures.shown import Variants, depth

PLAN = plans.plan([plans.update()])
CI = Actor(mode="operator", label="database role ci")


def counted(
    demand: Demand, *given: Approval, plan: Plan = PLAN, at: datetime | None = None
) -> list[str]:
    now = at or datetime.now(UTC)
    return sorted(
        one.principal for one in judge(demand, given, [plan.plan_id], plan.actor, now).values()
    )


def refused(demand: Demand, *given: Approval, plan: Plan = PLAN, at: datetime | None = None) -> str:
    with pytest.raises(NotApprovedError) as caught:
        counted(demand, *given, plan=plan, at=at)
    assert caught.value.exit_code == Exit.NOT_AUTHORISED
    assert "Nothing was written." in caught.value.message
    assert "reconcile approve FILE" in caught.value.hint
    return caught.value.message


def test_a_plan_is_approved_by_whom_the_allowed_signers_name(people: People) -> None:
    approval = people.approve(PLAN, "eve")
    assert (approval.plan_id, approval.principal) == (PLAN.plan_id, mail("eve"))
    # The bytes that are signed: a later release has to make the same.
    assert approval.statement().decode() == (
        f'{{"expires": "{approval.expires}", "plan_id": "{PLAN.plan_id}", '
        f'"principal": "eve@acme.test", "signed_at": "{approval.signed_at}"}}'
    )
    assert counted(people.demand("eve"), approval) == [mail("eve")]
    (one,) = judge(
        people.demand("eve"), [approval], [PLAN.plan_id], PLAN.actor, datetime.now(UTC)
    ).values()
    assert one.key.startswith("SHA256:")
    said = refused(people.demand("bob", "ana"))
    assert "needs 1 approval (--require-approval), and has none" in said
    assert "Nobody has approved it." in said


@pytest.mark.shows("an effect of an approved plan is changed", "its approval counts no more")
def test_another_effect_is_another_plan_and_another_rendering_is_not(
    people: People, variants: Variants
) -> None:
    approval = people.approve(PLAN, "eve")
    demand = people.demand("eve")
    again = planfile.loads(planfile.dumps(PLAN.model_copy(update={"created_at": "2027-01-01"})))
    assert counted(demand, approval, plan=again) == [mail("eve")]
    others = (
        plans.plan([plans.update(plans.description("a", "b"))]),
        plans.plan([plans.update()], targets=[plans.target("birch")]),
        plans.plan([plans.update(), plans.create()]),
        plans.plan([plans.update()], template_name="other"),
    )
    for other in others:
        assert "approved another plan" in refused(demand, approval, plan=other)
        forged = approval.model_copy(update={"plan_id": other.plan_id})
        assert "not one of this approval: Signature verification failed" in refused(
            demand, forged, plan=other
        )
        variants.add(2)


@pytest.mark.shows("a signature that is damaged, or of something else", "it does not count")
def test_what_is_not_a_signature_of_this_statement_does_not_count(
    people: People, variants: Variants, tmp_path: Path
) -> None:
    good = people.approve(PLAN, "eve")
    signed = tmp_path / "statement"
    signed.write_bytes(good.statement())
    people.keygen("-Y", "sign", "-n", "git", "-f", str(people.key("eve")), str(signed))
    elsewhere = signed.with_name("statement.sig").read_text()
    lines = good.signature.splitlines()
    for signature in (
        elsewhere,
        good.signature[:100],
        people.approve(plans.plan([plans.create()]), "eve").signature,
        "",
        "x",
        "\n".join([lines[0], "!" * 70, *lines[2:]]),
        "\n".join([lines[0], lines[1][::-1], *lines[2:]]),
        "\n".join([lines[0], lines[-1]]),
        good.signature.replace("\n", "\r\n"),
        "\0" * 100,
    )[: depth(4, 10)]:
        bad = good.model_copy(update={"signature": signature})
        said = refused(people.demand("eve"), bad)
        assert f"{mail('eve')}: the signature is not one of this approval" in said
        # A good one beside it counts all the same.
        assert counted(people.demand("eve"), bad, good) == [mail("eve")]
        variants.add()
    for change in ({"principal": mail("bob")}, {"expires": "2099-01-01T00:00:00Z"}):
        assert "not one of this approval" in refused(
            people.demand("eve", "bob"), good.model_copy(update=change)
        )
        variants.add()


@pytest.mark.shows("a key that is not allowed for that name", "the approval does not count")
def test_whose_key_it_is_says_openssh(people: People, variants: Variants) -> None:
    approval = people.approve(PLAN, "eve")

    def signers(*lines: str) -> Demand:
        return Demand("\n".join(lines) + "\n")

    for line, wrong in (
        (people.line("bob", principals=mail("eve")), ""),
        (people.line("eve", principals=mail("bob")), ""),
        (people.line("eve", principals=f"*,!{mail('eve')}"), ""),
        (people.line("eve", 'namespaces="git,file"'), "not permitted"),
        (people.line("eve", 'valid-before="20250101"'), "key has expired"),
        (people.line("eve", 'valid-after="20990101"'), "not yet valid"),
        (people.line("eve", "cert-authority"), ""),
        (f"#{people.line('eve')}", ""),
        ("", ""),
        (people.line("eve")[:-20], ""),
    )[: depth(5, 10)]:
        said = refused(signers(line), approval)
        assert f"{mail('eve')}: signed with SHA256:" in said, line
        assert "not allowed for that name" in said
        assert wrong in said
        variants.add()
    for line in (
        people.line("eve"),
        people.line("eve", principals="*@acme.test"),
        people.line("eve", principals=f"{mail('bob')},{mail('eve')}"),
        people.line("eve", 'namespaces="git,reconcile-plan",valid-after="20250101"'),
        f"# a comment\n\n{people.line('bob')}\r\n{people.line('eve')} Eve's key",
        f"{people.line('eve')}\n{people.line('eve')}",
    )[: depth(2, 6)]:
        assert counted(signers(line), approval) == [mail("eve")], line


def test_certificates_count_for_the_names_that_stand_in_them(people: People) -> None:
    key = people.key("guest")
    authority = Demand(people.line("authority", "cert-authority", principals="*@acme.test") + "\n")
    sign = ("-s", str(people.key("authority")), "-I", "guest", "-n", mail("guest"))
    people.keygen(*sign, "-V", "-1d:+1d", f"{key}.pub")
    certified = Path(f"{key}-cert.pub")
    approval = people.approve(PLAN, "guest", expires=DAY * 7)
    signed = approval.model_copy(update={"signature": ssh.sign(approval.statement(), certified)})
    assert counted(authority, signed) == [mail("guest")]
    assert "not allowed" in refused(authority, approval)
    # The same key, by itself and in its certificate, is one key.
    both = Demand(authority.signers + people.line("guest", principals="g@acme.test") + "\n", 2)
    other = people.resigned(approval, "guest", principal="g@acme.test")
    assert "approvals of 2 people" in refused(both, signed, other)
    assert "not allowed" in refused(authority, signed, at=datetime.now(UTC) + DAY * 2)


@pytest.mark.shows(
    "one person approves under several names, or with several keys", "it counts once"
)
def test_people_are_counted_and_not_signatures(people: People, variants: Variants) -> None:
    eve, bob = people.approve(PLAN, "eve"), people.approve(PLAN, "bob")
    assert counted(people.demand("eve", "bob", number=2), eve, bob) == [mail("bob"), mail("eve")]
    alias = people.resigned(eve, "eve", principal="e@acme.test")
    second = people.resigned(eve, "eve2", principal=mail("eve"))
    linked = people.resigned(eve, "eve2", principal="f@acme.test")
    signers = Demand(
        "\n".join(
            (
                people.line("eve"),
                people.line("eve", principals="e@acme.test"),
                people.line("eve2", principals=f"{mail('eve')},f@acme.test"),
                people.line("bob"),
            )
        )
        + "\n",
        2,
    )
    for given in (
        (eve,),
        (eve, eve),
        (eve, people.approve(PLAN, "eve", expires=DAY * 2)),
        (eve, alias),
        (eve, second),
        (alias, eve, second, linked),
        (linked, alias, second, eve),
    )[-depth(2, 7) :]:
        assert "needs approvals of 2 people (--require-approval), and has 1" in refused(
            signers, *given
        )
        assert len(counted(signers, *given, bob)) >= 2
        variants.add()


def test_an_approval_expires_and_does_not_begin_before_it_was_given(people: People) -> None:
    approval = people.approve(PLAN, "eve", expires=timedelta(hours=1))
    demand, now = people.demand("eve"), datetime.now(UTC)
    assert counted(demand, approval, at=now + timedelta(minutes=59)) == [mail("eve")]
    said = refused(demand, approval, at=now + timedelta(minutes=61))
    assert f"{mail('eve')}: approved, and that has expired at {approval.expires}" in said
    # Clocks differ a little.
    assert counted(demand, approval, at=now - timedelta(minutes=4)) == [mail("eve")]
    assert "still to come by the database's clock" in refused(
        demand, approval, at=now - timedelta(minutes=6)
    )
    ahead = people.resigned(approval, "eve", signed_at=told(now + DAY), expires=told(now + DAY * 2))
    assert "still to come" in refused(demand, ahead)


@pytest.mark.shows(
    "who made a plan approves it", "that counts for nothing, under any name of theirs"
)
def test_the_author_is_somebody_else(people: People, variants: Variants) -> None:
    own = people.approve(PLAN, "ana")
    assert counted(people.demand("ana"), own) == [mail("ana")]
    demand = people.demand("ana", "eve", not_author=True)
    assert f"{mail('ana')}: made the plan" in refused(demand, own)
    assert counted(demand, own, people.approve(PLAN, "eve")) == [mail("eve")]
    for name in ("user_ana", "Ana@Acme.test", "nobody@acme.test"):
        other = people.resigned(own, "ana", principal=name)
        signers = f"{people.line('ana')}\n{people.line('ana', principals=name)}\n"
        said = refused(Demand(signers, not_author=True), other)
        assert "made the plan" in said
        variants.add()
    by_role = PLAN.model_copy(update={"actor": CI})
    ci = people.resigned(own, "ana", principal="ci")
    assert "ci: made the plan" in refused(
        Demand(people.line("ana", principals="ci") + "\n", not_author=True), ci, plan=by_role
    )
    assert counted(demand, own, plan=by_role) == [mail("ana")]


def test_the_refusal_names_whom_to_ask(people: People) -> None:
    with pytest.raises(NotApprovedError) as caught:
        counted(people.demand("ana", "bob", "eve", number=2), people.approve(PLAN, "eve"))
    assert f"{mail('eve')}: approved, until 20" in caught.value.message
    assert f"by one of {mail('ana')}, {mail('bob')}: " in caught.value.hint
    with pytest.raises(NotApprovedError) as caught:
        counted(people.demand("ana", "bob", "eve", number=2, not_author=True))
    # Ana made the plan.
    assert f"by 2 of {mail('bob')}, {mail('eve')}, who did not make" in caught.value.hint


def test_without_ssh_keygen_that_is_what_is_said(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = people.approve(PLAN, "eve")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ReconcilerError, match="verified: there is no ssh-keygen on PATH") as caught:
        counted(people.demand("eve"), approval)
    assert caught.value.exit_code == Exit.ERROR
    with pytest.raises(ReconcilerError, match="signed: there is no ssh-keygen on PATH"):
        people.approve(PLAN, "eve")
