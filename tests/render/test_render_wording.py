"""What is said of a row or of several: who decided it, what it undoes, and each thing once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.change import Change, FieldChange
from reconciler.model.conflict import InUse, MissingReference
from reconciler.model.note import Action, DeletedByTenant, Held, KeptEdit, Orphaned
from reconciler.model.plan import Plan
from reconciler.model.request import Resolution
from reconciler.model.value import Ref
from reconciler.render import Format, render
from tests.fixtures import lifecycle, plans

BUDGET = Address("entity_type.budget")
AGENT = Address("agent.agent_pf")


def text(made: Plan) -> str:
    """The plan as it is shown in a terminal, without its line breaks."""
    return " ".join(render(made, "text").split())


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_all_rows_of_a_note_get_a_flag_and_each_kind_a_pattern(form: Format) -> None:
    names = ["entity_type.a%d", "relationship_type.b%d"]
    addresses = [name % number for name in names for number in range(6)] + ["view_template.c"]
    notes = [DeletedByTenant(address=Address(one), targets=(plans.ACME,)) for one in addresses]
    shown = " ".join(render(plans.plan(notes=notes), form).split())
    for kind in ("entity_type", "relationship_type"):
        assert shown.count(f"--restore '{kind}.*:deleted_by_tenant'") == 1
    assert "--restore view_template.c" in shown
    assert "'view_template.*" not in shown
    assert shown.count("All 6 at once") == 2
    assert len(re.findall(r"--restore \w+\.\w+", shown)) == 4
    assert "the same rows, where they still exist; and so on for 9 more" in shown


def test_what_is_not_listed_gets_a_flag_too() -> None:
    kinds = [f"kind_{number}.a" for number in range(7)]
    notes = [DeletedByTenant(address=Address(one), targets=(plans.ACME,)) for one in kinds]
    shown = text(plans.plan(notes=notes))
    assert all(f"--restore {one}" in shown for one in kinds)
    assert "at once" not in shown


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        ({"entities": 1}, "1 row of entities uses it"),
        ({"entities": 2}, "2 rows of entities use it"),
    ],
)
def test_rows_use_and_a_row_uses(uses: dict[str, int], said: str) -> None:
    assert f"{said}, so it" in text(
        plans.plan(conflicts=[InUse(address=BUDGET, target=plans.ACME, uses=uses)])
    )


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("mode", ["destroy", "release", "undo"])
def test_a_plan_without_the_templates_rows_does_not_count_them(mode: str, form: Format) -> None:
    shown = render(plans.plan(mode=mode), form)
    assert "fingerprint" not in shown
    assert "rows, " not in shown
    assert "fingerprint" in render(plans.plan(), form)


@pytest.mark.parametrize("mode", ["destroy", "release", "undo", "refresh"])
def test_who_has_no_agent_is_not_linked(mode: str) -> None:
    unlinked = plans.target("acme").model_copy(update={"agent_id": None})
    never = plans.target("bolt", installed=False)
    lines = render(plans.plan(targets=[unlinked, never], mode=mode), "text").splitlines()
    assert "Targets   acme (org_acme): not linked to it any more" in lines
    assert "          bolt (org_bolt): not linked to it" in lines
    assert "not linked to it" in render(plans.fleet().model_copy(
        update={"request": plans.fleet().request.model_copy(update={"mode": mode})}
    ), "text")  # fmt: skip


def decided(address: Address, action: Action = "restore") -> Resolution:
    return Resolution(action=action, address=address, chosen_by="ana@acme.test")


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        (lifecycle.restore("stamp"), {}, "comes back: the row that was retired"),
        (
            lifecycle.restore("stamp"),
            {"resolutions": [decided(Address("entity_type.stamp"))]},
            "comes back as ana@acme.test decided: the row that was retired",
        ),
        (
            lifecycle.restore("stamp"),
            {"mode": "undo", "revision": 3},
            "comes back: retiring it is undone",
        ),
        (
            lifecycle.restore("x").model_copy(update={"address": AGENT}),
            {},
            "linked again",
        ),
        (
            lifecycle.restore("x").model_copy(update={"address": AGENT}),
            {"mode": "undo", "revision": 3},
            "linked again: unlinking it is undone",
        ),
        (
            plans.adopt(),
            {"mode": "undo", "revision": 3},
            "taken over from the tenant's own people: releasing it is undone, 1 field",
        ),
        (
            lifecycle.retire("stamp"),
            {"mode": "undo", "revision": 3},
            "retired: bringing it back is undone",
        ),
        (
            plans.create(),
            {"resolutions": [decided(Address("entity_type.allowance_window"))]},
            'new as ana@acme.test decided, "Allowance window", 7 properties',
        ),
        (
            plans.create(),
            {"resolutions": [decided(Address("entity_type.allowance_window"), "skip")]},
            'new, "Allowance window", 7 properties',
        ),
    ],
)
def test_a_change_says_why(change: Change, asked: dict[str, Any], said: str) -> None:
    made = plans.plan([change], **asked)
    [line] = re.findall(r"^ *[+<-]+ \S.*$", render(made, "text"), re.MULTILINE)[:1]
    assert line.endswith(f"   {said}")


def test_a_local_edit_is_said_once() -> None:
    edited = plans.description(drift=True)
    shown = render(plans.plan([plans.update(edited)]), "text")
    assert shown.count("overwrites a local edit") == 1
    assert "   1 field\n" in shown
    shown = render(plans.plan([plans.update(edited, plans.schema_change())]), "text")
    assert "   2 fields, overwrites a local edit\n" in shown
    other = plans.schema_change().model_copy(update={"drift": True})
    shown = render(plans.plan([plans.update(edited, other)]), "text")
    assert "   2 fields, overwrites 2 local edits\n" in shown
    twice = render(plans.plan([plans.update(edited)]), "markdown")
    assert "overwrites a local edit of `description`" in twice


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_agent_that_is_linked_to_no_template_has_no_name(form: Format) -> None:
    theirs = Ref(ref=Address("agent."))
    field = FieldChange(column="agent_id", before=theirs, after=Ref(ref=AGENT))
    shown = render(
        plans.plan([plans.update(field), plans.create(agent_id=theirs)], [
            MissingReference(
                address=BUDGET, target=plans.ACME, column="agent_id", refers_to=theirs.ref
            )
        ]),
        form,
    )  # fmt: skip
    assert "agent_id   an agent of the tenant's own -> agent.agent_pf" in shown
    assert shown.count("an agent of the tenant's own") == 3


def test_edits_that_are_kept_stand_with_their_row() -> None:
    columns = ["name", "description", "icon", "color", "weight"]
    notes = [KeptEdit(address=BUDGET, targets=(plans.ACME,), column=one) for one in columns]
    notes.append(KeptEdit(address=AGENT, targets=(plans.ACME,), column="name"))
    said = 'entity_type "budget" (name, description, icon, …); agent "agent_pf" (name)'
    assert f"6 fields edited by the tenant and kept: {said}" in text(plans.plan(notes=notes))
    verbose = render(plans.plan(notes=notes), "text", verbose=True)
    assert f"({', '.join(columns)})" in " ".join(verbose.split())


def test_two_versions_of_one_number_are_told_apart() -> None:
    version = Address("watcher_version.budget/2")
    held = Held(
        address=Address("watcher.budget"),
        targets=(plans.ACME,),
        column="current_version_id",
        refers_to=version,
        stays=Ref(ref=version, own=True),
    )
    assert (
        "current_version_id: the tenant's own version 2 stays, the template's version 2 was not "
        "placed"
    ) in text(plans.plan(notes=[held]))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["watcher_version.budget/2"], None),
        (["watcher_version.budget/2", "watcher.budget"], "Retire it: --prune"),
        (["entity_type.a", "watcher.budget"], "Retire them: --prune"),
    ],
)
def test_versions_are_not_pruned(rows: list[str], said: str | None) -> None:
    notes = [Orphaned(address=Address(one), targets=(plans.ACME,)) for one in rows]
    shown = text(plans.plan(notes=notes))
    assert said in shown if said else "--prune" not in shown
