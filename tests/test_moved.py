"""Renames that are declared: the row keeps its id, and the tenant's rows stay with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import library, planfile
from reconciler.database.embedded import Server
from reconciler.errors import ReconcilerError, RefusedError, StalePlanError
from reconciler.model.plan import Plan
from tests.fixtures.world import World, copied, prepared
from tests.test_releases import TYPES_BY_SLUG

PUBLISHED = "organization_id = 'org_public_finance'"
RENAMED = {
    "entity_types": ("mortgage", "home_loan"),
    "entity_relationship_types": ("owns", "holds_title"),
    "watchers": ("bills_due", "due_soon"),
    "view_templates": ("account_page", "account_sheet"),
}
KINDS = {
    "entity_types": "entity_type",
    "entity_relationship_types": "relationship_type",
    "watchers": "watcher",
    "view_templates": "view_template",
}


@pytest.fixture(scope="module")
def renamed_database(server: Server, seeded: str) -> Iterator[str]:
    """To copy from: two installations, and a template in which four rows got another name."""
    with prepared(server, seeded, _rename) as name:
        yield name


def _rename(world: World) -> None:
    world.install("acme")
    world.install("birch")
    for table, (old, new) in RENAMED.items():
        world.sql(f"UPDATE {table} SET slug = %s WHERE {PUBLISHED} AND slug = %s", new, old)


@pytest.fixture
def world(server: Server, renamed_database: str) -> Iterator[World]:
    """A copy of it."""
    yield from copied(server, renamed_database)


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The file that says so."""
    return declared(
        tmp_path, *((f"{KINDS[t]}.{a}", f"{KINDS[t]}.{b}") for t, (a, b) in RENAMED.items())
    )


def declared(directory: Path, *moves: tuple[str, str]) -> Path:
    path = directory / "moved.toml"
    path.write_text("".join(f'[[moved]]\nfrom = "{a}"\nto = "{b}"\n' for a, b in moves))
    return path


def sync(world: World, *targets: str, **options: object) -> Plan:
    skip = ["entity_type.transaction"] if "acme" in (targets or ("acme",)) else []
    return world.plan(*targets, skip=skip, **options)


def identities(world: World) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: world.sql(f"SELECT id FROM {table} WHERE organization_id = 'org_acme' ORDER BY id")
        for table in RENAMED
    }


def actions(plan: Plan) -> list[tuple[str, str]]:
    return [(change.action, change.address) for change in plan.changes]


def test_a_renamed_row_keeps_its_id_and_what_belongs_to_it(world: World, moved: Path) -> None:
    before = identities(world)
    plan = sync(world, "acme", "birch", moved=moved)
    assert actions(plan) == [
        ("move", "relationship_type.holds_title"),
        ("move", "view_template.account_sheet"),
        ("move", "entity_type.home_loan"),
        ("move", "watcher.due_soon"),
    ]
    assert not plan.conflicts
    assert world.apply(plan).status == "applied"
    assert identities(world) == before
    for table, (old, new) in RENAMED.items():
        found = world.sql(
            f"SELECT slug FROM {table} WHERE organization_id = 'org_acme' AND slug = ANY(%s)",
            [old, new],
        )
        assert found == [(new,)]
    assert sync(world, "acme", "birch", moved=moved).empty
    assert sync(world, "acme", "birch").empty
    assert not [note for note in sync(world, "acme").notes if note.about == "orphaned"]


def test_without_the_declaration_it_is_another_row_and_the_plan_asks(
    world: World, moved: Path
) -> None:
    plan = sync(world, "acme")
    assert ("create", "entity_type.home_loan") in actions(plan)
    asked = {(one.source, one.address) for one in plan.notes if one.about == "likely_rename"}
    assert ("entity_type.mortgage", "entity_type.home_loan") in asked


