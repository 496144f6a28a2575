"""Releases of the platform differ: in the later one, in earlier ones, with other view templates."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from reconciler import library
from reconciler.database.embedded import Server
from reconciler.model.plan import Plan
from reconciler.render import render
from tests.fixtures.world import TRACKED, World, copied, notes, shipped
from tests.test_real_schema import DDL, HOME, _plant, plan

PLOT = "org_plot"
SKIP = ["classifier.weather"]
VIEWS = ("view_template", "view_template_version")


def at(column: str, table: str, slug: str, organization: str) -> str:
    """A column of a row, as an SQL expression."""
    return (
        f"(SELECT {column} FROM {table} WHERE slug = '{slug}' "
        f"AND organization_id = '{organization}')"
    )


# The later release -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grown_database(server: Server) -> Iterator[str]:
    """To copy from: the later release's DDL, with a template of every kind."""
    name = f"grown_{uuid4().hex[:8]}"
    dsn = server.create_database(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(DDL)
        library.init(connection)
        world = World(dsn, connection)
        _plant(world)
        _grow(world)
    yield name
    server.drop_database(name)


def _grow(world: World) -> None:
    page = world.insert("view_templates", organization_id=HOME, slug="page", name="Page")
    shown = world.insert("view_template_versions", view_template_id=page, version=1, layout="{}")
    world.sql(
        "UPDATE entity_types SET current_view_template_version_id = %s WHERE slug = 'bed'", shown
    )
    for number, slug in ((11, "thirst"), (12, "frost")):
        plain = {"organization_id": HOME, "created_by": "user_gil", "name": slug.title()}
        plain |= {"schedule": "0 6 * * *", "agent_id": "agent_garden"}
        world.insert("watchers", id=number, slug=slug, watcher_group_id=11, version=1, **plain)
        publish(world, slug, 1)
    plant = world.sql(f"SELECT {at('id', 'entity_types', 'plant', HOME)}")[0][0]
    fern = {"slug": "fern", "name": "Fern", "organization_id": HOME, "created_by": "user_gil"}
    entity = world.insert("entities", entity_type_id=plant, **fern)
    for slug, scope in (
        ("weather", {}), ("urgency", {"watcher_id": 11}), ("light", {"entity_id": entity}),
    ):  # fmt: skip
        plain = {"organization_id": HOME, "created_by": "user_gil", "attribute_key": slug}
        world.insert("event_classifiers", slug=slug, name=slug.title(), **plain, **scope)
        sort(world, slug, 1)


def publish(world: World, slug: str, version: int) -> None:
    """The template's watcher gets a new version, which is the current one."""
    world.sql(
        "WITH v AS (INSERT INTO watcher_versions (watcher_id, version, name, prompt, "
        "required_source_types, recommended_source_types, created_by) "
        f"SELECT {at('id', 'watchers', slug, HOME)}, %s, 'V', 'Look', '{{}}', '{{web}}', "
        "'user_gil' RETURNING id, version, watcher_id) UPDATE watchers w SET "
        "current_version_id = v.id, version = v.version FROM v WHERE w.id = v.watcher_id",
        version,
    )


def sort(world: World, slug: str, version: int) -> None:
    """The template's classifier gets a new version, which is the current one."""
    classifier = at("id", "event_classifiers", slug, HOME)
    versions = "event_classifier_versions"
    world.sql(f"UPDATE {versions} SET is_current = false WHERE classifier_id = {classifier}")
    world.sql(
        f"INSERT INTO {versions} (classifier_id, version, is_current, attribute_values, "
        f"min_similarity, created_by) SELECT {classifier}, %s, true, '[]', 0.7001, 'user_gil'",
        version,
    )


@pytest.fixture
def grown(server: Server, grown_database: str) -> Iterator[World]:
    """A copy of it."""
    yield from copied(server, grown_database)


def created(made: Plan) -> list[str]:
    """The addresses of new rows, by name."""
    assert {change.action for change in made.changes} <= {"create"}
    return sorted(change.address for change in made.changes)


def test_an_organisation_wide_classifier_is_taken_for_everybody(grown: World) -> None:
    (conflict,) = plan(grown).conflicts
    assert (conflict.reason, conflict.address) == ("unique_collision", *SKIP)
    assert conflict.index == "event_classifiers_scope_slug_unique"
    assert conflict.columns == ("entity_id", "watcher_id", "slug")
    assert conflict.other_organization == HOME
    # Those of a watcher or of an entity are in nobody's way.
    assert notes(plan(grown, skip=SKIP)) == [
        ("skipped", "classifier.weather"),
        ("with_parent", "classifier_version.weather/1"),
    ]


def test_what_watches_is_installed_and_settles(grown: World) -> None:
    first = plan(grown, skip=SKIP)
    assert first.left_out == {}
    assert [one for one in created(first) if not one.startswith(("agent", "relation"))] == [
        "entity_type.bed", "entity_type.harvest", "entity_type.plant", "view_template.page",
        "view_template_version.page/1", "watcher.frost", "watcher.thirst",
        "watcher_classifier.thirst/urgency", "watcher_classifier_version.thirst/urgency/1",
        "watcher_version.frost/1", "watcher_version.thirst/1",
    ]  # fmt: skip
    assert library.apply(grown.dsn, first).status == "applied"
    thirst = at("id", "watchers", "thirst", PLOT)
    assert grown.sql(
        f"SELECT w.slug, w.watcher_group_id = {thirst}, v.version, w.next_run_at > now(),"
        " a.template_agent_id, w.timezone, w.created_by FROM watchers w"
        " JOIN watcher_versions v ON v.id = w.current_version_id AND v.watcher_id = w.id"
        " JOIN agents a ON a.id = w.agent_id AND a.organization_id = w.organization_id"
        " WHERE w.organization_id = %s ORDER BY 1",
        PLOT,
    ) == [(slug, True, 1, True, "agent_garden", "UTC", "user_ana") for slug in ("frost", "thirst")]
    assert grown.sql(
        "SELECT c.slug, w.slug, v.version, v.is_current, v.min_similarity::text, v.created_by"
        " FROM event_classifiers c JOIN watchers w ON w.id = c.watcher_id"
        " JOIN event_classifier_versions v ON v.classifier_id = c.id"
        " WHERE c.organization_id = %s AND w.organization_id = c.organization_id",
        PLOT,
    ) == [("urgency", "thirst", 1, True, "0.7001", "user_ana")]
    page = "current_view_template_version_id"
    assert grown.sql(
        "SELECT v.version, t.organization_id FROM view_template_versions v JOIN view_templates t"
        f" ON t.id = v.view_template_id WHERE v.id = {at(page, 'entity_types', 'bed', PLOT)}"
    ) == [(1, PLOT)]
    before = grown.dump(*TRACKED, with_versions=True)
    again = plan(grown, skip=SKIP)
    assert (again.changes, again.conflicts) == ((), ())
    assert library.apply(grown.dsn, again).status == "nothing_to_do"
    assert grown.dump(*TRACKED, with_versions=True) == before


def test_new_versions_and_entities_arrive_beside_what_is_history(grown: World) -> None:
    library.apply(grown.dsn, plan(grown, skip=SKIP))
    tables = ("watcher_versions", "event_classifier_versions")
    rows = f"SELECT t.version, t.prompt, t::text, t.xmin::text FROM {tables[0]} t ORDER BY id"
    history = grown.sql(rows)
    publish(grown, "thirst", 2)
    sort(grown, "urgency", 2)
    ((plant,),) = grown.sql(f"SELECT {at('id', 'entity_types', 'plant', PLOT)}")
    grown.insert(
        "entities", slug="fern", name="Ours", organization_id=PLOT, created_by="user_ana",
        entity_type_id=plant,
    )  # fmt: skip
    entities = grown.dump("entities", with_versions=True)
    moved = plan(grown, skip=SKIP)
    assert sorted((change.action, change.address) for change in moved.changes) == [
        ("create", "entity_classifier.plant/fern/light"),
        ("create", "entity_classifier_version.plant/fern/light/1"),
        ("create", "watcher_classifier_version.thirst/urgency/2"),
        ("create", "watcher_version.thirst/2"),
        ("update", "watcher.thirst"),
        ("update", "watcher_classifier.thirst/urgency"),
    ]
    library.apply(grown.dsn, moved)
    assert set(history) <= set(grown.sql(rows))
    assert grown.dump("entities", with_versions=True) == entities
    assert grown.sql(
        "SELECT c.slug, v.version, v.is_current FROM event_classifier_versions v"
        " JOIN event_classifiers c ON c.id = v.classifier_id"
        " WHERE c.organization_id = %s ORDER BY 1, 2",
        PLOT,
    ) == [("light", 1, True), ("urgency", 1, False), ("urgency", 2, True)]
    assert plan(grown, skip=SKIP).empty


# Earlier releases --------------------------------------------------------------------------

TYPES_BY_SLUG = """
    ALTER TABLE entities ADD COLUMN entity_type text;
    UPDATE entities SET entity_type = t.slug FROM entity_types t WHERE t.id = entity_type_id;
    ALTER TABLE entities DROP COLUMN entity_type_id CASCADE, ALTER entity_type SET NOT NULL"""


def test_entities_may_name_their_type_by_its_slug(world: World) -> None:
    world.connection.execute(TYPES_BY_SLUG.encode())
    before = world.dump("entities", with_versions=True)
    made = world.plan("acme", "birch", skip=["entity_type.transaction"])
    assert made.left_out == {}
    (of_entity,) = (one for one in made.changes if one.address.kind == "entity_classifier")
    assert of_entity.targets == ("org_acme",)
    (waits,) = (note for note in made.notes if note.about == "deferred")
    assert (waits.address, waits.targets) == (of_entity.address, ("org_birch",))
    assert world.apply(made).status == "applied"
    assert world.sql(
        "SELECT e.entity_type, e.slug FROM event_classifiers c JOIN entities e ON e.id = "
        "c.entity_id WHERE c.organization_id = 'org_acme' AND e.organization_id = 'org_acme'"
    ) == [("account", "main-account")]
    assert world.plan("acme", "birch", skip=["entity_type.transaction"]).empty
    assert world.dump("entities", with_versions=True) == before


POINTER = "ALTER TABLE entity_types DROP COLUMN current_view_template_version_id;"
NO_TABLE = {kind: f"there is no table public.{kind}s" for kind in VIEWS}
BELONGS = "it belongs to view_template"


@pytest.mark.parametrize(
    ("ddl", "left_out"),
    [
        (f"{POINTER} DROP TABLE view_template_versions, view_templates",
         {VIEWS[0]: NO_TABLE[VIEWS[0]], VIEWS[1]: BELONGS}),
        ("ALTER TABLE view_templates DROP COLUMN slug CASCADE",
         {VIEWS[0]: "table view_templates has no column 'slug'", VIEWS[1]: BELONGS}),
        ("ALTER TABLE view_template_versions RENAME layout TO html",
         {VIEWS[1]: "table view_template_versions has no column 'layout'"}),
        (f"{POINTER} DROP TABLE view_template_versions", {VIEWS[1]: NO_TABLE[VIEWS[1]]}),
        ("ALTER TABLE view_templates ADD COLUMN theme text; UPDATE view_templates SET theme = 'x';"
         "ALTER TABLE view_templates ALTER theme SET NOT NULL",
         {VIEWS[0]: "column 'theme' is NOT NULL without a default, and the kind does not list it, "
          "so no row can be created", VIEWS[1]: BELONGS}),
    ],
    ids=["absent", "without a slug", "other versions", "no versions", "a column too many"],
)  # fmt: skip
def test_view_templates_of_another_shape_are_left_out_and_that_is_said(
    world: World, ddl: str, left_out: dict[str, str]
) -> None:
    world.connection.execute(ddl.encode())
    made = world.plan("birch")
    assert made.left_out == left_out
    told = " ".join(render(made, "text", width=500).split())
    assert [kind for kind in left_out if kind not in told] == []
    assert [why for why in left_out.values() if why not in told] == []
    kinds = {change.address.kind for change in made.changes}
    assert kinds == shipped().keys() - left_out.keys() - {
        "entity_classifier", "entity_classifier_version"
    }  # fmt: skip
    assert made.conflicts == ()
    assert world.apply(made).status == "applied"
    again = world.plan("birch")
    assert again.empty
    assert again.left_out == left_out


@pytest.mark.parametrize(
    ("ddl", "tracked"),
    [
        ("SELECT 1", True),
        ("DROP TABLE view_template_versions, view_templates CASCADE", False),
        ("ALTER TABLE view_templates DROP COLUMN slug CASCADE", False),
        ("ALTER TABLE view_templates DROP COLUMN organization_id CASCADE", False),
    ],
)
def test_init_tracks_the_view_templates_that_can_be_mirrored(
    empty_database: str, ddl: str, tracked: bool
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(DDL)
        connection.execute(ddl.encode())
        done = library.init(connection)
        assert ("tracking columns on view_templates" in done) == tracked
        assert library.init(connection) == []
        connection.execute(library.init_script().encode())
        assert library.init(connection) == []
        world = World(empty_database, connection)
        _plant(world)
        assert (plan(world).left_out == {}) == tracked
        assert library.apply(empty_database, plan(world)).status == "applied"
