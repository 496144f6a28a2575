"""Uninstalling, undoing, refreshing: what is said of rows that come, go, or drifted."""

from __future__ import annotations

import re
import tomllib
from typing import Any, get_args

import pytest

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.conflict import Conflict, InUse
from reconciler.model.note import (
    DanglingOwner,
    DeletedByTenant,
    KeptEdit,
    LikelyRename,
    NeedlessFlag,
    Note,
    Orphaned,
    Released,
)
from reconciler.model.plan import Drift, Plan
from reconciler.render import render
from reconciler.render.escape import visible
from reconciler.render.outline import Names
from reconciler.render.reasons import explanation
from tests.fixtures import lifecycle, plans
from tests.fixtures.everything import everything
from tests.render.hostile_lifecycle import hostile_lifecycle

BUDGET = Address("entity_type.budget")


def variants(union: Any) -> set[type]:
    """The classes of a union that is told apart by a field."""
    return set(get_args(get_args(union)[0]))


def test_everything_has_one_of_everything() -> None:
    made = everything()
    assert {type(one) for one in made.changes} == variants(Change)
    assert {type(one) for one in made.conflicts} == variants(Conflict)
    assert {type(one) for one in made.notes} == variants(Note)


def text(made: Plan) -> str:
    """The plan as it is shown in a terminal, without its line breaks."""
    return " ".join(render(made, "text").split())


@pytest.mark.parametrize(
    ("asked", "above", "below"),
    [
        (
            {"mode": "destroy"},
            "Uninstall of personal-finance from acme",
            "No changes. acme has nothing left of personal-finance.",
        ),
        (
            {"mode": "destroy", "keep_rows": True},
            "Uninstall of personal-finance from acme; every row stays, as the tenant's own",
            "No changes. acme has nothing left of personal-finance.",
        ),
        (
            {"mode": "release"},
            "Release of rows of personal-finance to acme; nothing else changes",
            "No changes. acme has nothing to release.",
        ),
        (
            {"mode": "undo", "revision": 12},
            "Undoes revision 12 in acme",
            "No changes. acme has nothing left of revision 12.",
        ),
        (
            {"mode": "refresh"},
            "Only what drifted from personal-finance in acme; nothing to apply",
            "No changes. Nothing drifted in acme.",
        ),
    ],
)
def test_each_mode_says_what_it_is_for(asked: dict[str, object], above: str, below: str) -> None:
    made = plans.plan(**asked)
    lines = render(made, "text").splitlines()
    assert (lines[0], lines[-1]) == (above, below)
    quoted = above.replace("personal-finance", "`personal-finance`").replace("acme", "`acme`")
    assert render(made, "markdown").startswith(f"# Plan: {quoted}\n")


def test_nothing_to_do_in_many_targets() -> None:
    two = [plans.target("acme"), plans.target("bolt")]
    assert text(plans.plan(targets=two, mode="destroy")).endswith(
        "No changes. None of the 2 targets has anything left of personal-finance."
    )
    assert text(plans.plan(targets=two, mode="refresh")).endswith(
        "No changes. Nothing drifted in 2 targets."
    )


def test_a_template_that_is_gone_is_said_to_be() -> None:
    assert (
        "Template personal-finance (agent_pf, which no longer exists) in org public-finance Target"
        in text(lifecycle.destroyed())
    )
    assert "from `agent_pf`, which no longer exists, of `public-finance`" in render(
        lifecycle.destroyed(), "markdown"
    )


def test_rows_are_said_to_be_kept_where_that_was_asked_for() -> None:
    made = plans.plan([lifecycle.release("pot", "asked")], mode="destroy", keep_rows=True)
    assert "released to the tenant's own people, as --keep-rows asks" in text(made)


def test_what_uses_a_row_is_counted() -> None:
    (first, second, _) = lifecycle.in_use()
    names = Names(plans.plan())
    assert explanation([first], names, visible) == (
        "214 rows of entities and 3 of entity_relationships use it, so it cannot be retired."
    )
    alone = text(plans.plan(conflicts=[first]))
    assert "in_use 214 rows of entities and 3 of entity_relationships use it" in alone
    both = render(plans.plan(conflicts=[first, second]), "markdown")
    assert (
        "- **in_use** `entity_type.cheque` (214 rows of `entities` and 3 of "
        "`entity_relationships`), `entity_type.giro` (1 row of `entities`): Rows"
    ) in both


def test_uses_in_several_targets_are_added_up() -> None:
    two = [plans.target("acme"), plans.target("bolt")]
    conflicts = [
        InUse(address=BUDGET, target=f"org_{slug}", uses={"entities": number})
        for slug, number in (("acme", 3), ("bolt", 4))
    ]
    made = text(plans.plan(conflicts=conflicts, targets=two))
    assert "7 rows of entities use it" in made
    assert "in_use, in bolt, 4 rows of entities" in made


