"""What does not fit together in kinds with versions, flags and tables that they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import kinds, library
from reconciler.errors import KindError, NotInitialisedError, SchemaMismatchError
from tests.fixtures.world import World

HEAD = 'title = "t"\nid = "id"\nscope = "organization_id"\nkey = ["slug"]\n'
OWNED = 'owner = { agent = "managed_by", organization = "managed_org" }\n'
PAGE = f'kind = "page"\ntable = "pages"\n{HEAD}{OWNED}[columns]\nname = {{}}\n'
EDITION = """kind = "edition"
title = "edition"
table = "editions"
id = "id"
parent = { kind = "page", column = "page_id" }
key = ["number"]
history = "current"
"""


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.toml").write_text(text)
    return directory


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"page": PAGE, "edition": EDITION}, "no column references this kind"),
        ({"page": PAGE, "twin": PAGE.replace('"page"', '"twin"')}, "has the rows of kind 'page'"),
        (
            {"page": PAGE + 'now = { references = "page", flag = "is_now" }\n'},
            "'page' is no history of this kind",
        ),
        (
            {
                "page": PAGE + 'now = { references = "edition", flag = "number" }\n',
                "edition": EDITION,
            },
            "'number' is a column that 'edition' lists, too",
        ),
        (
            {
                "page": PAGE.replace("[columns]", 'optional = ["now"]\n[columns]')
                + 'now = { references = "edition", flag = "is_now" }\n',
                "edition": EDITION,
            },
            "no column, but a flag",
        ),
        (
            {"page": PAGE.replace("{}", "{ sensitive = true }\n[next_run]\nat = 'name'")},
            "is sensitive, so it cannot be read",
        ),
        (
            {
                "page": PAGE,
                "note": PAGE.replace('"page"', '"note"').replace('"pages"', '"notes"').replace(
                    'scope = "organization_id"',
                    'parent = { kind = "page", column = "a", by_key = "b" }\n'
                    'scope = "organization_id"',
                ),
            },
            "never written can be found by it",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_said(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(KindError) as caught:
        kinds.load(write(tmp_path, **files))
    assert said in caught.value.message


TABLES = """
CREATE TABLE pages (id serial PRIMARY KEY, organization_id text NOT NULL, slug text, name text,
    now_id int{null});
CREATE TABLE editions (id serial PRIMARY KEY, page_id int, number text, is_now {flag});
"""


@pytest.mark.parametrize(
    ("null", "flag", "column", "said"),
    [
        (" NOT NULL DEFAULT 0", "boolean", 'now_id = {{ references = "edition" }}', "NOT NULL"),
        ("", "text", 'now = {{ references = "edition", flag = "is_now" }}', "no boolean"),
    ],
)
def test_a_table_that_does_not_fit_is_said_before_anything_is_read(
    world: World, tmp_path: Path, null: str, flag: str, column: str, said: str
) -> None:
    world.sql(TABLES.format(null=null, flag=flag))
    write(tmp_path, page=PAGE + column.format() + "\n", edition=EDITION)
    library.init(world.dsn, kinds=tmp_path)
    world.kinds = tmp_path
    with pytest.raises(SchemaMismatchError, match=said):
        world.plan("birch")


def test_init_tracks_the_tables_of_kinds_of_ones_own(world: World, tmp_path: Path) -> None:
    world.sql(TABLES.format(null="", flag="boolean"))
    pointer = 'now_id = { references = "edition", owner = "shared" }\n'
    world.kinds = write(tmp_path, page=PAGE + pointer, edition=EDITION)
    with pytest.raises(NotInitialisedError, match="pages") as caught:
        world.plan("birch")
    assert "--kinds" in caught.value.hint
    assert 'ALTER TABLE IF EXISTS "public"."pages"' in library.init_script(kinds=tmp_path)
    assert library.init(world.dsn, kinds=tmp_path) == ["tracking columns on pages"]
    assert library.init(world.dsn, kinds=tmp_path) == []
    plan = world.plan("birch")
    assert not plan.conflicts
    # What it says to type names the kinds, too.
    assert plan.request.command()[-2:] == ["--kinds", str(tmp_path)]
