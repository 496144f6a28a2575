"""All rows of some organisations at one instant, read with SQL of the tests' own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.fixtures.world import World

# Column lists are the tests' own: what the database has is what is compared.
_TABLES = """
SELECT 'watchers', t.id::text, t.organization_id, t.xmin::text, to_jsonb(t) FROM watchers t
    WHERE t.organization_id = ANY(%(o)s)
UNION ALL SELECT 'watcher_versions', t.id::text, u.organization_id, t.xmin::text, to_jsonb(t)
    FROM watcher_versions t JOIN watchers u ON u.id = t.watcher_id
    WHERE u.organization_id = ANY(%(o)s)
UNION ALL SELECT 'event_classifiers', t.id::text, t.organization_id, t.xmin::text, to_jsonb(t)
    FROM event_classifiers t WHERE t.organization_id = ANY(%(o)s)
UNION ALL SELECT 'event_classifier_versions', t.id::text, u.organization_id, t.xmin::text,
    to_jsonb(t) FROM event_classifier_versions t
    JOIN event_classifiers u ON u.id = t.classifier_id WHERE u.organization_id = ANY(%(o)s)
UNION ALL SELECT 'view_templates', t.id::text, t.organization_id, t.xmin::text, to_jsonb(t)
    FROM view_templates t WHERE t.organization_id = ANY(%(o)s)
UNION ALL SELECT 'view_template_versions', t.id::text, u.organization_id, t.xmin::text,
    to_jsonb(t) FROM view_template_versions t
    JOIN view_templates u ON u.id = t.view_template_id WHERE u.organization_id = ANY(%(o)s)
UNION ALL SELECT 'entity_types', t.id::text, t.organization_id, t.xmin::text, to_jsonb(t)
    FROM entity_types t WHERE t.organization_id = ANY(%(o)s)
UNION ALL SELECT 'entity_relationship_types', t.id::text, t.organization_id, t.xmin::text,
    to_jsonb(t) FROM entity_relationship_types t WHERE t.organization_id = ANY(%(o)s)
UNION ALL SELECT 'entity_relationship_type_rules', t.id::text, u.organization_id, t.xmin::text,
    to_jsonb(t) FROM entity_relationship_type_rules t
    JOIN entity_relationship_types u ON u.id = t.relationship_type_id
    WHERE u.organization_id = ANY(%(o)s)
UNION ALL SELECT 'agents', t.id, t.organization_id, t.xmin::text, to_jsonb(t) FROM agents t
    WHERE t.organization_id = ANY(%(o)s)"""
_PLACED = """SELECT kind, row_id FROM reconcile.placement WHERE organization_id = ANY(%(o)s)"""
VERSIONS = {
    "watcher_versions": ("watchers", "watcher_id"),
    "event_classifier_versions": ("event_classifiers", "classifier_id"),
    "view_template_versions": ("view_templates", "view_template_id"),
}
RULES = "entity_relationship_type_rules"
# The tables whose rows belong to other rows, and have no owner of their own.
CHILDREN = {**VERSIONS, RULES: ("entity_relationship_types", "relationship_type_id")}
# What belongs to a row of these is a part of it; what only points at it is not.
_PARTS = CHILDREN | {"event_classifiers": ("watchers", "watcher_id")}
_POINTING = {
    "watchers": ("watchers", "watcher_group_id"),
    "entity_relationship_types": ("entity_relationship_types", "inverse_type_id"),
}
TRACKED = (
    "watchers", "event_classifiers", "view_templates", "entity_types", "entity_relationship_types",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One row: whose, which row version, and its values."""

    table: str
    number: str
    organization: str
    xmin: str
    row: dict[str, Any]

    def without(self, *columns: str) -> dict[str, Any]:
        """The values without some."""
        return {key: value for key, value in self.row.items() if key not in columns}


