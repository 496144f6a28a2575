"""Promises that hold whatever happens: random histories, and values of any shape."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from reconciler import planfile
from reconciler.errors import ReconcilerError
from tests.fixtures.world import World

# Each example is some plans and applies on a real server: few of them, and no shrinking.
SLOW = settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TYPES, RELATIONS = ("a", "b", "c", "d"), ("r", "s", "t")
SLUGS = {"entity_types": TYPES, "entity_relationship_types": RELATIONS}
DEATH = ("DELETE FROM {}", "UPDATE {} SET deleted_at = now()")
ARCHIVED = ("UPDATE {} SET status = 'archived'", DEATH[1] + ", status = 'archived'")
DEATHS = {"entity_types": DEATH, "entity_relationship_types": (*DEATH, *ARCHIVED)}
INVERSE = """UPDATE entity_relationship_types t SET inverse_type_id =
    (SELECT id FROM entity_relationship_types i WHERE i.organization_id = t.organization_id
     AND i.slug = %s AND i.status = 'active' LIMIT 1) WHERE organization_id = %s AND slug = %s"""
UNDER = "(SELECT id FROM entity_relationship_types WHERE organization_id = %s AND slug = %s)"
RULE = """INSERT INTO entity_relationship_type_rules (relationship_type_id,
    source_entity_type_slug, target_entity_type_slug) SELECT id, 'a', '{}'
    FROM entity_relationship_types WHERE organization_id = %s AND slug = %s"""
RULES = (
    f"DELETE FROM entity_relationship_type_rules WHERE relationship_type_id IN {UNDER}",
    "UPDATE entity_relationship_type_rules SET deleted_at = now() "
    f"WHERE relationship_type_id IN {UNDER}",
    *(RULE.format(target) for target in "ab"),
)
# The tenant's own rows, and whatever is dead: never written by an apply.
FROZEN = """
SELECT 'type', t.id, t.xmin::text, t::text FROM entity_types t WHERE organization_id = $1
    AND (managed_by_template_agent_id IS NULL OR deleted_at IS NOT NULL)
UNION ALL SELECT 'relation', t.id, t.xmin::text, t::text FROM entity_relationship_types t
    WHERE organization_id = $1 AND (managed_by_template_agent_id IS NULL
    OR deleted_at IS NOT NULL OR status <> 'active')
UNION ALL SELECT 'rule', u.id, u.xmin::text, u::text FROM entity_relationship_type_rules u
    JOIN entity_relationship_types t ON t.id = u.relationship_type_id WHERE organization_id = $1
    AND (u.deleted_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM reconcile.placement p
         WHERE p.kind = 'relationship_rule' AND p.row_id = u.id::text))"""
# Every row of every other organisation.
OTHERS = """
SELECT 'type', t.id, t.xmin::text, t::text FROM entity_types t WHERE organization_id <> $1
UNION ALL SELECT 'relation', t.id, t.xmin::text, t::text FROM entity_relationship_types t
    WHERE organization_id <> $1
UNION ALL SELECT 'rule', u.id, u.xmin::text, u::text FROM entity_relationship_type_rules u
    JOIN entity_relationship_types t ON t.id = u.relationship_type_id WHERE organization_id <> $1
UNION ALL SELECT t.id, 0, t.xmin::text, t::text FROM agents t WHERE organization_id <> $1
UNION ALL SELECT t.id, 0, t.xmin::text, t::text FROM organization t"""
# Live rows of the tenant by address, with their versions.
ROWS = """
SELECT 'entity_type.' || slug, 0, xmin::text, '' FROM entity_types
    WHERE organization_id = $1 AND deleted_at IS NULL
UNION ALL SELECT 'relationship_type.' || slug, 0, xmin::text, '' FROM entity_relationship_types
    WHERE organization_id = $1 AND deleted_at IS NULL AND status = 'active'"""
# Where rows were placed, be they live or not: none is placed there a second time.
PLACED = """SELECT kind || '.' || key[1], 0, '', '' FROM reconcile.placement
    WHERE organization_id = $1 AND kind <> 'agent'"""
# Every address of the template: a row of the tenant's in its way is skipped.
NAMES = """
WITH live AS (SELECT * FROM entity_relationship_types WHERE organization_id = $1
              AND deleted_at IS NULL AND status = 'active')