@pytest.mark.parametrize(
    ("note", "flag"),
    [
        (DeletedByTenant(address=BUDGET, targets=(plans.ACME,)), "--restore entity_type.budget"),
        (Released(address=BUDGET, targets=(plans.ACME,)), "--adopt entity_type.budget"),
        (
            DanglingOwner(address=BUDGET, targets=(plans.ACME,), owner="agent_x"),
            "--take entity_type.budget",
        ),
        (Orphaned(address=BUDGET, targets=(plans.ACME,)), "--prune"),
        (KeptEdit(address=BUDGET, targets=(plans.ACME,), column="name"), "--show-drift"),
    ],
)
def test_notes_say_the_flag_that_does_otherwise(note: Note, flag: str) -> None:
    assert f": {flag} (" in text(plans.plan(notes=[note]))
    assert f": `{flag}` — " in render(plans.plan(notes=[note]), "markdown")
    # Where it would do nothing, or was given, it is not offered.
    assert flag not in text(plans.plan(notes=[note], mode="undo", revision=3))
    given = text(plans.plan(notes=[note], prune=True, show_drift=True))
    assert (flag in given) == (flag not in ("--prune", "--show-drift"))


@pytest.mark.parametrize("action", ["skip", "restore", "release"])
def test_a_flag_without_a_use_says_what_it_missed(action: str) -> None:
    note = NeedlessFlag(address=BUDGET, targets=(plans.ACME,), action=action)
    said = {"skip": "no conflict", "restore": "no retired row", "release": "no row there"}
    assert f"(--{action}: {said[action]}" in text(plans.plan(notes=[note]))


def test_many_rows_of_one_reason_get_one_flag() -> None:
    conflicts = [plans.user_authored(f"t{number}") for number in range(9)]
    shown = render(plans.plan(conflicts=conflicts), "text")
    assert "All 9 at once:     --adopt 'entity_type.*:user_authored'\n" in shown
    assert "All 9 at once:     --skip 'entity_type.*:user_authored'\n" in shown
    assert "--skip entity_type.t2\n" in shown
    assert "--skip entity_type.t3" not in shown
    assert "; and so on for 6 more)" in shown


def test_one_flag_for_all_is_offered_once_and_counts_all() -> None:
    conflicts = [
        plans.user_authored(f"{who}{number}", plans.ANA.model_copy(update={"user_id": who}))
        for who in ("ana", "ben")
        for number in range(5)
    ]
    shown = render(plans.plan(conflicts=conflicts), "text")
    assert len(re.findall(r"All 10 at once: +--adopt 'entity_type.\*:user_authored'\n", shown)) == 1
    for conflict in conflicts[5:]:
        assert f"--skip {conflict.address}" in shown


def test_one_row_gets_no_flag_for_all() -> None:
    assert "at once" not in text(plans.plan(conflicts=[plans.user_authored()]))


def test_a_rename_is_declared_in_toml() -> None:
    note = LikelyRename(
        address=Address("entity_type.bank_account"),
        targets=(plans.ACME,),
        source=Address.of("entity_type", ('"a\\',)),
    )
    made = plans.plan(notes=[note, note.model_copy(update={"address": BUDGET})])
    [declared] = re.findall(r"```toml\n(.*?)```", render(made, "markdown"), re.DOTALL)
    assert tomllib.loads(declared) == {
        "moved": [
            {"from": note.source, "to": note.address},
            {"from": note.source, "to": BUDGET},
        ]
    }
    shown = render(made, "text")
    assert '\n          [[moved]]\n          from = "entity_type.%22a%5C"\n' in shown
    assert "Left alone" not in shown


def test_drift_says_each_side_once() -> None:
    shown = text(lifecycle.refreshed())
    assert "Drift: 4 columns of 2 rows. Nothing to apply." in shown
    assert "in the target + /properties/nick {} in the template as last applied" in shown
    # The kept edit is told by the drift, and not again.
    assert "Left alone" not in shown
    assert "| all |" not in render(lifecycle.refreshed(), "markdown")


def test_an_edit_that_the_drift_tells_only_in_some_targets_is_still_noted() -> None:
    two = [plans.target("acme"), plans.target("bolt")]
    note = KeptEdit(address=BUDGET, targets=("org_acme", "org_bolt"), column="name")
    drift = [
        Drift(
            address=BUDGET,
            targets=(f"org_{slug}",),
            column="name",
            base="a",
            ours=slug,
            theirs="a",
            then="kept",
        )
        for slug in ("acme", "bolt")
    ]
    assert "Left alone" in text(plans.plan(targets=two, notes=[note], drift=drift[:1]))
    assert "Left alone" not in text(plans.plan(targets=two, notes=[note], drift=drift))


def test_much_drift_is_counted_unless_all_is_asked_for() -> None:
    drift = [
        Drift(
            address=Address(f"entity_type.t{number}"),
            targets=(plans.ACME,),
            column="name",
            base="a",
            ours="b",
            theirs="a",
            then="kept",
        )
        for number in range(60)
    ]
    made = plans.plan(drift=drift, mode="refresh")
    assert "… 10 more (--verbose shows all)" in render(made, "text")
    assert 'entity_type "t59"' in render(made, "text", verbose=True)


@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_hostile_reaches_the_terminal(verbose: bool) -> None:
    shown = render(hostile_lifecycle(), "text", verbose=verbose)
    assert all(visible(line) == line for line in shown.split("\n"))
    assert not re.search(r"^\s*Error:", shown, re.MULTILINE)
