"""A template and two tenants, all of whom do as they please with rows and versions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.fixtures.world import World

Step = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A kind's table with its versions; slugs with a slash lie under a watcher."""

    name: str
    versions: str | None = None
    belongs: str = ""
    content: str = ""
    filled: tuple[str, ...] = ()
    dead: str = ""
    alive: str = ""


CLASSIFIERS = Table(
    "event_classifiers",
    "event_classifier_versions",
    "classifier_id",
    "attribute_values",
    dead="status = 'deprecated'",
    alive="status = 'active'",
)
TABLES = {
    "watcher": Table(
        "watchers",
        "watcher_versions",
        "watcher_id",
        "prompt",
        dead="status = 'archived'",
        alive="status = 'active'",
    ),
    "classifier": CLASSIFIERS,
    "watcher_classifier": CLASSIFIERS,
    "view_template": Table(
        "view_templates", "view_template_versions", "view_template_id", "layout"
    ),
    "entity_type": Table("entity_types", dead="deleted_at = now()", alive="deleted_at = NULL"),
    "relationship_type": Table(
        "entity_relationship_types",
        dead="status = 'archived', deleted_at = now()",
        alive="status = 'active', deleted_at = NULL",
    ),
}
SLUGS = {
    "watcher": ("w1", "w2", "w3"),
    "classifier": ("c1", "c2"),
    "watcher_classifier": ("w1/k", "w2/k"),
    "view_template": ("v1", "v2"),
    "entity_type": ("t1", "t2"),
    "relationship_type": ("r1", "r2"),
}
JSON = {"sources", "model_config", "attribute_values", "layout"}
# The platform takes watchers' ids so, and leaves the sequence behind; an id comes back.
LARGEST = "SELECT coalesce(max(id), 0) + 1 FROM {}"
# An id beyond the sequence that was never another row's: the ledger knows versions by their ids.
BEYOND = """SELECT greatest((SELECT coalesce(max(id), 0) FROM {}), (SELECT coalesce(max(
    row_id::bigint), 0) FROM reconcile.placement WHERE row_id ~ '^[0-9]+$')) + 1"""


