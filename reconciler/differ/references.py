"""Which addresses a target will have once the plan is applied."""

from __future__ import annotations

from collections import defaultdict

from reconciler.model.address import Address
from reconciler.model.value import Ref, Value


class Reach:
    """Knows, for each address of the template, where it will not be.

    missing  organisations without a live row at the address
    foreign  organisations where the row is not ours, so that its children are not either
    left_out   children that are left out for that reason, and where
    unchanged  how many rows are as the template has them already
    """

    def __init__(self, template: frozenset[Address]) -> None:
        self.template = template
        self.missing: dict[Address, set[str]] = defaultdict(set)
        self.unchanged = 0
        self.left_out: list[tuple[Address, frozenset[str]]] = []
        self.foreign: dict[Address, set[str]] = defaultdict(set)

    def unresolved(self, value: Value, organizations: frozenset[str]) -> frozenset[str]:
        """Those of the organisations in which a reference would point at nothing."""
        if not isinstance(value, Ref):
            return frozenset()
        if value.organization is not None or value.ref not in self.template:
            return organizations
        return organizations & self.missing[value.ref]