def test_what_changed_besides_is_changed_besides(world: World, moved: Path) -> None:
    world.sql(f"UPDATE entity_types SET icon = 'house' WHERE {PUBLISHED} AND slug = 'home_loan'")
    world.sql(
        "UPDATE entity_types SET description = 'Ours' "
        "WHERE organization_id = 'org_acme' AND slug = 'mortgage'"
    )
    plan = sync(world, "acme", moved=moved)
    (move,) = [one for one in plan.changes if one.address == "entity_type.home_loan"]
    assert {(field.column, field.drift) for field in move.fields} == {
        ("icon", False),
        ("description", True),
    }
    world.apply(plan)
    assert sync(world, "acme").empty


def test_the_ledger_goes_by_the_new_name(world: World, moved: Path) -> None:
    """A pointer that moves after a rename is no edit of the tenant's."""
    world.apply(sync(world, "acme", moved=moved))
    (watcher,) = world.sql(f"SELECT id FROM watchers WHERE {PUBLISHED} AND slug = 'due_soon'")
    (columns,) = world.sql(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
        "WHERE table_name = 'watcher_versions' AND column_name NOT IN ('id', 'version')"
    )
    world.sql(
        f"INSERT INTO watcher_versions (version, {columns[0]}) "
        f"SELECT 4, {columns[0]} FROM watcher_versions WHERE watcher_id = %s AND version = 3",
        watcher[0],
    )
    world.sql(
        "UPDATE watchers SET version = 4, current_version_id = "
        "(SELECT id FROM watcher_versions WHERE watcher_id = watchers.id AND version = 4) "
        "WHERE id = %s",
        watcher[0],
    )
    plan = sync(world, "acme")
    assert actions(plan) == [
        ("update", "watcher.due_soon"),
        ("create", "watcher_version.due_soon/4"),
    ]
    assert not plan.conflicts
    assert not [field for field in plan.changes[0].fields if field.drift]
    world.apply(plan)
    assert sync(world, "acme").empty


@pytest.mark.parametrize("whose", ["the tenant's own", "ours, where the new name is taken"])
def test_what_cannot_be_renamed_is_left_alone(world: World, moved: Path, whose: str) -> None:
    here = "organization_id = 'org_acme'"
    if whose == "the tenant's own":
        world.sql(
            "UPDATE entity_types SET managed_by_template_agent_id = NULL, "
            f"source_template_org_id = NULL WHERE {here} AND slug = 'mortgage'"
        )
    else:
        world.insert("entity_types", slug="home_loan", name="Mine", organization_id="org_acme")
    plan = sync(world, "acme", moved=moved)
    assert ("move", "entity_type.home_loan") not in actions(plan)
    if whose == "the tenant's own":
        assert ("create", "entity_type.home_loan") in actions(plan)
        world.apply(plan)
    else:
        assert [(one.reason, one.address) for one in plan.conflicts] == [
            ("user_authored", "entity_type.home_loan")
        ]
    assert world.sql(f"SELECT count(*) FROM entity_types WHERE {here} AND slug = 'mortgage'") == [
        (1,)
    ]


def test_a_rename_is_taken_back_and_done_again(world: World, moved: Path) -> None:
    before = identities(world), names(world)
    done = world.apply(sync(world, "acme", "birch", moved=moved))
    after = identities(world), names(world)
    undo = library.plan_undo(world.dsn, done.revision, actor="user_ana")
    assert {change.action for change in undo.changes} == {"move"}
    assert not undo.conflicts
    undone = world.apply(undo)
    assert (identities(world), names(world)) == before
    again = library.plan_undo(world.dsn, undone.revision, actor="user_ana")
    world.apply(again)
    assert (identities(world), names(world)) == after
    assert sync(world, "acme", "birch").empty


def names(world: World) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: world.sql(f"SELECT organization_id, slug FROM {table} ORDER BY id")
        for table in RENAMED
    }


