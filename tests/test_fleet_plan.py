"""A plan for many targets, several of which deviate: read in a minute, applied to the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler import applier, kinds, library, planfile
from reconciler.cli import main
from reconciler.errors import ConflictsError, Exit, InvalidPlanError
from reconciler.model.conflict import Conflict
from reconciler.model.note import DeletedByTenant
from reconciler.model.plan import LeftBehind, Plan
from reconciler.render import render
from tests.fixtures.world import World

TABLES = ("entity_types", "agents")


class Fleet:
    """A small template, installed in twelve organisations that then go different ways."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.template = f"agent_{name}"
        self.home = world.organization(f"home-{name}", visibility="public")
        world.insert("agents", id=self.template, organization_id=self.home, name=name)
        self.types(self.home, "account", "card", "pot")
        self.slugs = [f"{name}-{number:02}" for number in range(12)]
        for slug in self.slugs:
            world.organization(slug)
        world.apply(self.plan())
        self.own, self.wrote, self.edited, self.gone = (
            f"{name}-{one}" for one in ("01", "04", "07", "08")
        )
        world.sql(
            "UPDATE entity_types SET description = 'New' WHERE organization_id = %s"
            " AND slug IN ('account', 'card')",
            self.home,
        )
        self.types(self.home, "loan")
        for slug in (self.own, self.wrote):
            self.types(f"org_{slug}", "loan", name=f"Our loan, {slug}")
        world.sql(
            "UPDATE entity_types SET description = 'Ours'"
            " WHERE organization_id = %s AND slug = 'account'",
            f"org_{self.edited}",
        )
        world.sql(
            "UPDATE entity_types SET deleted_at = now()"
            " WHERE organization_id = %s AND slug = 'card'",
            f"org_{self.gone}",
        )

    def types(self, organization: str, *slugs: str, name: str = "") -> None:
        for slug in slugs:
            self.world.insert(
                "entity_types", organization_id=organization, slug=slug, name=name or slug
            )

    def plan(self, *slugs: str, **options: Any) -> Plan:
        return self.world.plan(*(slugs or self.slugs), template=self.template, **options)

    def without(self, **options: Any) -> Plan:
        return self.plan(skip_conflicted=True, **options)

    def dump(self, *slugs: str) -> list[tuple[Any, ...]]:
        """Every row of these organisations, with its version, and what the ledger says of them."""
        ids = [f"org_{slug}" for slug in slugs]
        found = [
            self.world.sql(
                f"SELECT t::text, xmin::text FROM {table} t WHERE organization_id = ANY(%s)"
                " ORDER BY 1",
                ids,
            )
            for table in (*TABLES, "reconcile.target", "reconcile.placement")
        ]
        return [row for rows in found for row in rows]


@pytest.fixture
def fleet(shared_world: World, request: pytest.FixtureRequest) -> Fleet:
    return Fleet(shared_world, f"f{abs(hash(request.node.name)) % 10**8}")


def left_out(plan: Plan) -> list[str]:
    return [one.target.organization.slug for one in plan.left_behind]


def taking_part(plan: Plan) -> list[str]:
    return [one.organization.slug for one in plan.targets]


def test_each_change_is_said_once_and_then_who_deviates(fleet: Fleet) -> None:
    plan = fleet.plan()
    text = render(plan, "text")
    assert "12 installed: 8 the same 3 changes; 2 with conflicts; 1 with drift" in text
    assert "8 of 12 targets: the same 3 changes; 4 differ:" in text
    lines = " ".join(text.split())
    assert f'{fleet.own} and {fleet.wrote}: lacks + entity_type "loan" (user_authored' in lines
    assert f'{fleet.edited}: otherwise ~ entity_type "account" (overwrites a local edit)' in lines
    assert f'{fleet.gone}: lacks ~ entity_type "card" (deleted_by_tenant)' in lines
    assert text.count("  ~ entity_type") == 3
    assert text.count("--adopt entity_type.loan ") == 1
    assert "Or leave out the 2 targets with conflicts" in text


def test_the_others_go_on_and_who_is_left_out_stays_as_it_is(fleet: Fleet) -> None:
    out = [fleet.own, fleet.wrote]
    plan = planfile.loads(planfile.dumps(fleet.without()))
    assert left_out(plan) == out
    assert taking_part(plan) == [one for one in fleet.slugs if one not in out]
    assert (plan.conflicts, plan.blocking) == ((), ())
    assert [one.reason for left in plan.left_behind for one in left.conflicts] == (
        ["user_authored"] * 2
    )
    for form in ("text", "markdown"):
        shown = render(plan, form)  # type: ignore[arg-type]
        assert "--adopt entity_type.loan" in shown
        assert "; 2 targets left out." in shown
    assert render(plan, "text").endswith("; 2 targets left out.\n")

    before = fleet.dump(*out)
    done = fleet.world.apply(plan)
    assert done.status == "applied"
    assert fleet.dump(*out) == before
    number = done.revision or 0
    revision, applied = library.revision(fleet.world.dsn, number)
    assert (revision.targets, applied) == (10, plan)
    for slug in out:
        assert library.history(fleet.world.dsn, slug)[0].number != number
    assert fleet.world.apply(plan).status == "already_applied"

    again = fleet.without()
    assert again.empty
    assert left_out(again) == out
    assert "All 10 targets match" in render(again, "text")
    assert render(again, "text").endswith("; 2 targets left out.\n")

    undo = library.plan_undo(fleet.world.dsn, number, actor="user_ana", skip_conflicted=True)
    assert taking_part(undo) == taking_part(plan)
    assert fleet.world.apply(undo).status == "applied"
    assert fleet.dump(*out) == before


