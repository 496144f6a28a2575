"""What a new version changes: shown against the version that was in force where it goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler.differ.compare import change as field_change
from reconciler.model.address import Address
from reconciler.model.change import Change, Create, Predecessor
from reconciler.model.kind import Kind
from reconciler.model.snapshot import Snapshot
from reconciler.model.value import Ref, Value


def with_predecessors(
    changes: Iterable[Change], snapshot: Snapshot, kinds: Mapping[str, Kind]
) -> Iterator[Change]:
    """The changes, with new versions split by what they follow.

    A pointer that moves says which version was in force. Its content is the template's, unless
    the target's row was seen to differ.
    """
    told = list(changes)
    moved = _moved(told)
    versions = {row.address: row.values for row in snapshot.rows if kinds[row.address.kind].history}
    differs = {
        (state.address, organization)
        for state in snapshot.states
        if state.address in versions
        for organization in state.organizations
    }
    for one in told:
        if not isinstance(one, Create) or one.address not in versions:
            yield one
            continue
        groups: dict[Address | None, list[str]] = defaultdict(list)
        for target in one.targets:
            before = moved.get((one.address, target))
            known = before in versions and (before, target) not in differs
            groups[before if known else None].append(target)
        for before, targets in groups.items():
            predecessor = None
            if before is not None:
                old = versions[before]
                fields = (
                    field_change(name, old[name], value)
                    for name, value in one.values.items()
                    if old[name] != value
                )
                predecessor = Predecessor(address=before, fields=tuple(fields))
            yield one.model_copy(update={"targets": tuple(targets), "predecessor": predecessor})


def _moved(changes: Iterable[Change]) -> dict[tuple[Address, str], Address]:
    """For a version and a target: the version that it takes over from."""
    return {
        (after, target): before
        for one in changes
        if not isinstance(one, Create)
        for field in one.fields
        if (before := _here(field.before)) and (after := _here(field.after))
        for target in one.targets
    }


def _here(value: Value) -> Address | None:
    if not isinstance(value, Ref) or value.own or value.organization is not None:
        return None
    return value.ref
