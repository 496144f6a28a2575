"""Whose a row is, and what follows: the ownership table of the semantics, as one function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from reconciler.model.kind import Kind
from reconciler.model.snapshot import State, Template

Verdict = Literal[
    "create",
    "restore",
    "compare",
    "release",
    "released",
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
        match state.situation:
            case "ambiguous":
                return "ambiguous"
            case "absent":
                return self._absent(kind, state)
            case "dead":
                return self._dead(kind, state)
            case "live" | "detached":
                return self._live(kind, state)
            case _:
                assert_never(state.situation)

    def _absent(self, kind: Kind, state: State) -> Verdict:
        if state.ledger == "released":
            return "released"
        # Asking for an install is asking for the agent, even where it was deleted before.
        return "deleted_by_tenant" if state.ledger == "placed" and not kind.installs else "create"

    def _live(self, kind: Kind, state: State) -> Verdict:
        if kind.owner is None:
            known = kind.installs or state.ledger is not None
            return "compare" if known else "user_authored"
        if state.owner is None:
            return "released" if state.ledger == "released" else "user_authored"
        return "compare" if self.ours(state) else "foreign_owner"

    def _dead(self, kind: Kind, state: State) -> Verdict:
        if state.ledger == "released":
            return "released"
        ours = kind.owner is None or self.ours(state)
        if state.ledger == "retired" and state.revivable and ours:
            # A plan retired it, and not the tenant: what the template has again, comes back.
            return "restore"
        # A child has no owner of its own: under a parent of ours, a dead one was deleted.
        if ours or state.ledger == "placed":
            return "deleted_by_tenant"
        return "dead_row_blocks" if state.blocks else "create"