@dataclass
class Town:
    """One template, and tenants by name: `template`, `acme`, `bob`."""

    world: World
    organizations: dict[str, str]
    log: list[Step] = field(default_factory=list)
    # What a tenant laid hands on: (who, slug of the row at the top).
    touched: set[tuple[str, str]] = field(default_factory=set)
    # Versions of a tenant's own that were in force when the row was taken over: (table, id).
    taken_over: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def found(cls, world: World) -> Town:
        """A template with one of everything."""
        public = world.organization(visibility="public")
        world.insert("agents", id=f"agent_{public}", organization_id=public, name="Small")
        tenants = {who: world.organization() for who in ("acme", "bob")}
        self = cls(world, {"template": public, **tenants})
        for kind, slugs in SLUGS.items():
            self.live(("add", "template", kind, slugs[0]))
        self.live(("add", "template", "watcher", "w2"))
        self.live(("group", "template", "w2", "w1"))
        self.live(("show", "template", "t1", "v1", 0))
        self.live(("rule", "template", "r1", "t1", "t2"))
        self.log.clear()
        return self

    @property
    def template(self) -> str:
        """The template's organisation."""
        return self.organizations["template"]

    def live(self, step: Step) -> None:
        """One step of somebody's, `(act, who, ...)`; what the database refuses did not happen."""
        self.log.append(step)
        act, who, *rest = step
        if who != "template":
            self.touched |= {(who, part.split("/")[0]) for part in rest if isinstance(part, str)}
        try:
            getattr(self, f"_{act}")(who, *rest)
        except (psycopg.IntegrityError, psycopg.errors.LockNotAvailable):
            self.log[-1] = (*step, "refused")

    @property
    def laid_hands_on(self) -> frozenset[tuple[str, str]]:
        """What tenants ever laid hands on: organisation, and slug of the row at the top."""
        return frozenset((self.organizations[who], slug) for who, slug in self.touched)

    def newest(self, who: str, kind: str, slug: str) -> int | None:
        """The row that has this slug, the newest of several."""
        where, values = "organization_id = %s AND slug = %s", (self.organizations[who], slug)
        if "/" in slug:
            above, slug = slug.split("/")
            where += (
                " AND watcher_id = (SELECT id FROM watchers WHERE organization_id = %s"
                " AND slug = %s)"
            )
            values = (values[0], slug, values[0], above)
        elif kind == "classifier":
            where += " AND watcher_id IS NULL"
        rows = self.world.sql(
            f"SELECT id FROM {TABLES[kind].name} WHERE {where} ORDER BY id DESC LIMIT 1", *values
        )
        return rows[0][0] if rows else None

    def versions(self, kind: str, row: int) -> list[tuple[int, int]]:
        """The id and the number of each version, oldest first."""
        table = TABLES[kind]
        return self.world.sql(
            f"SELECT id, version FROM {table.versions} WHERE {table.belongs} = %s "
            "ORDER BY version", row,
        )  # fmt: skip

    def _insert(self, table: str, *, beyond: bool, **row: Any) -> int:
        own = {
            key: json.dumps(value) if key in JSON and value is not None else value
            for key, value in row.items()
        }
        if beyond:
            largest = LARGEST if table == "watchers" else BEYOND
            own["id"] = self.world.sql(largest.format(table))[0][0]
        else:
            own["id"] = self._drawn(table)
        names, marks = ", ".join(own), ", ".join(["%s"] * len(own))
        self.world.sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", *own.values())
        return int(own["id"])

    def _drawn(self, table: str) -> int:
        """An id from the sequence, past those that were taken beside it."""
        while True:
            draw = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))"
            ((free,),) = self.world.sql(draw)
            if not self.world.sql(f"SELECT 1 FROM {table} WHERE id = %s", free):
                return int(free)

    def _add(self, who: str, kind: str, slug: str, value: str = "one", beyond: bool = True) -> None:
        """A row with its first version, which is in force."""
        row: dict[str, Any] = {
            "organization_id": self.organizations[who],
            "slug": slug.split("/")[-1],
            "name": f"{value} of {who}",
        }
        if kind == "watcher":
            following = self.world.sql(LARGEST.format("watchers"))[0][0]
            row |= {"watcher_group_id": following, "created_by": "user_ana"}
            row |= {"schedule": "0 7 * * *", "sources": [{"name": "s", "query": "SELECT 1"}]}
        elif TABLES[kind] is CLASSIFIERS:
            row |= {"attribute_key": "mood", "created_by": "user_ana"}
        if "/" in slug:
            row["watcher_id"] = self.newest(who, "watcher", slug.split("/")[0])
            if row["watcher_id"] is None:
                return
        table = TABLES[kind].name
        number = self._insert(table, beyond=beyond or kind == "watcher", **row)
        if TABLES[kind].versions:
            self._version(who, kind, number, 1, value, current=True, beyond=beyond)

    def _version(
        self, who: str, kind: str, row: int, number: int, value: str, *, current: bool, beyond: bool
    ) -> None:
        table = TABLES[kind]
        assert table.versions
        own: dict[str, Any] = {table.belongs: row, "version": number, "created_by": "user_ana"}
        own[table.content] = value if kind == "watcher" else {"v": value}
        if kind == "watcher":
            own |= {"name": value, "extraction_schema": "{}"}
            own |= {"required_source_types": [], "recommended_source_types": [value]}
        made = self._insert(table.versions, beyond=beyond, **own)
        if current:
            self._in_force(kind, row, made)

    def _in_force(self, kind: str, row: int, version: int | None, follow: bool = True) -> None:
        if kind == "watcher":
            more = ", version = (SELECT version FROM watcher_versions WHERE id = %s)"
            self.world.sql(
                f"UPDATE watchers SET current_version_id = %s{more if follow else ''} "
                "WHERE id = %s",
                version, *([version] if follow else []), row,
            )  # fmt: skip
        elif kind != "view_template":
            table = TABLES[kind].versions
            self.world.sql(
                f"UPDATE {table} SET is_current = false WHERE classifier_id = %s AND is_current",
                row,
            )
            self.world.sql(f"UPDATE {table} SET is_current = true WHERE id = %s", version)

    def _edit(self, who: str, kind: str, slug: str, column: str, value: Any) -> None:
        row = self.newest(who, kind, slug)
        self.world.sql(
            f"UPDATE {TABLES[kind].name} SET {column} = %s WHERE id = %s",
            json.dumps(value) if column in JSON and value is not None else value, row,
        )  # fmt: skip

    def _publish(
        self, who: str, kind: str, slug: str, how: str, value: str, current: bool, beyond: bool
    ) -> None:
        """A new version, with the number that the template has, wants next, or another."""
        row, above = self.newest(who, kind, slug), self.newest("template", kind, slug)
        if row is None:
            return
        own = [number for _, number in self.versions(kind, row)] or [0]
        theirs = [number for _, number in self.versions(kind, above)] if above else []
        latest = max(theirs or [0])
        number = {"next": latest + 1, "same": latest, "own": max(own) + 1}[how]
        self._version(who, kind, row, number, value, current=current, beyond=beyond)

    def _one(self, who: str, kind: str, slug: str, which: int) -> tuple[int, int] | None:
        row = self.newest(who, kind, slug)
        found = self.versions(kind, row) if row else []
        return (int(row or 0), found[which % len(found)][0]) if found else None

    def _rewrite(self, who: str, kind: str, slug: str, which: int, value: str) -> None:
        if one := self._one(who, kind, slug, which):
            table = TABLES[kind]
            text = value if kind == "watcher" else json.dumps({"v": value})
            self.world.sql(
                f"UPDATE {table.versions} SET {table.content} = %s WHERE id = %s", text, one[1]
            )

    def _point(self, who: str, kind: str, slug: str, which: int | None, follow: bool) -> None:
        """Move the pointer to one of the versions there are, or to nothing."""
        if one := self._one(who, kind, slug, which or 0):
            self._in_force(kind, one[0], None if which is None else one[1], follow)

    def _unpublish(self, who: str, kind: str, slug: str, which: int) -> None:
        if one := self._one(who, kind, slug, which):
            self.world.sql(f"DELETE FROM {TABLES[kind].versions} WHERE id = %s", one[1])

    def _usurp(
        self, who: str, kind: str, slug: str, value: str, current: bool, beyond: bool
    ) -> None:
        """A version of one's own in place of the one that is there, under the same number."""
        if row := self.newest(who, kind, slug):
            for version, number in self.versions(kind, row)[-1:]:
                self.world.sql(f"DELETE FROM {TABLES[kind].versions} WHERE id = %s", version)
                self._version(who, kind, row, number, value, current=current, beyond=beyond)

    def _kill(self, who: str, kind: str, slug: str, how: str) -> None:
        table, row = TABLES[kind], self.newest(who, kind, slug)
        if how == "delete":
            self.world.sql("DELETE FROM entity_type_audit")
            self.world.sql(f"DELETE FROM {table.name} WHERE id = %s", row)
        elif table.dead:
            to = table.dead if how == "retire" else table.alive
            self.world.sql(f"UPDATE {table.name} SET {to} WHERE id = %s", row)

    def _group(self, who: str, slug: str, other: str) -> None:
        first, second = self.newest(who, "watcher", slug), self.newest(who, "watcher", other)
        if first and second:
            self.world.sql("UPDATE watchers SET watcher_group_id = %s WHERE id = %s", second, first)

    def _show(self, who: str, slug: str, view: str | None, which: int) -> None:
        """A type is shown by one of a view template's versions, or by none."""
        one = self._one(who, "view_template", view, which) if view else None
        self.world.sql(
            "UPDATE entity_types SET current_view_template_version_id = %s WHERE id = %s",
            one and one[1], self.newest(who, "entity_type", slug),
        )  # fmt: skip

    def _rule(self, who: str, slug: str, source: str, target: str) -> None:
        """A relationship type may join these, or no longer, where it could before."""
        row = self.newest(who, "relationship_type", slug)
        rule = (row, source, target)
        table = "entity_relationship_type_rules"
        where = (
            "relationship_type_id = %s AND source_entity_type_slug = %s "
            "AND target_entity_type_slug = %s AND deleted_at IS NULL"
        )
        if self.world.sql(f"SELECT 1 FROM {table} WHERE {where}", *rule):
            self.world.sql(f"UPDATE {table} SET deleted_at = now() WHERE {where}", *rule)
        elif row:
            columns = "relationship_type_id, source_entity_type_slug, target_entity_type_slug"
            self.world.sql(f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s)", *rule)

    def _inverse(self, who: str, slug: str, other: str | None) -> None:
        self.world.sql(
            "UPDATE entity_relationship_types SET inverse_type_id = %s WHERE id = %s",
            self.newest(who, "relationship_type", other) if other else None,
            self.newest(who, "relationship_type", slug),
        )  # fmt: skip

    def _fire(self, who: str) -> None:
        """The tenant deletes the installed agent."""
        self.world.sql(
            "DELETE FROM agents WHERE organization_id = %s AND template_agent_id IS NOT NULL",
            self.organizations[who],
        )
        self.touched |= {(who, slug) for slugs in SLUGS.values() for slug in slugs}
