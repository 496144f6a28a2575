"""Tenants that are spread over several databases: one plan, a section and a transaction each.

    databases = shards.load("databases.toml")
    plan = shards.plan(databases, "personal-finance", Selection(installed=True))
    outcome = shards.apply(databases, plan)
    shards.status(databases)

What is in one database is all or nothing; together the databases are not: see `apply`.

    everywhere   the same work in all databases at once, and whose fault it was
    located      in which database those are who are named
"""

from __future__ import annotations

from reconciler.shard_list import Databases as Databases
from reconciler.shard_list import load as load
from reconciler.shards.applied import apply as apply
from reconciler.shards.planned import plan as plan
from reconciler.shards.surveyed import status as status
