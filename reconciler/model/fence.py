"""Names that the fence goes by in a database: who writes behind it, and what holds them in."""

from __future__ import annotations

from typing import Final

# Settings: whether there is a fence (`true`, `false`), and which role writes behind it.
SETTING: Final = "fence"
ROLE_SETTING: Final = "fence_role"
ROLE: Final = "reconcile_fence"

# The policies that bind the role to the plan's targets, on each table that kinds let it write; and
# the one without which row-level security would hide all rows from everybody. One a command: in one
# for all, a table whose rows belong to rows of the same table would ask for itself without end.
POLICIES: Final = {"INSERT": "reconcile_fence_insert", "UPDATE": "reconcile_fence_update"}
OPEN: Final = "reconcile_fence_open"

# What an apply tells its policies, for as long as its transaction lasts: the ids of its targets.
TARGETS: Final = "reconcile.targets"
