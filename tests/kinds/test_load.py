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
    named = {kind.name: kind for kind in kinds}
    # What is written, with the width of its keys and the references that are set afterwards.
    assert {
        kind.name: (key_width(kind, named), *sorted(deferred(kind, kinds))) for kind in kinds
    } == {
        "agent": (1,),
        "relationship_type": (1, "inverse_type_id"),
        "relationship_rule": (3,),
        "view_template": (1,),
        "view_template_version": (2,),
        "entity_type": (1,),
        "entity": (2,),
        "member": (1,),
        "member_identity": (2,),
        "classifier": (1, "current"),
        "classifier_version": (2,),
        "watcher": (1, "current_version_id", "watcher_group_id"),
        "watcher_version": (2,),
        "watcher_classifier": (2, "current"),
        "watcher_classifier_version": (3,),
        "entity_classifier": (3, "current"),
        "entity_classifier_version": (4,),
    }
    names = [kind.name for kind in kinds]
    assert names[0] == "agent"
    for kind in kinds:
        later = deferred(kind, kinds)
        first = [one.references for one in kind.references if one.name not in later]
        first += [kind.parent.kind] if kind.parent else []
        assert all(names.index(str(one)) < names.index(kind.name) for one in first)
    assert [kind.name for kind in kinds if not kind.mirrored] == ["entity"]
    drawn = draw(kinds).splitlines()
    assert [line.split()[:2] for line in drawn] == [
        [f"{number}.", name] for number, name in enumerate(names, 1)
    ]
    in_type = next(line for line in drawn if " relationship_rule " in line)
    assert in_type.endswith(" in relationship_type")
    assert "-> relationship_type (second step)" in draw(kinds)
    assert "-> watcher_version (second step)" in draw(kinds)


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
    assert set(names) == {kind.name for kind in load()} | {"thing", "part"}


def test_a_kind_may_have_both_a_scope_and_a_parent_and_then_owners_of_its_own(write: Write) -> None:
    both = GOOD.replace(
        "[columns]", 'parent = { kind = "watcher", column = "watcher_id" }\n[columns]'
    )
    (kind,) = (kind for kind in load(write(thing=both)) if kind.name == "thing")
    assert (kind.scope, kind.parent) == (
        "organization_id",
        Parent(kind="watcher", column="watcher_id"),
    )
    assert kind.owner is not None
    # Without an organisation of its own a row belongs to whoever owns its parent.
    told = mistakes(write(thing=both.replace('scope = "organization_id"', "")))
    assert "belongs to the parent's owner: leave out owner" in told


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
    ('scope = "organization_id"', "", "name scope (a column), or parent (a kind and a column)"),
    ('scope = "organization_id"', 'scope = "organization_id"\nparent = { kind = "entity_type", '
     'column = "organization_id" }', "column 'organization_id' has two roles"),
    ('scope = "organization_id"', 'scope = "organization_id"\nparent = { kind = "planet", '
     'column = "x" }', "parent.kind: there is no kind 'planet'"),
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
    assert "name scope (a column), or parent" in told


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
        in_order([load()[0].model_copy(update={"parent": Parent(kind="agent", column="x")})])


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