def test_an_undo_leaves_out_who_has_touched_it_since(fleet: Fleet) -> None:
    done = fleet.world.apply(fleet.without())
    touched = fleet.slugs[0]
    fleet.world.sql(
        "UPDATE entity_types SET description = 'Mine now' WHERE organization_id = %s"
        " AND slug = 'account'",
        f"org_{touched}",
    )
    before = fleet.dump(touched)
    options = {"actor": "user_ana", "skip_conflicted": True}
    undo = library.plan_undo(fleet.world.dsn, done.revision or 0, **options)  # type: ignore[arg-type]
    assert left_out(undo) == [touched]
    assert "--undo" in undo.request.command()
    assert "--skip-conflicted" in undo.request.command()
    fleet.world.apply(undo)
    assert fleet.dump(touched) == before


def test_a_plan_without_the_option_means_what_it_meant(fleet: Fleet) -> None:
    plan = fleet.plan(*(one for one in fleet.slugs if one not in (fleet.own, fleet.wrote)))
    told = planfile.dumps(plan)
    older = told.replace('"left_behind": []', '"later": []').replace("skip_conflicted", "unknown")
    assert planfile.loads(older).plan_id == plan.plan_id


def test_what_is_resolved_is_not_left_out(fleet: Fleet) -> None:
    plan = fleet.without(skip=["entity_type.*:user_authored"])
    assert left_out(plan) == []
    assert [note.about for note in plan.notes if note.about == "skipped"] == ["skipped"]
    one = fleet.without(adopt=["entity_type.loan"])
    assert len(one.targets) == 12
    # A flag that only had its use in a target that is left out anyway is not said to be needless.
    fleet.types(f"org_{fleet.own}", "visit")
    fleet.types(fleet.home, "visit")
    some = fleet.without(skip=["entity_type.loan"])
    assert left_out(some) == [fleet.own]
    assert "needless_flag" not in {note.about for note in some.notes}
    assert some.unchanged == fleet.plan(*taking_part(some), skip=["entity_type.loan"]).unchanged


def test_where_everybody_has_conflicts_nothing_is_left_to_do(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECONCILE_DATABASE_URL", fleet.world.dsn)
    words = [fleet.template, "--as", "user_ana", "--skip-conflicted"]
    both = [*words, "--target", fleet.own, "--target", fleet.wrote]
    assert main(["plan", *both]) == Exit.CONFLICTS
    shown = capsys.readouterr().out
    assert shown.endswith(
        "Nothing is left to do: all 2 targets have conflicts; 2 targets left out.\n"
    )
    assert "No changes" not in shown
    assert main(["apply", *both, "-auto-approve"]) == Exit.CONFLICTS
    assert "all 2 targets have conflicts" in capsys.readouterr().err
    plan = fleet.plan(fleet.own, skip_conflicted=True)
    assert (plan.targets, plan.changes, plan.notes) == ((), (), ())
    with pytest.raises(ConflictsError) as caught:
        fleet.world.apply(plan)
    assert len(caught.value.conflicts) == 1

    one = [*words, "--target", fleet.own, "--target", fleet.slugs[0]]
    assert main(["plan", *one, "-detailed-exitcode"]) == Exit.CHANGES
    assert main(["apply", *one, "-auto-approve"]) == Exit.DONE
    assert main(["plan", *one, "-detailed-exitcode"]) == Exit.DONE


def forgeries(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Plans that speak of somebody who is left behind, and others that make no sense."""
    (first, second), going = plan.left_behind, plan.targets[0]
    out = first.target.organization.id

    def other(**update: Any) -> Plan:
        return plan.model_copy(update=update).identified()

    wider = [
        change.model_copy(update={"targets": tuple(sorted((*change.targets, out)))})
        for change in plan.changes
    ]
    yield "has a target that the plan does not have", other(changes=tuple(wider))
    note = DeletedByTenant(address=plan.changes[0].address, targets=(out,))
    yield "speaks of a target that the plan does not have", other(notes=(note,))
    conflict: Conflict = first.conflicts[0]
    yield "which is no target", other(conflicts=(conflict,))
    targets = sorted((*plan.targets, first.target), key=lambda one: one.organization.id)
    yield "is a target, and left behind", other(targets=tuple(targets))
    yield (
        "without a conflict of its own",
        other(left_behind=(first, second.model_copy(update={"conflicts": ()}))),
    )
    yield (
        "without a conflict of its own",
        other(
            targets=plan.targets[1:],
            changes=(),
            left_behind=(first, second, LeftBehind(target=going, conflicts=(conflict,))),
        ),
    )
    yield "not sorted", other(left_behind=(second, first))
    asked = plan.request.model_copy(update={"skip_conflicted": False})
    yield "nobody asked for that", other(request=asked)


def test_a_forged_plan_does_not_speak_of_who_is_left_behind(fleet: Fleet) -> None:
    plan = fleet.without()
    for says, forged in forgeries(plan):
        with pytest.raises(InvalidPlanError, match=says):
            applier.apply(fleet.world.connection, forged, kinds.load())