SELECT 'entity_type.' || slug, 0, '' FROM entity_types
    WHERE organization_id = $1 AND deleted_at IS NULL
UNION SELECT 'relationship_type.' || slug, 0, '' FROM live
UNION SELECT 'relationship_rule.' || concat_ws('/', slug, source_entity_type_slug,
    target_entity_type_slug), 0, '' FROM live JOIN entity_relationship_type_rules r
    ON r.relationship_type_id = live.id WHERE r.deleted_at IS NULL"""
# By an oracle that shares nothing with the reader: managed rows that differ from the template's,
# types that are neither there nor ever were, rules that are there twice by our doing.
STRAY = """
WITH live AS (SELECT * FROM entity_relationship_types WHERE deleted_at IS NULL
              AND status = 'active')
SELECT 'type', w.id, w.slug, '' FROM entity_types w
    LEFT JOIN entity_types h ON h.organization_id = $1 AND h.slug = w.slug AND h.deleted_at IS NULL
    WHERE w.organization_id = $2 AND w.deleted_at IS NULL AND CASE
      WHEN h.id IS NULL THEN NOT EXISTS (SELECT 1 FROM reconcile.placement
        WHERE organization_id = $1 AND kind = 'entity_type' AND key = ARRAY[w.slug])
      ELSE h.managed_by_template_agent_id IS NOT NULL
        AND (h.name, h.description, h.metadata_schema::text)
            IS DISTINCT FROM (w.name, w.description, w.metadata_schema::text) END
UNION ALL SELECT 'relation', w.id, w.slug, '' FROM live w
    JOIN live h ON h.organization_id = $1 AND h.slug = w.slug
    LEFT JOIN entity_relationship_types wi ON wi.id = w.inverse_type_id
    LEFT JOIN entity_relationship_types hi ON hi.id = h.inverse_type_id
    WHERE w.organization_id = $2 AND h.managed_by_template_agent_id IS NOT NULL
      AND ((h.name, h.description, h.metadata_schema::text)
           IS DISTINCT FROM (w.name, w.description, w.metadata_schema::text)
        OR hi.organization_id <> $1 OR hi.slug <> coalesce(wi.slug, '')
        OR hi.id IS NULL AND EXISTS (SELECT 1 FROM live JOIN live there USING (slug)
           WHERE live.id = wi.id AND there.organization_id = $1))
