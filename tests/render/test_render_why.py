"""Whose a row is, for a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.snapshot import Author, Organization, RowOwner
from reconciler.model.value import Json
from reconciler.model.why import (
    ColumnStory,
    Placed,
    Planned,
    Reason,
    StandingRow,
    Touch,
    WayOut,
    Why,
)
from reconciler.render import rules
from reconciler.render.why import render
from tests.fixtures.hostile import HOSTILE
from tests.render.test_render_history import revision

ACME = Organization(id="org_acme", slug="acme", name="Acme", visibility="private")
OWNER = RowOwner(agent="agent_pf", organization="org_pf", name="Personal Finance", exists=True)


def answer(**more: Any) -> Why:
    return Why.model_validate(
        {
            "address": Address("entity_type.account"),
            "organization": ACME,
            "row": StandingRow(situation="live", id="12", owner=OWNER),
            "placed": Placed(state="placed", template_agent_id="agent_pf", since=2, last=12),
            "rule": rules.of_row("managed"),
            "revisions": (
                Touch(revision=revision(), action="update", address="entity_type.account",
                      columns=("name", "color")),
                Touch(revision=revision(9), action="move", address="entity_type.konto"),
            ),
            "columns": (
                ColumnStory(column="name", owner="template", known=("base", "target", "template"),
                            base="Account", target="Mine", template="Account",
                            because=rules.of_column("overwritten")),
                ColumnStory(column="color", owner="template", known=("target", "template"),
                            target=None, template="red", because=rules.of_column("two_ways")),
                ColumnStory(column="token", owner="template", known=("target", "template"),
                            sensitive=True, because=rules.of_column("two_ways")),
            ),
            "planned": (Planned(sort="change", what="update", says="2 fields"),
                        Planned(sort="conflict", what="edited_both", says="Both."),
                        Planned(sort="note", what="no_base", says="1 row")),
            "ways": (WayOut(title="Give it away", command="reconcile plan a --target b",
                            effect="it becomes the tenant's own"),
                     WayOut(title="Make room", effect="delete it, then plan again")),
            **more,
        }
    )  # fmt: skip


def shown(**more: Any) -> str:
    return render(answer(**more), color=False, width=100, verbose=False)


def test_all_that_is_known() -> None:
    assert shown().splitlines() == [
        'entity_type "account" in acme (org_acme)',
        "  Stands    live, id 12",
        "  Owner     the template agent Personal Finance (agent_pf) of organisation org_pf",
        "  Template  none has to do with it",
        "  Ledger    known since revision 2, last placed by revision 12",
        "  Rule      The template placed it: it is compared, column by column, and its values "
        "follow the",
        "            template.",
        "",
        "  Changed by:",
        "      12  2026-11-02 09:14 UTC  sync: updated (name, color), by ana@acme.test (role app)",
        '      9  2026-11-02 09:14 UTC  sync: renamed as entity_type "konto", by ana@acme.test '
        "(role app)",
        "",
        "  Columns that differ:",
        "      name: the tenant edited a column of the template's: the template's value comes back",
        '        as last applied   "Account"',
        '        in the target     "Mine"',
        "        in the template   as last applied",
        "      color: what was applied before is not known: the template's value arrives",
        "        in the target     NULL",
        '        in the template   "red"',
        "      token: what was applied before is not known: the template's value arrives",
        "        (sensitive: the values never leave the database)",
        "",
        "  A plan would now:",
        "      ~ update: 2 fields",
        "      ! edited_both: Both.",
        "      no_base: 1 row",
        "",
        "  To change it:",
        "      Give it away: (it becomes the tenant's own)",
        "        reconcile plan a --target b",
        "      Make room: delete it, then plan again",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"row": StandingRow(situation="absent")}, "not there (any more)"),
        ({"row": StandingRow(situation="absent"), "placed": None, "revisions": ()}, "not there\n"),
        ({"row": StandingRow(situation="dead", id="1")}, "retired, id 1"),
        ({"row": StandingRow(situation="detached", id="1")}, "belongs to is retired, id 1"),
        ({"row": StandingRow(situation="ambiguous")}, "several times"),
        ({"row": StandingRow(situation="live")}, "Owner     the tenant's own people\n"),
        (
            {"row": StandingRow(situation="live", author=Author(label="a@b", at="2026-10-02 1"))},
            "the tenant's own people, written by a@b on 2026-10-02",
        ),
        ({"row": StandingRow(situation="live", owner=RowOwner(agent="x"))}, "x, which no longer"),
        ({"placed": None}, "does not know it"),
        ({"planned": ()}, "leave it as it is"),
        ({"planned": (), "unplanned": "it is private"}, "No plan   it is private"),
        ({"more": True}, "older ones, which were not looked at"),
    ],
)
def test_what_else_can_be(more: dict[str, Any], said: str) -> None:
    assert said in shown(**more)


def test_long_values_are_cut_where_they_differ() -> None:
    both = ("x" * 300 + "1", "x" * 300 + "2")
    column = ColumnStory(
        column="description", owner="template", known=("target", "template"),
        target=both[0], template=both[1], because=rules.of_column("two_ways"),
    )  # fmt: skip
    *_, ours, theirs = [line for line in shown(columns=(column,)).splitlines() if "xx" in line]
    assert ours.endswith('1"')
    assert theirs.endswith('2"')


@pytest.mark.parametrize("text", [text.replace("\ud800", "").replace("\0", "") for text in HOSTILE])
def test_hostile_text_is_harmless(text: str) -> None:
    organization = ACME.model_copy(update={"slug": text, "id": text})
    column = ColumnStory(
        column=text, owner="template", known=("base", "target"), base=text,
        target=Json(text="[]"), because=Reason(rule="x", says="y"),
    )  # fmt: skip
    told = shown(
        address=Address.of("entity_type", (text,)),
        organization=organization,
        row=StandingRow(
            situation="live", id=text, owner=RowOwner(agent=text, organization=text, name=text),
            author=Author(label=text, at=text),
        ),
        columns=(column, column.model_copy(update={"known": ("base", "target", "template")})),
        revisions=(Touch(revision=revision(template_name=text, database_role=text), action=text,
                         address=Address.of("entity_type", (text,)), columns=(text,)),),
        ways=(WayOut(title="Give it", command=f"reconcile {text}", effect=text),),
        unplanned=text,
    )  # fmt: skip
    assert not any(
        ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u202e\u2066\u200b"
        for character in told.replace("\n", "")
    )
    assert not any(line.startswith(("Error", "#", "```")) for line in told.splitlines())
