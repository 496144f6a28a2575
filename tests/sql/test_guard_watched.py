"""The same for watchers and classifiers: several kinds in a table, flags, ids that are drawn."""

from __future__ import annotations

import pytest

from reconciler import kinds as kind_files
from reconciler.errors import ScopeError
from reconciler.model.plan import Plan
from reconciler.sql.guard import Scope
from reconciler.sql.tree import Statement
from tests.fixtures.world import World
from tests.sql.test_guard import SCOPE, TARGETS, Real, mutated, refused, reread

HOME = "org_public_finance"
NEW_VERSIONS = f"""
    UPDATE event_classifier_versions SET is_current = false WHERE classifier_id IN
        (SELECT id FROM event_classifiers WHERE organization_id = '{HOME}');
    INSERT INTO event_classifier_versions
        (classifier_id, version, is_current, attribute_values, created_by)
        SELECT id, 99, true, '[]', created_by FROM event_classifiers
        WHERE organization_id = '{HOME}';
    INSERT INTO watcher_versions
        (watcher_id, version, name, prompt, extraction_schema, required_source_types,
         recommended_source_types, created_by)
        SELECT id, 99, 'New', 'New', '{{}}', '{{}}', '{{}}', created_by FROM watchers
        WHERE organization_id = '{HOME}' AND slug = 'bills_due';
    UPDATE watchers w SET schedule = '0 9 * * *', version = 99, current_version_id = v.id
        FROM watcher_versions v WHERE v.watcher_id = w.id AND v.version = 99;
    UPDATE event_classifiers SET name = 'New' WHERE organization_id = '{HOME}'"""


@pytest.fixture(scope="module")
def real(shared_world: World) -> Real:
    """What an apply really sends: an install with all that watches, and new versions of it."""
    seen: Real = {}
    shared_world.install("birch", skip=[])
    shared_world.connection.execute(NEW_VERSIONS.encode())
    with pytest.MonkeyPatch.context() as patch:
        guard = Scope.guard

        def noticed(scope: Scope, statement: Statement) -> Statement:
            seen[statement.serves] = statement
            return guard(scope, statement)

        patch.setattr(Scope, "guard", noticed)
        plan: Plan = shared_world.plan("acme", "birch", skip=["entity_type.transaction"])
        shared_world.apply(plan)
    return seen


def test_every_statement_of_a_real_plan_passes(real: Real) -> None:
    assert {
        "create watcher", "create watcher_version", "create watcher_classifier",
        "create entity_classifier", "create entity_classifier_version", "update watcher",
        "update watcher_classifier", "link watcher.watcher_group_id",
        "link watcher.current_version_id", "unmark watcher_classifier.current",
        "mark watcher_classifier.current", "mark entity_classifier.current",
        "unmark classifier.current", "look for the largest watcher id", "remember watcher",
    } <= real.keys()  # fmt: skip
    for statement in real.values():
        assert SCOPE.guard(statement) is statement
        SCOPE.guard(reread(statement, statement.sql))


INSERT, CHILD, VERSION = (
    "create watcher", "create watcher_classifier", "create watcher_classifier_version"
)  # fmt: skip
UPDATE, BOTH = "update watcher", "update watcher_classifier"
DOWN, UP, LARGEST = (
    "unmark watcher_classifier.current", "mark watcher_classifier.current",
    "look for the largest watcher id",
)  # fmt: skip
CLASSIFIERS, VERSIONS = '"public"."event_classifiers"', '"public"."event_classifier_versions"'
ENTITIES = '"public"."entities"'
SELECTED = 'SELECT CAST("p"."organization_id" AS TEXT), "up"."id"'
SCOPED = '"t"."organization_id" = CAST("p"."organization_id" AS TEXT)'
BELONGS, OF_IT = '"t"."watcher_id" = "up"."id"', '"t"."classifier_id" = "up"."id"'
JOINED = '"up"."organization_id" = "p"."organization_id"'
WITHIN = 'CAST("up"."organization_id" AS TEXT) AS "organization_id"'
NUMBERED = '"p"("organization_id", "places", "id")'
DRAWN = 'SELECT CAST("p"."id" AS INT), CAST("p"."organization_id" AS TEXT)'

