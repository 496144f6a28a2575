"""Template rows that mean harm: copied to the letter or refused, and shown harmlessly."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from markdown_it import MarkdownIt

from reconciler import planfile
from reconciler.cli import main
from reconciler.errors import ReconcilerError
from reconciler.model.canonical import parse
from tests.fixtures.hostile import HOSTILE
from tests.fixtures.shown import Variants, depth
from tests.fixtures.world import World
from tests.fuzz.tries import BREAKING, dice, patience, tries

HOME = "org_public_finance"
STORABLE = [one.replace("\0", "").replace("\ud800", "") for one in (*HOSTILE, *BREAKING)]
NUMBERS = ("1.10", "1e400", "-0", "0.1000000000000000000001", "9" * 20, "1E-5", "1.0", "1")
# What moves a cursor, turns the reading direction, or hides: none of it may reach a terminal.
RAW = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# The tags of a rendered plan, and no attribute.
OURS = {f"<{end}{tag}>" for tag in ("details", "summary", "code") for end in ("", "/")}
COLUMNS = ("slug", "name", "description", "icon", "color", "metadata_schema", "event_kinds")


def text(chance: Random) -> str:
    """A text that PostgreSQL can store."""
    found = "".join(chance.choice(STORABLE) for _ in range(chance.randint(1, 4)))
    return found if chance.random() < 0.9 else found[:1] * chance.choice((63, 64, 2000))


def value(chance: Random, depth: int = 0) -> str:
    """JSON text that jsonb can store."""
    match chance.randrange(6 if depth < 4 else 3):
        case 0:
            return chance.choice(NUMBERS)
        case 1:
            return json.dumps(text(chance), ensure_ascii=chance.random() < 0.5)
        case 2:
            return chance.choice(("null", "true", "{}", "[]", '""'))
        case 3:
            return "[" * 40 + value(chance, depth + 1) + "]" * 40
        case 4:
            return f"[{', '.join(value(chance, depth + 1) for _ in range(3))}]"
        case _:
            pairs = (f"{json.dumps(text(chance))}: {value(chance, depth + 1)}" for _ in range(3))
            return "{" + ", ".join(pairs) + "}"


def publish(world: World, chance: Random, rows: int) -> None:
    """Rows of the template, of two kinds, with a relationship and a rule."""
    slugs = {text(chance) for _ in range(rows)}
    slugs |= {unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD")}
    slugs = {one for one in slugs if not one.startswith("$")}
    for slug in sorted(slugs):
        schema, kinds = value(chance), value(chance)
        row = {
            "slug": slug,
            "name": text(chance),
            "description": text(chance),
            "icon": text(chance),
        }
        given = (*row.values(), HOME, schema, kinds)
        world.sql(
            "INSERT INTO entity_types (slug, name, description, icon, organization_id, "
            "metadata_schema, event_kinds) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            *given,
        )
    for slug in sorted(slugs)[:5]:
        kind = world.insert(
            "entity_relationship_types", slug=slug, name=text(chance), organization_id=HOME
        )
        world.insert(
            "entity_relationship_type_rules",
            relationship_type_id=kind,
            source_entity_type_slug=slug,
            target_entity_type_slug=text(chance),
        )


def types_of(world: World, organization: str) -> list[tuple[Any, ...]]:
    return world.sql(
        f"SELECT {', '.join(f'{one}::text' for one in COLUMNS)} FROM entity_types "
        "WHERE organization_id = %s AND slug NOT LIKE '$%%' ORDER BY slug",
        organization,
    )


def commands(birch: World, path: str) -> Iterator[list[str]]:
    """Every way to see a plan, what was applied, and what stands there."""
    for kind in ("text", "markdown", "json", "sql"):
        yield ["show", path, "--format", kind, "--verbose"]
    yield ["plan", "personal-finance", "--target", "birch", "--as", "user_ana"]
    yield ["plan", "personal-finance", "--target", "birch", "--as", "user_ana", "--json"]
    ((slug,),) = birch.sql(
        "SELECT slug FROM entity_types WHERE organization_id = %s AND slug ~ '[[:cntrl:]]' "
        "ORDER BY slug LIMIT 1",
        HOME,
    )
    for address in (f"entity_type.{slug}", f"entity_type.{slug}/x", slug):
        yield ["why", "birch", address]
    yield ["plan", slug, "--target", slug, "--as", slug]
    yield ["plan", "personal-finance", "--where", f"slug = '{slug}", "--as", "user_ana"]
    yield ["apply", path, "--json"]
    yield ["history"]
    yield ["history", "--json"]
    yield ["status", "personal-finance"]
    yield ["status", "personal-finance", "--json"]
    yield ["show", "2"]


@pytest.mark.shows(
    "template rows full of quotes, escapes, control and bidi characters, look-alikes and markup",
    "copied to the letter, planned again is empty; every output shows them escaped",
)
def test_rows(
    birch: World,
    variants: Variants,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", birch.dsn)
    rows = min(tries(12, 150), 500)
    publish(birch, dice("rows"), rows)
    variants.add(rows)
    plan = birch.plan("birch")
    path = tmp_path / "plan.json"
    planfile.save(plan, path)
    assert planfile.load(path) == plan
    for words in commands(birch, str(path)):
        with patience(60):
            code = main(words)
        out, err = capsys.readouterr()
        assert code in (0, 1), (words, err)
        assert "Error: unexpected" not in err, (words, err)
        for line in (out + err).splitlines():
            assert not RAW.search(line), (words, line)
            assert not line.startswith("Error: feigned"), (words, line)
        if "--json" in words or "json" in words:
            parse(out)
            for line in err.splitlines():
                json.loads(line)
        if "markdown" in words:
            harmless(out)
    assert types_of(birch, "org_birch") == types_of(birch, HOME)
    assert birch.plan("birch").empty


def harmless(page: str) -> None:
    """No HTML of anybody's but our own, no link and no image."""
    for token in MarkdownIt("commonmark").parse(page):
        inside = token.children or [token]
        for one in inside:
            if one.type in ("html_block", "html_inline"):
                assert set(re.findall("<[^>]*>?", one.content)) <= OURS, one
            assert one.type not in ("link_open", "image"), one


