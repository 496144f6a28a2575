"""Whose a row is, and what follows: the ownership table of the semantics, as one function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.model.kind import Kind
from reconciler.model.snapshot import State, Template

Verdict = Literal[
    "create",
    "compare",
    "deleted_by_tenant",
    "user_authored",
    "foreign_owner",
    "dead_row_blocks",
    "ambiguous",
]


@dataclass(frozen=True)
class Ownership:
    """Decides for one template."""

    template: Template

    def ours(self, state: State) -> bool:
        """Placed by this template agent, or by another one of the same organisation."""
        if state.owner is None:
            return False
        return (
            state.owner.agent == self.template.agent_id
            or state.owner.organization == self.template.organization.id
        )

    def verdict(self, kind: Kind, state: State) -> Verdict:
        """What an address in this state means, before anybody resolved anything."""
        if state.situation == "ambiguous":
            return "ambiguous"
        if state.situation == "absent":
            # Asking for an install is asking for the agent, even where it was deleted before.
            return "deleted_by_tenant" if state.placed and not kind.installs else "create"
        if state.situation == "dead":
            return self._dead(kind, state)
        if kind.owner is None:
            return self._unowned(kind, state)
        if state.owner is None:
            return "user_authored"
        return "compare" if self.ours(state) else "foreign_owner"

    def _dead(self, kind: Kind, state: State) -> Verdict:
        # A child has no owner of its own: under a parent of ours, a dead one was deleted.
        if self.ours(state) or state.placed or kind.owner is None:
            return "deleted_by_tenant"
        return "dead_row_blocks" if state.blocks else "create"

    def _unowned(self, kind: Kind, state: State) -> Verdict:
        if kind.installs or state.placed:
            return "compare"
        return "user_authored"
