"""Kind files: read in order, and every mistake said at once, with file and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from reconciler.errors import Exit, KindError
from reconciler.kinds import load
from reconciler.kinds.declaration import Declaration
from reconciler.kinds.order import deferred, draw, in_order, key_width
from reconciler.kinds.predicate import columns_of, parse_predicate
from reconciler.model.kind import Parent

GOOD = """
kind = "thing"
title = "thing"
table = "things"
id = "id"
scope = "organization_id"
key = ["slug"]
live = "deleted_at IS NULL"
owner = { agent = "managed_by", organization = "managed_org" }
[columns]
name = {}
[stamps]
write = { updated_at = "now" }
"""
CHILD = """
kind = "part"
title = "part"
table = "parts"
id = "id"
parent = { kind = "thing", column = "thing_id" }
key = ["slug"]
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Kind files in a directory: `write(thing=text)`."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def mistakes(directory: Path) -> str:
    with pytest.raises(KindError) as caught:
        load(directory)
    assert caught.value.exit_code == Exit.ERROR
    assert "kind.schema.json" in caught.value.hint
    return caught.value.message


def test_the_built_in_kinds_come_in_the_order_of_writing() -> None:
    kinds = load()
    assert [kind.name for kind in kinds] == [
        "agent", "entity_type", "relationship_type", "relationship_rule",
    ]  # fmt: skip
    named = {kind.name: kind for kind in kinds}
    assert [key_width(kind, named) for kind in kinds] == [1, 1, 1, 3]
    assert deferred(named["relationship_type"], kinds) == {"inverse_type_id"}
    assert deferred(named["relationship_rule"], kinds) == frozenset()
    assert "4. relationship_rule  in relationship_type" in draw(kinds)
    assert "-> relationship_type (second step)" in draw(kinds)