def test_a_row_that_is_renamed_by_hand_meanwhile_makes_the_plan_stale(
    world: World, moved: Path, tmp_path: Path
) -> None:
    plan = sync(world, "acme", moved=moved)
    planfile.save(plan, tmp_path / "plan.json")
    assert planfile.load(tmp_path / "plan.json") == plan
    world.sql(
        "UPDATE watchers SET slug = 'due' WHERE organization_id = 'org_acme' AND slug = 'bills_due'"
    )
    before = world.dump()
    with pytest.raises(StalePlanError, match="due_soon"):
        world.apply(planfile.load(tmp_path / "plan.json"))
    assert world.dump() == before


def test_a_declaration_that_the_template_contradicts_is_refused(
    world: World, tmp_path: Path
) -> None:
    path = declared(tmp_path, ("entity_type.account", "entity_type.bank_account"))
    with pytest.raises(RefusedError, match=r"still has entity_type\.account"):
        sync(world, "acme", moved=path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[moved", "is not TOML"),
        ("", "there is no"),
        ('[[moved]]\nfrom = "a.b"', "moved 1: names from and to"),
        ('[[moved]]\nfrom = "nothing.b"\nto = "nothing.c"', "there is no kind 'nothing'"),
        ('[[moved]]\nfrom = "entity_type.b"\nto = "watcher.c"', "addresses of entity_type rows"),
        (
            '[[moved]]\nfrom = "relationship_rule.a/b/c"\nto = "relationship_rule.x/b/c"',
            "belong to different rows",
        ),
        (
            '[[moved]]\nfrom = "watcher_version.a/1"\nto = "watcher_version.a/2"',
            "rows keep their names",
        ),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("[[moved]]\nfrom = 'entity_type.%00'\nto = 'entity_type.goal'", "holds a NUL"),
        (
            "[[moved]]\nfrom = 'watcher.a'\nto = 'watcher.b'\n[[moved]]\n"
            "from = 'watcher_classifier.b/x'\nto = 'watcher_classifier.b/y'",
            "moved 2: watcher_classifier.b/x belongs to watcher.a, which is renamed, too",
        ),
    ],
)
def test_every_mistake_in_the_file_is_said(
    shared_world: World, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "moved.toml"
    path.write_text(text)
    with pytest.raises(ReconcilerError) as caught:
        shared_world.plan("birch", moved=path)
    assert said in caught.value.message


@pytest.mark.parametrize("how", ["deleted_by_tenant", "released"])
def test_what_the_tenant_deleted_or_was_given_is_not_created_anew(
    world: World, moved: Path, how: str
) -> None:
    here = "organization_id = 'org_birch' AND slug = 'bills_due'"
    if how == "released":
        for table, (old, new) in RENAMED.items():
            world.sql(f"UPDATE {table} SET slug = %s WHERE {PUBLISHED} AND slug = %s", old, new)
        world.apply(world.plan("birch", release=["watcher.bills_due"]))
        for table, (old, new) in RENAMED.items():
            world.sql(f"UPDATE {table} SET slug = %s WHERE {PUBLISHED} AND slug = %s", new, old)
    else:
        world.sql(f"UPDATE watchers SET status = 'archived' WHERE {here}")
    plan = sync(world, "birch", moved=moved)
    assert [one.about for one in plan.notes if one.address == "watcher.due_soon"] == [how]
    assert ("create", "watcher.due_soon") not in actions(plan)


def test_what_the_tenants_rows_name_by_its_key_is_not_renamed(world: World, tmp_path: Path) -> None:
    world.connection.execute(TYPES_BY_SLUG.encode())
    world.install("birch", skip=[])
    world.sql(f"UPDATE entity_types SET slug = 'home_loan' WHERE {PUBLISHED} AND slug = 'mortgage'")
    path = declared(tmp_path, ("entity_type.mortgage", "entity_type.home_loan"))
    with pytest.raises(RefusedError, match=r"entities\.entity_type holds its key"):
        world.plan("birch", moved=path)
