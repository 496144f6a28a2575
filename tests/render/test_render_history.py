"""The table of revisions: aligned, harmless, and no wider than the terminal."""

from __future__ import annotations

import re
import sys

import pytest

from reconciler.cli import streams
from reconciler.model.revision import Revision
from reconciler.model.snapshot import Actor
from reconciler.render import history


def revision(number: int = 12, **more: object) -> Revision:
    return Revision.model_validate(
        {
            "number": number,
            "plan_id": "0" * 64,
            "applied_at": "2026-11-02T09:14:07Z",
            "what": "sync",
            "template_agent_id": "agent_pf",
            "template_name": "Personal Finance",
            "template_organization_id": "org_public_finance",
            "template_organization_slug": "public-finance",
            "actor": Actor(mode="member", user_id="user_ana", label="ana@acme.test"),
            "database_role": "app",
            "targets": 1,
            "counts": {"entity_type": {"create": 3, "update": 1}, "watcher": {"update": 4}},
            **more,
        }
    )


def table(*revisions: Revision, width: int = 200, more: str = "") -> list[str]:
    text = history.render(revisions, target=None, more=more, width=width)
    assert text.endswith("\n")
    return text.splitlines()


PIPELINE = Actor(mode="operator", label="database role ci")


def test_each_revision_is_a_line_of_aligned_columns() -> None:
    undo = revision(100, what="undo", undoes=12, counts={"agent": {"retire": 2, "explode": 1}})
    undone = revision(undone_by=(100,), targets=412)
    pipeline = revision(9, what="install", actor=PIPELINE, database_role="ci", counts={})
    assert table(undo, undone, pipeline) == [
        "revision  when (UTC)        what                 template          targets"
        "  rows                  by",
        "     100  2026-11-02 09:14  undo of 12           Personal Finance        1"
        "  2 retired, 1 explode  ana@acme.test (role app)",
        "      12  2026-11-02 09:14  sync, undone by 100  Personal Finance      412"
        "  3 created, 5 updated  ana@acme.test (role app)",
        "       9  2026-11-02 09:14  install              Personal Finance        1"
        "                        database role ci, as operator",
    ]


@pytest.mark.parametrize("width", [100, 80, 72])
def test_a_line_is_no_wider_than_the_terminal(width: int) -> None:
    long = revision(
        template_name="Everything for everybody " * 3,
        actor=Actor(mode="member", user_id="u", label="a" * 80 + "@acme.test"),
        counts={"entity_type": dict.fromkeys(("create", "update", "adopt", "retire"), 10_000)},
    )
    heading, one, other = table(long, revision(), width=width)
    assert max(map(len, (heading, one, other))) <= width
    assert "…" in one
    # What would be another number or time if it were cut is not.
    assert one.startswith("      12  2026-11-02 09:14  sync  ")
    assert one.index("10000") == heading.index("rows")


def test_the_template_makes_room_for_the_rows_and_for_by_whom() -> None:
    one = revision(template_name="Everything for everybody " * 2)
    whole = table(one)[1]
    cut = table(one, width=len(whole) - 30)[1]
    assert '  "Everything for every…  ' in cut
    assert cut.endswith("3 created, 5 updated  ana@acme.test (role app)")


def test_without_a_terminal_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    one = revision(actor=Actor(mode="member", user_id="u", label="a" * 60 + "@acme.test"))
    line = table(one, width=streams.columns(sys.stdout))[1]
    assert line.endswith('@acme.test" (role app)')
    assert "…" not in line


def test_templates_of_the_same_name_are_told_apart() -> None:
    _, one, other = table(revision(), revision(template_agent_id="agent_other"))
    assert "Personal Finance (agent_pf)" in one
    assert "Personal Finance (agent_other)" in other


def test_hostile_text_is_harmless() -> None:
    nasty = 'x\x1b[2J\u202e\n  13  2026-01-01 00:00  "sync" `[red]'
    one = revision(
        template_name=nasty,
        template_agent_id=nasty,
        actor=Actor(mode="operator", label=nasty),
        database_role=nasty,
        counts={"kind": {nasty: 3}},
    )
    lines = table(one, more="reconcile history '\x1b[2J'")
    assert len(lines) == 4
    told = "\n".join([*lines, history.headline(one)])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)
    empty = history.render((), target=nasty, more="", width=100)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", empty)


def test_an_operator_is_called_by_the_role_once() -> None:
    assert history.who(revision(actor=PIPELINE, database_role="ci")) == (
        "database role ci, as operator"
    )
    assert history.who(revision(actor=PIPELINE, database_role="other")) == (
        "database role ci, as operator (role other)"
    )
    assert history.headline(revision(undone_by=(13, 15))) == (
        "Revision 12: sync, undone by 13, 15, applied 2026-11-02 09:14 UTC by ana@acme.test "
        "(role app)"
    )


def test_waves_of_one_plan_are_told_together() -> None:
    waves = [revision(number, part_of="3f9c1a" + "0" * 58) for number in (13, 12)]
    assert [line.count("wave of 3f9c1a  ") for line in table(*waves)] == [0, 1, 1]