MUTATIONS = [
    # A scope and a parent: both must lie in the placement's organisation.
    ("a constant organisation", CHILD, SELECTED, "SELECT 'org_other', \"up\".\"id\""),
    ("a constant parent", CHILD, SELECTED, SELECTED.replace('"up"."id"', "4711")),
    ("the parent as organisation", CHILD, SELECTED, 'SELECT "up"."id", "up"."id"'),
    ("the parent under another column", CHILD, '("organization_id", "watcher_id", ',
     '("organization_id", "entity_id", '),
    ("a column that is the tenant's", CHILD, '("organization_id", "watcher_id", "slug", "name", ',
     '("organization_id", "watcher_id", "slug", "entity_ids", '),
    ("any parent", CHILD, f"ON {JOINED} AND ", "ON "),
    ("a parent by OR", CHILD, JOINED, f"({JOINED} OR TRUE)"),
    ("a parent that may be missing", CHILD, 'INNER JOIN (SELECT "up"', 'LEFT JOIN (SELECT "up"'),
    ("a parent that feigns its organisation", CHILD, WITHIN, "'org_acme' AS \"organization_id\""),
    ("a parent by another id", CHILD, '"up"."id" AS "id"', '"up"."watcher_group_id" AS "id"'),
    ("a parent of another table", CHILD, '"public"."watchers"', ENTITIES),
    ("on conflict", CHILD, "", " ON CONFLICT (id) DO UPDATE SET name = 'x'"),
    ("update without the organisation", BOTH, f"{SCOPED} AND ", ""),
    ("update by OR", BOTH, SCOPED, f"({SCOPED} OR TRUE)"),
    ("update of all by OR", BOTH, "", " OR TRUE"),
    ("update of a foreign organisation's", BOTH, SCOPED, "\"t\".\"organization_id\" = 'org_x'"),
    ("update that moves it to another parent", BOTH, 'SET "name" =', 'SET "watcher_id" ='),
    ("update that moves it elsewhere", BOTH, 'SET "name" =', 'SET "organization_id" ='),
    ("update of its key", BOTH, 'SET "name" =', 'SET "slug" ='),
    # Flags: on the children of rows in the placement's organisation, and on nothing else.
    *[
        (f"{word}: {what}", serves, old, new)
        for word, serves in (("down", DOWN), ("up", UP))
        for what, old, new in (
            ("of all rows", f"{OF_IT} AND ", ""),
            ("by OR", OF_IT, f"({OF_IT} OR TRUE)"),
            ("of all by OR", "", " OR TRUE"),
            ("by inequality", OF_IT, OF_IT.replace(" = ", " <> ")),
            ("of one constant parent's", OF_IT, '"t"."classifier_id" = 4711'),
            ("of its own parent's", OF_IT, '"t"."classifier_id" = "t"."classifier_id"'),
            ("by its id", OF_IT, '"t"."id" = "up"."id"'),
            ("of anybody's parents", f"ON {JOINED} AND ", "ON "),
            ("of parents that feign their organisation", WITHIN,
             "'org_acme' AS \"organization_id\""),
            ("of parents by another id", '"up"."id" AS "id"', '"up"."watcher_id" AS "id"'),
            ("of parents of another table", f"FROM {CLASSIFIERS} AS", f"FROM {ENTITIES} AS"),
            ("in another table", f"UPDATE {VERSIONS}", "UPDATE " + ENTITIES),
            ("in another schema", f"UPDATE {VERSIONS}",
             f"UPDATE {VERSIONS.replace('public', 'audit')}"),
            ("in a table without that flag", f"UPDATE {VERSIONS}",
             'UPDATE "public"."watcher_versions"'),
            ("of another column", 'SET "is_current" =', 'SET "precision_target" ='),
            ("of the parent", 'SET "is_current" =', 'SET "classifier_id" ='),
            ("of the number", 'SET "is_current" =', 'SET "version" ='),
            ("of its history", 'SET "is_current" =', 'SET "attribute_values" ='),
            ("of its notes, too", " FROM c ", ", \"change_notes\" = 'x' FROM c "),
            ("with placements that are constant", "CAST({orgs} AS TEXT[])", "ARRAY['org_other']"),
            ("returning", "", " RETURNING *"),
        )
    ],
    ("a version under any parent", VERSION, f"ON {JOINED} AND ", "ON "),
    ("a version under a constant parent", VERSION, 'SELECT "up"."id"', "SELECT 4711"),
    # Ids that are drawn travel beside the placements.
    ("an id as organisation", INSERT, DRAWN,
     'SELECT CAST("p"."id" AS INT), CAST("p"."id" AS TEXT)'),
    ("ids and organisations the other way round", INSERT, NUMBERED,
     '"p"("id", "places", "organization_id")'),
    ("ids and contents the other way round", INSERT, NUMBERED,
     '"p"("organization_id", "id", "places")'),
    ("ids from a sequence", INSERT, DRAWN,
     "SELECT nextval('watchers_id_seq'), CAST(\"p\".\"organization_id\" AS TEXT)"),
    ("ids in place of the organisations", INSERT, "UNNEST(CAST({orgs} AS TEXT[])",
     "UNNEST(CAST({ids} AS TEXT[])"),
    ("an id of another row's", UPDATE, 'SET "schedule" =', 'SET "id" ='),
    ("the largest id of the catalog", LARGEST, '"public"."watchers"', '"pg_catalog"."pg_authid"'),
    ("the largest id, locked and set", LARGEST, 'SELECT "t"."id"',
     "SELECT setval('watchers_id_seq', 1)"),
    # When it runs next is computed; what belongs to the running instance is not.
    *[
        (f"{word} of {text}", serves, '"next_run_at"' + after, f'"{text}"{after}')
        for word, serves, after in (("insert", INSERT, ", \"name\""), ("update", UPDATE, " = CASE"))
        for text in ("connection_id", "scheduler_client_id", "entity_ids", "source_watcher_id")
    ],
    ("a time that a function gives", UPDATE, 'ELSE "c"."next_run_at"', "ELSE pg_sleep(100)"),
    ("a time of another schema's now", UPDATE, 'ELSE "c"."next_run_at"', "ELSE tenant.now()"),
    # What the tenant keeps is never written.
    ("an entity in place of a classifier", CHILD, f"INSERT INTO {CLASSIFIERS}",
     f"INSERT INTO {ENTITIES}"),
    ("an entity of the classifier's", "create entity_classifier", f"INSERT INTO {CLASSIFIERS}",
     f"INSERT INTO {ENTITIES}"),
    ("update of entities", BOTH, f"UPDATE {CLASSIFIERS}", f"UPDATE {ENTITIES}"),
    ("update of a watcher's windows", UPDATE, 'UPDATE "public"."watchers"',
     'UPDATE "public"."watcher_windows"'),
    ("an entity written on the way", CHILD, " INSERT INTO",
     ', "d" AS (UPDATE "public"."entities" SET name = \'x\' RETURNING 1) INSERT INTO'),
]  # fmt: skip


