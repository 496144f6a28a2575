"""Everybody at once: two appliers with overlapping targets, a publisher, a tenant who never rests.

Threads and connections of their own, so no two crowds are alike; what is asserted holds for all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from threading import Event, Thread

import psycopg

from reconciler.errors import LockedError, StalePlanError
from tests.fixtures.world import World
from tests.histories.sync import Asked, resolved, sync
from tests.histories.town import Town
from tests.soak.lies import LIES

TENANTS = 8
_EXPECTED = (StalePlanError, LockedError)
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass
class Crowd:
    """A town whose people all run at the same time, and what they did.

    `journal` is what the tenant wrote last into each row of its own, and into the columns of ours
    that are its own: table, id and column, with the value.
    """

    town: Town
    chance: Random
    seen: Counter[str] = field(default_factory=Counter)
    journal: dict[tuple[str, int, str], str] = field(default_factory=dict)
    broken: list[BaseException] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    @classmethod
    def gather(cls, world: World, seed: int) -> Crowd:
        """A template, and tenants who all have it."""
        town = Town.found(world)
        town.organizations |= {f"t{n}": world.organization() for n in range(TENANTS)}
        crowd = cls(town, Random(seed))
        sync(town, crowd.tenants, adopting=False)
        return crowd

    @property
    def tenants(self) -> tuple[str, ...]:
        """All who are no template."""
        return tuple(one for one in self.town.organizations if one != "template")

    def rage(self, seconds: float) -> None:
        """Let all of them run for so long, and then see whether anything was lost or doubled."""
        half = len(self.tenants) // 2
        everybody = [
            self._thread(lambda town: self._apply(town, self.tenants)),
            self._thread(lambda town: self._apply(town, self.tenants[: half + 2])),
            self._thread(self._publish),
            self._thread(self._write),
        ]
        for one in everybody:
            one.start()
        time.sleep(seconds)
        self.over.set()
        for one in everybody:
            one.join()
        ((deadlocks,),) = self.town.world.sql(_DEADLOCKS)
        self.seen["deadlocks"] += deadlocks
        assert self.broken == [], self.broken
        self._hold()

    def _thread(self, act: Callable[[Town], None]) -> Thread:
        def run() -> None:
            dsn = self.town.world.dsn
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    town = replace(self.town, world=World(dsn, connection), log=[], touched=set())
                    while not self.over.is_set():
                        act(town)
            except BaseException as error:
                self.broken.append(error)

        return Thread(target=run)

    def _apply(self, town: Town, who: tuple[str, ...]) -> None:
        """An applier: what is in the way is left alone; to come too late is no failure."""
        asked, targets = Asked(), tuple(town.organizations[one] for one in who)
        asked.skip.update(one.address for one in asked.plan(town, targets).conflicts)
        plan = asked.plan(town, targets)
        if plan.conflicts:
            self.seen["in the way by then"] += 1
            return
        try:
            outcome = town.world.apply(plan, lock_timeout="5s")
        except _EXPECTED as error:
            self.seen[f"refused: {type(error).__name__}"] += 1
        else:
            self.seen[f"applies: {outcome.status}"] += 1

    def _publish(self, town: Town) -> None:
        number = self.seen["published"]
        self.seen["published"] += 1
        slug = self.chance.choice(("t1", "r1", "w1", "c1"))
        kind = {"t": "entity_type", "r": "relationship_type", "w": "watcher", "c": "classifier"}
        if slug[0] in "wc" and number % 3 == 0:
            step = ("publish", "template", kind[slug[0]], slug, "next", f"v{number}", True, True)
            town.live(step)
        elif number % 5 == 0:
            town.live(("add", "template", "entity_type", f"hot{number}"))
        else:
            town.live(("edit", "template", kind[slug[0]], slug, "name", f"name {number}"))
        self.over.wait(0.05)

    def _write(self, town: Town) -> None:
        """The tenant: rows of its own, columns of its own in ours, and slugs that we want next."""
        who = self.chance.choice(self.tenants)
        organization = town.organizations[who]
        number = self.seen["tenant's writes"]
        self.seen["tenant's writes"] += 1
        act = self.chance.randrange(4)
        if act == 0:
            town.live(("add", who, "entity_type", f"own{number}"))
            if row := town.newest(who, "entity_type", f"own{number}"):
                self.journal["entity_types", row, "name"] = f"one of {who}"
        elif act == 1 and (mine := [one for one in self.journal if one[2] == "name"]):
            table, row, column = self.chance.choice(mine)
            self._set(town, table, row, column, f"mine {number}")
        elif act == 2 and (row := town.newest(who, "watcher", "w1")):
            self._set(town, "watchers", row, "connection_id", f"connection {number}")
        else:
            hot = f"hot{5 * (self.seen['published'] // 5 + 1)}"
            town.live(("add", who, "entity_type", hot))
            if rows := town.world.sql(
                "SELECT id FROM entity_types WHERE organization_id = %s AND slug = %s "
                "AND managed_by_template_agent_id IS NULL", organization, hot,
            ):  # fmt: skip
                self.journal.setdefault(("entity_types", rows[0][0], "name"), f"one of {who}")

    def _set(self, town: Town, table: str, row: int, column: str, value: str) -> None:
        town.world.sql(f"UPDATE {table} SET {column} = %s WHERE id = %s", value, row)
        self.journal[table, row, column] = value

    def _hold(self) -> None:
        """Nothing that the tenant wrote is lost, nothing is there twice, and peace is possible."""
        world = self.town.world
        for (table, row, column), value in self.journal.items():
            ((now,),) = world.sql(f"SELECT {column} FROM {table} WHERE id = %s", row)
            assert now == value, f"lost: {table} {row} {column} was {value!r} and is {now!r}"
        for table in ("entity_types", "watchers", "entity_relationship_types"):
            doubled = world.sql(
                f"SELECT organization_id, slug, count(*) FROM {table} WHERE status = 'active' "
                "GROUP BY 1, 2 HAVING count(*) > 1"
                if table == "watchers"
                else f"SELECT organization_id, slug, count(*) FROM {table} "
                "WHERE deleted_at IS NULL GROUP BY 1, 2 HAVING count(*) > 1"
            )
            assert doubled == [], doubled
        assert world.sql(
            "SELECT organization_id, count(*) FROM agents WHERE template_agent_id = %s "
            "GROUP BY 1 HAVING count(*) > 1", f"agent_{self.town.template}",
        ) == []  # fmt: skip
        assert world.sql(LIES) == []
        _, plan = resolved(self.town, self.tenants, adopting=False)
        world.apply(plan)
        _, again = resolved(self.town, self.tenants, adopting=False)
        assert again.empty
