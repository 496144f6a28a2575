"""Which addresses a target will have once the plan is applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from reconciler.model.address import Address
from reconciler.model.kind import Column, Kind
from reconciler.model.value import Ref, Value

# What becomes of a reference to a row that the target does not have.
Fallback = Literal["conflict", "null", "itself", "stay"]


class Reach:
    """Knows, for each address of the template, where it will not be.

    missing  organisations without a live row at the address
    foreign  organisations where the row is not ours, so that its children are not either
    left_out   children that are left out for that reason, and where
    deferred   what is not mirrored and not there (or there twice, ambiguous), and where
    unchanged  how many rows are as the template has them already
    new, restored  where the row is created, and where a retired one comes back, or what belongs
               to one does
    """

    def __init__(self, template: frozenset[Address], kinds: Mapping[str, Kind]) -> None:
        self.template = template
        self.kinds = kinds
        self.missing: dict[Address, set[str]] = defaultdict(set)
        self.unchanged = 0
        self.left_out: list[tuple[Address, frozenset[str]]] = []
        self.deferred: dict[Address, dict[str, Literal["absent", "ambiguous"]]] = defaultdict(dict)
        self.foreign: dict[Address, set[str]] = defaultdict(set)
        self.new: dict[Address, set[str]] = defaultdict(set)
        self.restored: dict[Address, set[str]] = defaultdict(set)

    def unresolved(self, value: Value, organizations: frozenset[str]) -> frozenset[str]:
        """Those of the organisations in which a reference would point at nothing.

        A current version must be the template's own: the tenant's with the same number is
        another one.
        """
        if not isinstance(value, Ref):
            return frozenset()
        if value.organization is not None or value.ref not in self.template:
            return organizations
        if self.kinds[value.ref.kind].history:
            return organizations & (self.missing[value.ref] | self.foreign[value.ref])
        return organizations & self.missing[value.ref]

    def is_own(self, value: Value, *, known: bool) -> bool:
        """Whether a pointer is at a version that is not the template's: the tenant chose it.

        Where the base is `known`, what the template no longer has may still be what was applied.
        """
        if not isinstance(value, Ref) or not self.kinds[value.ref.kind].history:
            return False
        if value.own or value.organization is not None:
            return True
        return not known and value.ref not in self.template

    def fallback(self, column: Column, *, new: bool) -> Fallback:
        """What a reference of a new row, or of one that is there, becomes instead."""
        if column.itself:
            return "itself"
        if self.kinds[str(column.references)].history:
            if not new:
                return "stay"
            return "conflict" if column.required else "null"
        return "null" if column.nullable else "conflict"