UNION ALL SELECT 'rule', h.id, r.source_entity_type_slug, r.target_entity_type_slug
    FROM live h JOIN entity_relationship_type_rules r ON r.relationship_type_id = h.id
    JOIN reconcile.placement p ON p.row_id = r.id::text AND p.kind = 'relationship_rule'
    WHERE h.organization_id = $1 AND r.deleted_at IS NULL GROUP BY 2, 3, 4 HAVING count(*) > 1"""


@dataclass
class Town:
    """A template and one tenant, which both do as they please."""

    world: World
    template: str
    tenant: str
    log: list[object] = field(default_factory=list)

    @classmethod
    def open(cls, world: World) -> Town:
        """A template that has an agent and nothing else."""
        public = world.organization(visibility="public")
        world.insert("agents", id=f"agent_{public}", organization_id=public, name="Small")
        return cls(world, public, world.organization())

    @classmethod
    def found(cls, world: World) -> Town:
        """A template with a small vocabulary, and a tenant with its system rows."""
        self = cls.open(world)
        for table, slugs in SLUGS.items():
            for slug in slugs[:-1]:
                self.live(("add", "template", table, slug))
            self.live(("add", "tenant", table, "$member"))
        for step in (("inverse", "r", "s"), ("rule", "r", 2), ("rule", "r", 3), ("rule", "s", 2)):
            self.live((step[0], "template", *step[1:]))
        return self

    def live(self, step: tuple[Any, ...]) -> None:
        """One step of somebody's: `(act, who, ...)`."""
        self.log.append(step)
        where = self.template if step[1] == "template" else self.tenant
        run, at = self.world.sql, "WHERE organization_id = %s AND slug = %s"
        match step:
            case ("add", _, table, slug):
                run(f"INSERT INTO {table} (slug, name, organization_id) VALUES (%s, %s, %s) "
                    "ON CONFLICT DO NOTHING", slug, f"of {where}", where)  # fmt: skip
            case ("edit", _, table, slug, value):
                run(f"UPDATE {table} SET description = %s, metadata_schema = "
                    f"jsonb_build_object('v', %s::text) {at}",
                    value, value, where, slug)  # fmt: skip
            case ("rename", _, table, slug, value):
                run(f"UPDATE {table} SET name = %s {at}", value, where, slug)
            case ("kill", _, table, slug, how):
                deaths = DEATHS[table]
                self.world.sql("DELETE FROM entity_type_audit")
                run(f"{deaths[how % len(deaths)].format(table)} {at}", where, slug)
            case ("inverse", _, slug, other):
                run(INVERSE, other, where, slug)
            case ("rule", _, slug, how):
                run(RULES[how], where, slug)

    def asked(self, sql: str, *values: str) -> dict[Any, Any]:
        """The answer to a question above."""
        for number, value in enumerate(values, 1):
            sql = sql.replace(f"${number}", f"'{value}'")
        return {(what, number, *rest[1:]): rest[0] for what, number, *rest in self.world.sql(sql)}

    def sync(self) -> None:
        """Plan, skipping whatever is in the way, and apply; then all that was promised holds."""
        self.log.append("sync")
        skip = [address for address, *_ in self.asked(NAMES, self.template)]
        plan = self.world.plan(self.tenant, template=self.template, skip=skip)
        assert plan.conflicts == (), self.log
        frozen, others = self.asked(FROZEN, self.tenant), self.asked(OTHERS, self.tenant)
        rows, placed = self.asked(ROWS, self.tenant), self.asked(PLACED, self.tenant)
        self.world.apply(plan)
        assert frozen.items() <= self.asked(FROZEN, self.tenant).items(), self.log
        assert others == self.asked(OTHERS, self.tenant), self.log
        written = dict(self.asked(ROWS, self.tenant).items() - rows.items())
        named = {change.address for change in plan.changes}
        assert {address for address, *_ in written} <= named, self.log
        assert not (written.keys() - rows.keys()) & placed.keys(), self.log
        assert self.asked(STRAY, self.tenant, self.template) == {}, self.log
        again = self.world.plan(self.tenant, template=self.template, skip=skip)
        assert (again.changes, again.conflicts) == ((), ()), self.log


WHO, VALUE = st.sampled_from(["template", "tenant"]), st.sampled_from(["one", "two"])
RELATION = st.sampled_from(RELATIONS)