@dataclass(frozen=True)
class Photo:
    """Rows by table and id, and the versions that the ledger says were placed."""

    rows: dict[tuple[str, str], Seen]
    placed: frozenset[tuple[str, str]]

    @classmethod
    def take(cls, world: World, organizations: list[str]) -> Photo:
        """All there is of these organisations."""
        asked = {"o": organizations}
        found = world.connection.execute(_TABLES, asked).fetchall()
        placed = world.connection.execute(_PLACED, asked).fetchall()
        return cls({line[:2]: Seen(*line) for line in found}, frozenset(placed))

    def of(self, organization: str, table: str) -> list[Seen]:
        """The rows of one organisation in a table."""
        return [
            seen
            for seen in self.rows.values()
            if seen.table == table and seen.organization == organization
        ]

    def address(self, seen: Seen) -> str:
        """What a plan calls this row."""
        row = seen.row
        match seen.table:
            case "watchers":
                return f"watcher.{row['slug']}"
            case "event_classifiers" if row["watcher_id"] is not None:
                above = self.rows.get(("watchers", str(row["watcher_id"])))
                return f"watcher_classifier.{above and above.row['slug']}/{row['slug']}"
            case "event_classifiers":
                return f"classifier.{row['slug']}"
            case "view_templates":
                return f"view_template.{row['slug']}"
            case "entity_types":
                return f"entity_type.{row['slug']}"
            case "entity_relationship_types":
                return f"relationship_type.{row['slug']}"
            case "entity_relationship_type_rules":
                ends = f"{row['source_entity_type_slug']}/{row['target_entity_type_slug']}"
                return f"relationship_rule.{self.above(seen).row['slug']}/{ends}"
            case "agents":
                return f"agent.{row['template_agent_id']}"
        kind, key = self.address(self.above(seen)).split(".", 1)
        return f"{kind}_version.{key}/{row['version']}"

    def above(self, seen: Seen) -> Seen:
        """The row that a version or a rule belongs to."""
        table, column = CHILDREN[seen.table]
        return self.rows[table, str(seen.row[column])]

    def ours(self, seen: Seen) -> bool:
        """Whether a template placed this row: its tag says so or, of a child, the ledger."""
        if seen.table in CHILDREN:
            kind = self.address(seen).split(".")[0]
            return (kind, seen.number) in self.placed
        if seen.table == "agents":
            return seen.row["template_agent_id"] is not None
        return seen.row["managed_by_template_agent_id"] is not None

    def used(self, seen: Seen, template: str) -> bool:
        """Whether a row that is not this template's belongs to this one or to a part of it, or
        points at it.
        """
        for other in self.rows.values():
            part = _refers(_PARTS, other, seen)
            if (part or _refers(_POINTING, other, seen)) and other is not seen:
                tag = other.row.get("source_template_org_id", template)
                if tag != template or not self.ours(other):
                    return True
            if part and self.used(other, template):
                return True
        return False

    def live(self, seen: Seen) -> bool:
        """Whether the row is in use, and the watcher that it belongs to."""
        if seen.table == "event_classifiers" and seen.row["watcher_id"] is not None:
            watcher = self.rows.get(("watchers", str(seen.row["watcher_id"])))
            if watcher is None or not self.live(watcher):
                return False
        if seen.table == RULES and not self.live(self.above(seen)):
            return False
        return seen.row.get("status") in ("active", None) and seen.row.get("deleted_at") is None

    def current(self, seen: Seen) -> Seen | None:
        """The version in force of a watcher, classifier or entity type."""
        if seen.table == "event_classifiers":
            mine = self.of(seen.organization, "event_classifier_versions")
            return next((v for v in mine if v.row["is_current"] and self.above(v) is seen), None)
        table, column = {
            "watchers": ("watcher_versions", "current_version_id"),
            "entity_types": ("view_template_versions", "current_view_template_version_id"),
        }[seen.table]
        return self.rows.get((table, str(seen.row[column])))


def _refers(columns: dict[str, tuple[str, str]], row: Seen, to: Seen) -> bool:
    table, column = columns.get(row.table, ("", ""))
    return table == to.table and str(row.row[column]) == to.number
