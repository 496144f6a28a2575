"""A vocabulary for a terminal and for a page."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from markdown_it import MarkdownIt

from reconciler.model.snapshot import Organization
from reconciler.model.vocabulary import (
    ClosedCatalog,
    EntityType,
    LostTemplate,
    PathEntry,
    RelationshipType,
    Rule,
    Shadow,
    Unresolved,
    Vocabulary,
)
from reconciler.render import vocabulary
from tests.fixtures.hostile import HOSTILE


def organization(slug: str, visibility: str = "public") -> Organization:
    return Organization(id=f"org_{slug}", slug=slug, name=slug, visibility=visibility)


ACME, PUBLIC, CLOSED = organization("acme", "private"), organization("public"), organization("old")


def answer(text: str = "", **more: Any) -> Vocabulary:
    """A vocabulary with everything in it, in which every text is this one."""
    home, catalog = (organization(text) if text else one for one in (ACME, PUBLIC))

    def said(word: str) -> str:
        return text or word

    agents = (said("agent_1"), said("agent_2"))
    return Vocabulary(
        name=said("acme"),
        organization=home,
        path=(
            PathEntry(organization=home, public=False),
            PathEntry(organization=catalog, agents=agents[:1], public=True),
            PathEntry(organization=CLOSED, agents=agents, public=False),
        ),
        entries=(
            EntityType(
                slug=said("account"), name=said("Account"), id="7", organization=home,
                shadows=(
                    Shadow(id="9", name=said("x"), organization=catalog, agents=agents[:1]),
                ),
            ),
            EntityType(
                slug=said("tax"), name=said("tax"), id="8", organization=catalog, agents=agents[:1]
            ),
            RelationshipType(
                slug=said("owns"), name=said("owns"), id="3", organization=catalog,
                agents=agents[:1], inverse=said("owned_by"),
                rules=(Rule(source=said("person"), target=said("account")),),
            ),
        ),
        dangling=(
            LostTemplate(template_entity_id="12", why="missing", agents=agents[1:]),
            ClosedCatalog(organization=CLOSED, agents=agents),
            Unresolved(
                kind="entity_type", id="4", slug=said("old"), organization=CLOSED, why="closed",
                rows=7, few=("1", "2"),
            ),
        ),
    ).model_copy(update=more)  # fmt: skip


def shown(found: Vocabulary) -> list[str]:
    return vocabulary.text(found, color=False, width=100).splitlines()


def test_what_each_slug_means_and_where_it_is_from() -> None:
    assert shown(answer()) == [
        "acme (org_acme): 2 entity types, 1 relationship type, 1 shadowed, 3 dangling",
        "",
        "  Search path:",
        "    1  acme, its own",
        "    2  public, through agent_1",
        "  ! 3  old, through agent_1 and agent_2 (not read)",
        "",
        "  Entity types:",
        "      account  acme, its own; Account",
        "               shadows public, through agent_1 (id 9)",
        "      tax      public, through agent_1",
        "",
        "  Relationship types:",
        "      owns  public, through agent_1; inverse owned_by, person to account",
        "",
        "  Dangling, which is no failure of this command:",
        "  !   template entity 12 does not exist (any more), so agent_2 reads no catalog through "
        "it",
        "  !   catalog old is no public catalog any more, so it is not read: named through agent_1 "
        "and",
        "        agent_2",
        "  !   7 entities of entity_type old (id 4), in old, which is no public catalog any more: "
        "1, 2, …",
    ]


def test_a_page_says_the_same() -> None:
    page = vocabulary.markdown(answer(agent="agent_1"))
    assert page.splitlines()[:3] == [
        "# Vocabulary of `agent_1` in `acme` (`org_acme`)",
        "",
        "2 entity types, 1 relationship type, 1 shadowed, 3 dangling.",
    ]
    assert (
        "| `account` | `acme`, its own | `Account` | `public`, through `agent_1` (id `9`) |" in page
    )
    assert "- template entity `12` does not exist (any more), so `agent_2` reads no" in page


def test_an_organisation_without_any() -> None:
    found = answer(path=answer().path[:1], entries=(), dangling=())
    assert shown(found) == [
        "acme (org_acme): 0 entity types, 0 relationship types",
        "",
        "  Search path:",
        "    1  acme, its own",
    ]
    assert vocabulary.markdown(found).endswith("1. `acme`, its own\n")


def test_of_many_agents_a_few_are_named() -> None:
    agents = tuple(f"agent_{number}" for number in range(9))
    path = (answer().path[0], PathEntry(organization=PUBLIC, agents=agents, public=True))
    assert "public, through agent_0, agent_1, agent_2 and 6 more" in shown(answer(path=path))[4]


@pytest.mark.parametrize("why", get_args(LostTemplate.model_fields["why"].annotation))
def test_every_reason_of_a_lost_template_has_its_words(why: Any) -> None:
    home = None if why == "missing" else PUBLIC
    lost = LostTemplate(template_entity_id="12", why=why, agents=("a", "b"), organization=home)
    line = " ".join(shown(answer(dangling=(lost,), entries=()))[8:])
    assert line.startswith("  !   template entity 12 ")
    assert ("of organisation public" in line) == (why != "missing")
    assert "so a and b read no" in line


@pytest.mark.parametrize("why", get_args(Unresolved.model_fields["why"].annotation))
@pytest.mark.parametrize("kind", get_args(Unresolved.model_fields["kind"].annotation))
def test_every_reason_of_an_unresolved_type_has_its_words(kind: Any, why: Any) -> None:
    home = None if why == "gone" else PUBLIC
    lost = Unresolved(
        kind=kind, id="4", slug=home and "tax", organization=home, why=why, rows=1, few=("1",)
    )
    line = " ".join(shown(answer(dangling=(lost,), entries=()))[-2:])
    one = "1 entity of" if kind == "entity_type" else "1 relationship of"
    assert f"!   {one} {kind} {'tax ' if home else ''}(id 4), " in line
    assert ("in public" in line) == (why != "gone")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless(text: str) -> None:
    found = answer(text)
    page = vocabulary.markdown(found)
    for line in (*vocabulary.text(found, color=False, width=60).split("\n"), *page.split("\n")):
        assert not any(
            ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u202e\u2066\u200b"
            for character in line
        )
    told = MarkdownIt().enable("table").parse(page)
    tokens = [one for token in told for one in (token, *(token.children or ()))]
    known = {"code", "/code"}
    for one in tokens:
        assert one.type not in (
            "link_open",
            "image",
            "em_open",
            "strong_open",
            "fence",
            "html_block",
        )
        assert one.type != "html_inline" or one.content.strip("<>") in known
    headings = [one for one in told if one.type == "heading_open"]
    rows = [one for one in told if one.type == "tr_open"]
    assert (len(headings), len(rows)) == (5, 5)
