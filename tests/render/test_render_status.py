"""The status for a terminal: what is urgent is named, what is well is counted."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from reconciler.errors import Exit
from reconciler.model.snapshot import Organization
from reconciler.model.status import (
    Condition,
    InstallationStatus,
    Status,
    TemplateStatus,
    exit_code,
)
from reconciler.render import status
from tests.fixtures.hostile import HOSTILE

HOME = Organization(id="org_pf", slug="public-finance", name="Public", visibility="public")


def installation(slug: str, condition: str = "up_to_date", **more: Any) -> InstallationStatus:
    return InstallationStatus.model_validate(
        {
            "organization": Organization(
                id=f"org_{slug}", slug=slug, name=slug, visibility="private"
            ),
            "condition": condition,
            **more,
        }
    )


def of(*installations: InstallationStatus, **more: Any) -> Status:
    counts: dict[Any, int] = {}
    for one in installations:
        counts[one.condition] = counts.get(one.condition, 0) + 1
    template = TemplateStatus.model_validate(
        {
            "agent_id": "agent_pf",
            "name": "Personal Finance",
            "organization": HOME,
            "availability": "public",
            "rows": 158,
            "fingerprint": "ad18ae" + "0" * 58,
            "installations": installations,
            **more,
        }
    )
    return Status(installations=len(installations), counts=counts, templates=(template,))


def lines(told: Status, *, verbose: bool = False) -> list[str]:
    return status.render(told, color=False, width=100, verbose=verbose).splitlines()


def test_a_line_an_installation() -> None:
    numbers = {"drifted": 3, "overwritten": 1, "kept": 1, "tombstones": 2, "pins": 1}
    told = of(
        installation("acme", "behind", pending=3, revision=12, revised_at="2026-11-02T09:14:07Z"),
        installation("birch", "conflicts", conflicts=2, pending=1, revision=9, **numbers),
        installation("cedar"),
        installation("dune", "attention", orphaned=4, dangling=1, revision=2),
    )
    assert lines(told) == [
        "4 installations of 1 template: 1 up to date, 1 behind, 1 with conflicts, 1 to look at",
        "",
        "Personal Finance (agent_pf) in org public-finance, 158 rows, fingerprint ad18ae…",
        "  ~ acme   behind by 3 rows              revision 12, 2026-11-02",
        "  ! birch  2 conflicts, behind by 1 row  revision 9, 3 drifted (1 to be overwritten, "
        "1 kept), 2 deleted by the tenant, 1 released",
        "    cedar  up to date                    no revision",
        "  ? dune   up to date, rows to look at   revision 2, 4 orphaned, "
        "1 with an owner that is gone",
    ]


@pytest.mark.parametrize("condition", get_args(Condition))
def test_every_condition_has_its_words(condition: Condition) -> None:
    told = of(installation("acme", condition), fingerprint=None, rows=None)
    first, *_, line = lines(told)
    assert first.startswith("1 installation of 1 template: 1 ")
    assert line[4:].startswith("acme ")
    codes = {
        "failed": Exit.ERROR, "conflicts": Exit.CONFLICTS, "up_to_date": Exit.DONE,
        "private": Exit.DONE, "refused": Exit.DONE,
    }  # fmt: skip
    assert exit_code({condition: 1}) == codes.get(condition, Exit.CHANGES)
    assert exit_code({condition: 1, "up_to_date": 9}) == exit_code({condition: 1})


def test_what_is_urgent_comes_first_in_the_exit_code() -> None:
    assert exit_code({"failed": 1, "conflicts": 1, "behind": 1}) == Exit.ERROR
    assert exit_code({"conflicts": 1, "behind": 1}) == Exit.CONFLICTS
    assert exit_code({}) == Exit.DONE


def test_of_thousands_that_are_up_to_date_most_are_counted() -> None:
    well = [installation(f"o{number:04}") for number in range(402)]
    told = of(*well, installation("z", "behind", pending=1))
    shown = lines(told)
    assert shown[0] == "403 installations of 1 template: 402 up to date, 1 behind"
    assert len(shown) == 3 + status.LISTED + 1 + 1
    assert shown[-2].startswith("  ~ z ")
    assert shown[-1] == "    … 382 more up to date (--verbose lists them)"
    assert len(lines(told, verbose=True)) == 3 + 403
    behind = of(*(installation(f"o{n}", "behind", pending=1) for n in range(status.URGENT + 7)))
    assert lines(behind)[-1] == "    … 7 more that are not (--verbose lists them)"


def test_nothing_is_installed() -> None:
    assert lines(Status()) == ["Nothing is installed."]


def test_a_template_that_cannot_be_compared() -> None:
    told = of(installation("acme", "failed"), availability="private", why="a\x1b[2J row is broken")
    assert "private" in lines(told)[2]
    assert lines(told)[3].strip() == "It cannot be compared: a\\x1b[2J row is broken"
    gone = lines(of(installation("acme", "gone", rows=3), availability="gone"))
    assert "which no longer exists" in gone[2]
    assert "template gone, 3 rows left" in gone[3]
    chained = of(installation("a", "refused"), availability="installed", installed_from="agent_x")
    assert "itself installed from agent_x" in lines(chained)[2]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless(text: str) -> None:
    home = HOME.model_copy(update={"slug": text})
    told = of(
        installation(text, "behind", pending=1, revised_at=text),
        name=text, agent_id=text, organization=home, why=text, fingerprint=text,
    )  # fmt: skip
    shown = lines(told)
    assert not any(
        ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u202e\u2066\u200b"
        for line in shown
        for character in line
    )
    assert len(status.render(told, color=True, width=60, verbose=True).splitlines()) >= 4
