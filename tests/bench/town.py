"""The town that is measured: one template, and tenants that install it.

50 entity types with a JSON Schema of about 1.5 KB each, and 10 relationship types: 60 rows a
tenant. The installed agent is a row, too, and the 61st of which the ledger knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

import psycopg

from reconciler import library
from reconciler.database.embedded import Server
from reconciler.demo.seed import create_tables
from reconciler.model.plan import Plan
from reconciler.model.request import Way
from tests.bench.measure import Connection, tidied

ENTITY_TYPES: Final = 50
RELATIONSHIP_TYPES: Final = 10
ROWS: Final = ENTITY_TYPES + RELATIONSHIP_TYPES

_TEMPLATE: Final = "agent_template"
_OWNER: Final = "user_owner"
_NAME: Final = "town"

# Ids are as long and as random as those that a login library hands out: both matter to the
# size of an index.
_ORGANIZATIONS: Final = """
INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
VALUES ('user_owner', 'Owner', 'owner@town.test', true, now(), now());
INSERT INTO organization (id, name, slug, visibility, "createdAt")
VALUES ('org_template', 'Template', 'template', 'public', now());
INSERT INTO organization (id, name, slug, "createdAt")
SELECT md5('target ' || n), 'Tenant ' || n, 'tenant-' || n, now()
FROM generate_series(1, {targets}) AS n;
INSERT INTO member (id, "organizationId", "userId", role, "createdAt")
SELECT md5('member ' || id), id, 'user_owner', 'owner', now() FROM organization;
INSERT INTO agents (id, organization_id, name)
VALUES ('agent_template', 'org_template', 'Town');
"""
_VOCABULARY: Final = """
INSERT INTO entity_types (organization_id, slug, name, description, icon, metadata_schema)
SELECT 'org_template', 'type_' || n, 'Type ' || n, 'What a tenant keeps of the sort ' || n, 'box',
       jsonb_build_object('type', 'object', 'properties', (
           SELECT jsonb_object_agg('property_' || p, jsonb_build_object(
               'type', 'string', 'title', 'Property ' || p,
               'description', md5(n || ' ' || p) || ' ' || md5(p || ' ' || n)))
           FROM generate_series(1, 10) AS p))
FROM generate_series(1, {entity_types}) AS n;
INSERT INTO entity_relationship_types (organization_id, slug, name, description, metadata_schema)
SELECT 'org_template', 'relation_' || n, 'Relation ' || n, 'How two of them relate: ' || n,
       '{{"type": "object"}}'
FROM generate_series(1, {relationship_types}) AS n;
"""
_NEXT_VERSION: Final = """
UPDATE entity_types SET metadata_schema =
    jsonb_set(metadata_schema, '{properties,property_1,title}', to_jsonb(md5(random()::text)))
WHERE organization_id = 'org_template' AND slug = 'type_1'
"""
# The template reads its own organisation. The types that say so are the platform's, not shipped.
_CATALOG: Final = """
INSERT INTO organization (id, name, slug, visibility, "createdAt")
VALUES ('org_platform', 'Platform', 'platform', 'public', now());
WITH kind AS (
    INSERT INTO entity_types (organization_id, slug, name)
    VALUES ('org_platform', 'agent_template', 'Template'), ('org_platform', '$catalog', 'Catalog')
    RETURNING id, slug
), stands AS (
    INSERT INTO entities (organization_id, entity_type_id, name, slug, created_by)
    SELECT 'org_template', id, slug, slug, 'user_owner' FROM kind RETURNING id, slug
), reads AS (
    INSERT INTO entity_relationship_types (organization_id, slug, name)
    VALUES ('org_platform', 'uses_catalog', 'Reads') RETURNING id
)
INSERT INTO entity_relationships
    (organization_id, from_entity_id, to_entity_id, relationship_type_id)
SELECT 'org_template', t.id, c.id, r.id FROM stands t, stands c, reads r
WHERE t.slug = 'agent_template' AND c.slug = '$catalog';
"""
# As a platform has it in every organisation: what its members are.
_MEMBERS: Final = """
INSERT INTO entity_types (organization_id, slug, name)
SELECT id, '$member', 'Member' FROM organization WHERE visibility = 'private'
"""


@dataclass(frozen=True)
class Tenants:
    """A copy of the town: what is done to it, nobody else sees."""

    connection: Connection
    dsn: str

    def targets(self, number: int) -> list[str]:
        """The ids of the first so many of the tenants."""
        found = self.connection.execute(
            "SELECT md5('target ' || n) FROM generate_series(1, %s) AS n", (number,)
        )
        return [identity for (identity,) in found]

    def plan(self, targets: int, mode: Way | None = None) -> Plan:
        """A plan for the first so many of the tenants."""
        wanted = self.targets(targets)
        return library.plan(self.connection, _TEMPLATE, wanted, actor=_OWNER, mode=mode)

    def apply(self, plan: Plan) -> None:
        """Apply a plan; one that has nothing to do would measure nothing."""
        outcome = library.apply(self.connection, plan)
        assert outcome.status == "applied", outcome

    def read_a_catalog(self) -> None:
        """From now on the template can be installed by reference, too."""
        self.connection.execute(_CATALOG.encode())
        self.connection.execute(_MEMBERS.encode())
        tidied(self.connection)

    def change_one_type(self) -> None:
        """The template changes one of its types."""
        self.connection.execute(_NEXT_VERSION)


class Town:
    """A database to copy, with a template that nobody has installed yet."""

    def __init__(self, server: Server, targets: int) -> None:
        self.server = server
        self.targets = targets
        self._copies = count(1)
        server.create_database(_NAME)
        with psycopg.connect(server.dsn(_NAME), autocommit=True) as connection:
            create_tables(connection)
            library.init(connection)
            connection.execute(_ORGANIZATIONS.format(targets=targets).encode())
            connection.execute(
                _VOCABULARY.format(
                    entity_types=ENTITY_TYPES, relationship_types=RELATIONSHIP_TYPES
                ).encode()
            )
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
            tidied(connection)

    @contextmanager
    def copy(self) -> Iterator[Tenants]:
        """A copy of one's own, dropped afterwards."""
        name = f"{_NAME}_{next(self._copies)}"
        dsn = self.server.create_database(name, template=_NAME)
        try:
            # As the library's own connections are.
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
                yield Tenants(connection, dsn)
        finally:
            self.server.drop_database(name)