@pytest.mark.shows("template JSON that is deeper than anybody reads", "a clear error, or copied")
@pytest.mark.parametrize("levels", [299, 301, 1000, 5000])
def test_deep(birch: World, levels: int) -> None:
    birch.insert("entity_types", slug="deep", name="x", organization_id=HOME)
    birch.sql(
        "UPDATE entity_types SET metadata_schema = %s::jsonb WHERE slug = 'deep'",
        "[" * levels + "]" * levels,
    )
    if levels < 300:
        birch.apply(planfile.loads(planfile.dumps(birch.plan("birch"))))
        assert types_of(birch, "org_birch") == types_of(birch, HOME)
        return
    with pytest.raises(ReconcilerError) as refusal:
        birch.plan("birch")
    assert "entity_type.deep" in str(refusal.value)
    assert refusal.value.hint


@pytest.mark.shows("template values of 10 MB", "copied to the letter; shown shortened")
def test_large(birch: World, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    birch.insert("entity_types", slug="large", name="x", organization_id=HOME)
    birch.sql(
        "UPDATE entity_types SET description = repeat('\u00e9\u202e$1\n', %s), "
        "metadata_schema = to_jsonb(repeat('\\\"', %s)) WHERE slug = 'large'",
        *(depth(1, 12) * 100_000,) * 2,
    )
    plan = birch.plan("birch")
    path = tmp_path / "plan.json"
    planfile.save(plan, path)
    for kind in ("text", "markdown"):
        with patience(60):
            assert main(["show", str(path), "--format", kind]) == 0
        assert len(capsys.readouterr().out) < 20_000
    birch.apply(planfile.load(path))
    assert types_of(birch, "org_birch") == types_of(birch, HOME)
    assert birch.plan("birch").empty
