"""Three databases on two servers, and a template that is published in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler import Selection, library, shards
from reconciler.database import embedded
from reconciler.database.embedded import Server
from reconciler.demo.seed import create_tables, seed
from reconciler.model.sharded import ShardedOutcome, ShardedPlan
from tests.fixtures.world import World, copied

PASSWORD = "hunter2-and-more"
NAMES = ("eu", "us", "asia")


@pytest.fixture(scope="session")
def second_server() -> Iterator[Server]:
    """A server beside the one that all tests share."""
    with embedded.temporary() as server:
        dsn = server.create_database("seeded")
        with psycopg.connect(dsn, autocommit=True) as connection:
            create_tables(connection)
            library.init(connection)
            seed(connection)
        yield server


@contextmanager
def opened(server: Server, seeded: str) -> Iterator[World]:
    yield from copied(server, seeded)


@pytest.fixture(scope="module")
def worlds(server: Server, second_server: Server, seeded: str) -> Iterator[dict[str, World]]:
    with (
        opened(server, seeded) as eu,
        opened(server, seeded) as us,
        opened(second_server, "seeded") as asia,
    ):
        yield dict(zip(NAMES, (eu, us, asia), strict=True))


@dataclass
class Spread:
    """A template of two types in every database, and a few tenants in each."""

    worlds: dict[str, World]
    file: Path
    home: str = field(default_factory=lambda: f"t{uuid4().hex[:10]}")
    tenants: dict[str, list[str]] = field(default_factory=dict)

    @property
    def agent(self) -> str:
        return f"agent_{self.home}"

    def settle(self) -> Spread:
        for world in self.worlds.values():
            self.publish(world)
        for number, (name, world) in enumerate(self.worlds.items(), 1):
            self.tenants[name] = [world.organization() for _ in range(number)]
        self.write()
        return self

    def publish(self, world: World) -> None:
        organization = world.organization(self.home, visibility="public")
        world.insert("agents", id=self.agent, organization_id=organization, name="Spread")
        for slug in ("person", "account"):
            world.insert("entity_types", slug=slug, name=slug, organization_id=organization)

    def write(self, **other: str) -> None:
        """The file of databases, with other connection strings for some of them."""
        dsns = {name: world.dsn for name, world in self.worlds.items()} | other
        self.file.write_text(
            "".join(
                f"[[database]]\nname = '{name}'\n"
                f"dsn = '''{make_conninfo(dsn, password=PASSWORD)}'''\n"
                for name, dsn in dsns.items()
            )
        )

    @property
    def databases(self) -> shards.Databases:
        return shards.load(self.file)

    @property
    def everybody(self) -> list[str]:
        return [one for tenants in self.tenants.values() for one in tenants]

    @property
    def words(self) -> list[str]:
        """The words of the command line that name everybody, and the file."""
        named = [word for one in self.everybody for word in ("--target", one)]
        return [self.agent, *named, "--as", "user_ana", "--databases", str(self.file)]

    def plan(self, selection: Selection | None = None, **options: Any) -> ShardedPlan:
        chosen = selection or Selection(targets=tuple(self.everybody))
        return shards.plan(self.databases, self.agent, chosen, **{"actor": "user_ana", **options})

    def apply(self, plan: ShardedPlan, **options: Any) -> ShardedOutcome:
        return shards.apply(self.databases, plan, **options)

    def own(self, name: str, slug: str = "person") -> None:
        """A tenant makes a type of its own, which is then in the way."""
        self.worlds[name].insert(
            "entity_types", slug=slug, name="Mine", organization_id=self.tenants[name][0]
        )

    def disown(self, name: str, slug: str = "person") -> None:
        """It takes it back."""
        self.worlds[name].sql(
            "DELETE FROM entity_types WHERE organization_id = %s AND slug = %s AND name = 'Mine'",
            self.tenants[name][0],
            slug,
        )

    def rows(self) -> dict[str, list[list[tuple[Any, ...]]]]:
        """What each tenant has, in which revision of how many, without what differs by chance."""
        return {
            name: [
                self.worlds[name].sql(
                    "SELECT e.slug, e.name, e.managed_by_template_agent_id = %s, e.deleted_at, "
                    "(SELECT count(*) FROM agents a WHERE a.organization_id = %s "
                    " AND a.template_agent_id = %s), "
                    "(SELECT count(*) FROM reconcile.revision r WHERE r.targets @> ARRAY[%s]) "
                    "FROM entity_types e WHERE e.organization_id = %s ORDER BY e.slug",
                    self.agent, one, self.agent, one, one,
                )
                for one in tenants
            ]
            for name, tenants in self.tenants.items()
        }  # fmt: skip

    def written(self) -> list[str]:
        """The databases in which a tenant has got something."""
        return [
            name
            for name, tenants in self.rows().items()
            if any(row[2] for rows in tenants for row in rows)
        ]


@pytest.fixture
def spread(worlds: dict[str, World], tmp_path: Path) -> Spread:
    return Spread(worlds, tmp_path / "databases.toml").settle()


@pytest.fixture
def another(worlds: dict[str, World], tmp_path: Path) -> Spread:
    """The same once more, with tenants and a template of its own."""
    return Spread(worlds, tmp_path / "another.toml").settle()


def became(outcome: ShardedOutcome) -> list[str]:
    return [one.status for one in outcome.sections]