def test_the_built_in_files_are_what_the_published_schema_describes() -> None:
    schema = json.loads(Path("schemas/kind.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(Declaration.model_json_schema(by_alias=True)["properties"]) == set(
        schema["properties"]
    )


def test_system_rows_are_excluded_and_tracking_is_declared() -> None:
    named = {kind.name: kind for kind in load()}
    for name in ("entity_type", "relationship_type"):
        assert [(one.column, one.prefix) for one in named[name].exclude] == [("slug", "$")]
        owner = named[name].owner
        assert owner is not None
        assert owner.agent == "managed_by_template_agent_id"
        assert owner.organization == "source_template_org_id"


def test_a_kind_of_ones_own_joins_the_built_in_ones_after_what_it_needs(write: Write) -> None:
    kinds = load(write(part=CHILD, thing=GOOD))
    names = [kind.name for kind in kinds]
    assert names.index("thing") < names.index("part")
    assert names[0] == "agent"
    assert len(names) == 6


def test_the_digest_is_of_the_meaning_and_not_of_the_file(write: Write) -> None:
    def digest(text: str) -> str:
        return next(kind.digest for kind in load(write(thing=text)) if kind.name == "thing")

    plain = digest(GOOD)
    assert digest("# a comment\n" + GOOD.replace("{}", "{ owner = 'template' }")) == plain
    assert digest(GOOD.replace("{}", "{ owner = 'shared' }")) != plain
    assert digest(GOOD.replace("deleted_at IS NULL", "deleted_at IS NOT NULL")) != plain


BAD = [
    ('kind = "thing"', 'kind = "Thing"', "kind: "),
    ('kind = "thing"', "", "kind: Field required"),
    ('kind = "thing"', 'kind = "entity_type"', "'entity_type' is declared in entity_type"),
    ('title = "thing"', 'title = "<b>thing</b>"', "title: "),
    ('table = "things"', 'table = ""', "table: a name in PostgreSQL has 1 to 63 bytes"),
    ('table = "things"', f'table = "{"x" * 64}"', "table: a name in PostgreSQL has 1 to 63 bytes"),
    ('table = "things"', 'table = "a\\u0000b"', "table: a name in PostgreSQL"),
    ('table = "things"', 'tabel = "things"', "tabel: Extra inputs"),
    ('id = "id"', "id = 1", "id"),
    ('scope = "organization_id"', "", "scope (a column) or parent"),
    ('scope = "organization_id"', 'scope = "organization_id"\nparent = { kind = "entity_type", '
     'column = "x" }', "scope (a column) or parent"),
    ('scope = "organization_id"', 'parent = { kind = "planet", column = "x" }',
     "belongs to the parent's owner: leave out owner"),
    ('key = ["slug"]', "", "name key (a list of columns)"),
    ('key = ["slug"]', "key = []", "key: "),
    ('key = ["slug"]', 'key = ["slug", "slug"]', "column 'slug' has two roles"),
    ('key = ["slug"]', 'key = ["name"]', "column 'name' has two roles"),
    ('key = ["slug"]', 'key = ["id"]', "column 'id' has two roles"),
    ('agent = "managed_by"', 'agent = "updated_at"', "column 'updated_at' has two roles"),
    ('owner = { agent = "managed_by", organization = "managed_org" }', "", "owner is missing"),
    ('agent = "managed_by", ', "", "owner.agent: Field required"),
    ("name = {}", 'name = { owner = "anybody" }', "columns.name.owner: "),
    ("name = {}", 'name = { references = "planet" }', "columns.name.references: there is no kind"),
    ("name = {}", "name = { nullable = true }", "columns.name: nullable speaks of a reference"),
    ("name = {}", 'name = { sensitive = true, owner = "shared" }', "columns.name: a sensitive"),
    ("name = {}", 'name = { default = "x" }', "columns.name.default: Extra inputs"),
    ("name = {}", 'name = { owner = "shared", references = "entity_type" }\nname = {}', "not TOML"),
    ('updated_at = "now"', 'updated_at = "yesterday"', "stamps.write.updated_at: "),
    ("[stamps]", '[exclude]\nname = "$..."\n[stamps]', "exclude: 'name' is not part of the key"),
    ("[stamps]", '[exclude]\nslug = "$"\n[stamps]', "exclude.slug: write the prefix"),
    ('id = "id"', 'id = "id"\noptional = ["icon"]', "optional: 'icon' is neither"),
    ('id = "id"', 'id = { column = "id", mint = "a;b" }', "mint"),
    ('key = ["slug"]', 'installs = { template = "from_id", name = "name" }', "needs a minted id"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_mistake_is_said_with_file_and_field(
    write: Write, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    told = mistakes(write(thing=GOOD.replace(old, new, 1)))
    assert "thing.toml: " in told
    assert message in told


PREDICATES = [
    "now() > deleted_at",
    "lower(slug) = 'x'",
    "pg_sleep(1) IS NULL",
    "deleted_at IS NULL AND EXISTS (SELECT 1 FROM users)",
    "id IN (SELECT id FROM users)",
    "id = (SELECT 1)",
    "id = ANY (ARRAY[1])",
    "users.deleted_at IS NULL",
    "public.users.deleted_at IS NULL",
    "deleted_at IS NULL; DROP TABLE users",
    "deleted_at IS NULL;",
    "deleted_at::text IS NULL",
    "CAST(deleted_at AS text) = ''",
    "status || 'x' = 'y'",
    "price + 1 > 2",
    "CASE WHEN true THEN true END",
    "current_user = 'x'",
    "deleted_at > CURRENT_TIMESTAMP",
    "status LIKE 'a%'",
    "meta->>'a' = 'b'",
    "status = $1",
    "status = :name",
    "status = 'a' UNION SELECT 1",
    "SELECT 1",
    "DELETE FROM users",
    "true",
    "status",
    "1",
    "",
    "deleted_at IS",
    "(deleted_at IS NULL",
    "status = E'\\x41'",
    "status = b'1'",
    "status = 'a' -- comment\n; DROP TABLE users",
    "status OPERATOR(evil.=) 'a'",
    "status COLLATE \"C\" = 'a'",
]


@pytest.mark.parametrize("predicate", PREDICATES)
def test_a_predicate_may_only_compare_its_own_columns(write: Write, predicate: str) -> None:
    text = GOOD.replace('"deleted_at IS NULL"', json.dumps(predicate))
    assert "thing.toml: live: " in mistakes(write(thing=text))


@pytest.mark.parametrize(
    ("predicate", "columns"),
    [
        ("deleted_at IS NULL", ("deleted_at",)),
        ("status = 'active' AND deleted_at IS NULL", ("deleted_at", "status")),
        ("NOT (status IN ('a', 'b') OR version > 3)", ("status", "version")),
        ("\"deletedAt\" IS NOT NULL AND active IS TRUE", ("active", "deletedAt")),
        ("status <> 'it''s' AND price <= 1.10", ("price", "status")),
        ("status != 'x; DROP TABLE users'", ("status",)),
    ],
)  # fmt: skip
def test_what_a_predicate_may_say(predicate: str, columns: tuple[str, ...]) -> None:
    assert columns_of(predicate) == columns
    again = parse_predicate(predicate).sql("postgres")
    assert parse_predicate(again).sql("postgres") == again


def test_all_mistakes_of_all_files_are_said_at_once(write: Write) -> None:
    one = GOOD.replace('title = "thing"', "").replace("name = {}", "name = { owner = 'x' }")
    two = GOOD.replace('"deleted_at IS NULL"', '"now() IS NULL"').replace("things", "")
    three = "kind = ["
    told = mistakes(write(one=one, two=two, three=three))
    for expected in (
        "one.toml: title: ", "one.toml: columns.name.owner: ",
        "two.toml: live: ", "two.toml: table: ", "three.toml: is not TOML",
    ):  # fmt: skip
        assert expected in told
    assert told.startswith("5 mistakes in kind files:")


def test_the_mistakes_between_columns_are_said_with_the_others(write: Write) -> None:
    """A wrong field in a file does not hide that it also lacks an owner, or a scope."""
    text = GOOD.replace('title = "thing"', "").replace('scope = "organization_id"', "")
    told = mistakes(write(thing=text))
    assert "thing.toml: title: " in told
    assert "scope (a column) or parent" in told


def test_a_missing_parent_and_a_missing_reference_are_said_together(write: Write) -> None:
    child = CHILD.replace('"thing"', '"planet"')
    thing = GOOD.replace("name = {}", 'name = { references = "moon" }')
    told = mistakes(write(part=child, thing=thing))
    assert "part.toml: parent.kind: there is no kind 'planet'" in told
    assert "thing.toml: columns.name.references: there is no kind 'moon'" in told


def test_a_kind_is_declared_once(write: Write) -> None:
    told = mistakes(write(a=GOOD, b=GOOD, c=GOOD.replace('"thing"', '"agent"', 1)))
    assert "b.toml: kind: 'thing' is declared in" in told
    assert "a.toml already" in told
    assert "c.toml: kind: 'agent' is declared in agent.toml already" in told


def test_only_one_kind_is_the_installed_one(write: Write) -> None:
    text = GOOD.replace('key = ["slug"]', 'installs = { template = "from_id", name = "name" }')
    told = mistakes(write(thing=text.replace('id = "id"', 'id = { column = "id", mint = "t_" }')))
    assert "installs: 'agent' is the installed kind" in told


def test_parents_that_form_a_cycle_are_named(write: Write) -> None:
    def part(name: str, parent: str) -> str:
        text = CHILD.replace('kind = "part"', f'kind = "{name}"')
        return text.replace('"thing"', f'"{parent}"').replace('"parts"', f'"{name}s"')

    told = mistakes(write(a=part("part_a", "part_b"), b=part("part_b", "part_c"),
                          c=part("part_c", "part_a")))  # fmt: skip
    assert "parents form a cycle: part_a, part_b, part_c" in told
    own = mistakes(write(a=part("part_a", "part_a"), b=GOOD, c=CHILD))
    assert "parents form a cycle: part_a" in own
    with pytest.raises(ValueError, match="cycle"):
        in_order(
            [load()[3].model_copy(update={"parent": Parent(kind="relationship_rule", column="x")})]
        )


@pytest.mark.parametrize("what", ["missing", "empty", "file", "binary"])
def test_a_directory_without_kinds_is_an_error_of_ours(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "kinds"
    if what == "file":
        directory.write_text(GOOD)
    elif what != "missing":
        directory.mkdir()
    if what == "binary":
        (directory / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KindError) as caught:
        load(directory)
    assert "kinds" in caught.value.message
    assert caught.value.hint