@pytest.mark.parametrize(("what", "serves", "old", "new"), MUTATIONS, ids=[m[0] for m in MUTATIONS])
def test_a_mutated_statement_is_refused(
    real: Real, what: str, serves: str, old: str, new: str
) -> None:
    refused(mutated(real[serves], old, new))


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE {} AS t SET name = 'x' FROM {p} WHERE t.organization_id = p.organization_id",
        "UPDATE {} AS t SET slug = 'x' FROM {p} WHERE t.organization_id = p.organization_id",
        "UPDATE {} AS t SET deleted_at = NULL FROM {p} WHERE t.organization_id = p.organization_id",
        "INSERT INTO {} (organization_id, slug) SELECT p.organization_id, 'x' FROM {p}",
    ],
)
def test_entities_are_never_written_however_they_are_bound(real: Real, text: str) -> None:
    """Well formed and within the targets: for another table with such columns it would pass."""
    placements = 'UNNEST(CAST($1 AS TEXT[]), CAST($2 AS INT[])) AS "p"("organization_id", "places")'
    for table, passes in ('"public"."entities"', False), ('"public"."entity_types"', True):
        told = text.replace("{}", table).replace("{p}", placements)
        statement = reread(real[UPDATE], told)
        statement = Statement(statement.serves, statement.tree, (["org_acme"], [0]))
        if not passes:
            refused(statement)
        elif "slug = " not in text:
            assert SCOPE.guard(statement) is statement


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("UPDATE {} AS t SET deleted_at = NULL FROM {p} WHERE {t}", True),
        ("UPDATE {} AS t SET name = 'x' FROM {p} WHERE {t}", False),
        ("UPDATE {} AS t SET entity_id = 1 FROM {p} WHERE {t}", False),
        ('UPDATE {} AS t SET slug = "c"."new1" FROM {p} WHERE {t}', False),
        ("UPDATE {} AS t SET deleted_at = NULL FROM {p} WHERE t.id = 1", False),
        ("INSERT INTO {} (organization_id, parent_id) SELECT p.organization_id, 1 FROM {p}", False),
    ],
)
def test_of_members_only_that_they_are_there_is_written(
    real: Real, text: str, passes: bool
) -> None:
    placements = 'UNNEST(CAST($1 AS TEXT[]), CAST($2 AS INT[])) AS "p"("organization_id", "places")'
    scope = Scope.of(kind_files.load(), TARGETS)
    for table in ("entities", "entity_identities"):
        told = text.replace("{}", f'"public"."{table}"').replace("{p}", placements)
        bound = "t.organization_id = p.organization_id"
        statement = reread(real[UPDATE], told.replace("{t}", bound))
        statement = Statement(statement.serves, statement.tree, (["org_acme"], [0]))
        if passes:
            assert scope.guard(statement) is statement
        else:
            with pytest.raises(ScopeError):
                scope.guard(statement)


def test_ids_and_placements_outside_of_the_targets_are_refused(real: Real) -> None:
    for serves in (INSERT, CHILD, VERSION, UPDATE, BOTH, UP, DOWN):
        statement = real[serves]
        assert SCOPE.guard(statement)
        with pytest.raises(ScopeError):
            Scope.of(kind_files.load(), frozenset({"org_other"})).guard(statement)