def on_a_row(act: str, *more: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Somebody does this to a row."""
    return st.sampled_from(sorted(SLUGS)).flatmap(
        lambda table: st.tuples(
            st.just(act), WHO, st.just(table), st.sampled_from(SLUGS[table]), *more
        )
    )


STEP = st.one_of(
    on_a_row("add"),
    on_a_row("edit", VALUE),
    on_a_row("rename", VALUE),
    on_a_row("kill", st.integers(0, 3)),
    st.tuples(st.just("inverse"), WHO, RELATION, RELATION | st.none()),
    st.tuples(st.just("rule"), WHO, RELATION, st.integers(0, 3)),
    st.tuples(st.just("add"), st.just("tenant"), st.sampled_from(sorted(SLUGS)), st.just("mine")),
)


WORST: list[list[tuple[Any, ...]]] = [
    [("add", "tenant", "entity_types", "a"), ("add", "tenant", "entity_types", "mine"),
     ("add", "tenant", "entity_relationship_types", "r"), ("rule", "tenant", "r", 2)],
    [("edit", "template", "entity_types", "b", "one"), ("add", "template", "entity_types", "d"),
     ("edit", "tenant", "entity_types", "c", "two"), ("inverse", "template", "s", "t"),
     ("kill", "tenant", "entity_relationship_types", "s", 1), ("rule", "template", "t", 3),
     ("add", "template", "entity_relationship_types", "t"), ("rule", "template", "r", 0)],
    [("kill", "template", "entity_types", "b", 1), ("kill", "tenant", "entity_types", "d", 0),
     ("rename", "template", "entity_relationship_types", "t", "two"), ("rule", "tenant", "t", 1),
     ("kill", "template", "entity_relationship_types", "s", 3), ("rule", "tenant", "t", 2),
     ("add", "template", "entity_relationship_types", "s"), ("inverse", "tenant", "t", None)],
]  # fmt: skip


@SLOW
@example(history=WORST)
@given(history=st.lists(st.lists(STEP, min_size=2, max_size=8), min_size=2, max_size=3))
def test_whatever_happens_a_plan_converges_and_touches_nobody_elses_rows(
    shared_world: World, history: list[list[tuple[Any, ...]]]
) -> None:
    town = Town.found(shared_world)
    for steps in history:
        for step in steps:
            town.live(step)
        town.sync()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
# JSON as text, so that no number ever is one of Python's.
QUOTED = st.builds(json.dumps, TEXT, ensure_ascii=st.booleans())
DOCUMENT = st.recursive(
    st.sampled_from(["null", "true", "false"]) | NUMBER | QUOTED,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(QUOTED, inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{key} : {one}" for key, one in items.items()) + "}"
        )
        | st.tuples(inner, st.integers(1, 30)).map(lambda one: "[" * one[1] + one[0] + "]" * one[1])
    ),
    max_leaves=12,
)
SLUG = TEXT.filter(lambda text: not text.startswith("$"))
VALUES = st.tuples(TEXT, st.none() | TEXT, st.none() | DOCUMENT, st.none() | DOCUMENT)
MANAGED = """SELECT slug, name, description, metadata_schema::text, event_kinds::text
    FROM entity_types WHERE organization_id = %s ORDER BY slug COLLATE "C" """
EXACT = '{"a": [1.10, 1e400, 12345678901234567890, 0.1000000000000000000001, -0, 1.0, 1, true]}'
DEEP = "[" * 250 + "1" + "]" * 250
HOSTILE = ("'; DROP TABLE x; --", "$1 %s {0}", EXACT, DEEP)


@SLOW
@example({"../a/b%2F": HOSTILE, "\u202e\x1b[2J": HOSTILE}, {"../a/b%2F": ("", "", "null", "{}")})
@given(
    st.dictionaries(SLUG, VALUES, min_size=6, max_size=12),
    st.dictionaries(SLUG, VALUES, min_size=1, max_size=3),
)
def test_values_of_any_shape_arrive_as_they_were_written(
    shared_world: World, first: dict[str, Any], second: dict[str, Any]
) -> None:
    world = shared_world
    town = Town.open(world)
    later = dict(zip(sorted(first), second.values(), strict=False)) | second
    for values in (first, later):
        for slug, (name, description, schema, kinds) in values.items():
            world.sql(
                "INSERT INTO entity_types (slug, name, description, metadata_schema, event_kinds, "
                "organization_id) VALUES (%s, %s, %s, %s::jsonb, %s::jsonb, %s) ON CONFLICT "
                "(organization_id, slug) WHERE deleted_at IS NULL DO UPDATE SET name = "
                "excluded.name, description = excluded.description, metadata_schema = "
                "excluded.metadata_schema, event_kinds = excluded.event_kinds",
                slug, name, description, schema, kinds, town.template,
            )  # fmt: skip
        plan = world.plan(town.tenant, template=town.template)
        assert planfile.loads(planfile.dumps(plan)) == plan
        world.apply(planfile.loads(planfile.dumps(plan)))
        assert world.sql(MANAGED, town.tenant) == world.sql(MANAGED, town.template)
        assert world.plan(town.tenant, template=town.template).empty


def test_json_that_is_too_deep_is_refused_with_the_rows_name(shared_world: World) -> None:
    town = Town.open(shared_world)
    shared_world.sql(
        "INSERT INTO entity_types (slug, name, organization_id, metadata_schema) "
        "SELECT 'deep', 'Deep', %s, (repeat('[', 3000) || repeat(']', 3000))::jsonb",
        town.template,
    )
    with pytest.raises(ReconcilerError, match=r"entity_type\.deep"):
        shared_world.plan(town.tenant, template=town.template)
