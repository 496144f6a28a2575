"""Any plan, applied, undone and done again: what was there before must be there once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from reconciler import library
from reconciler.model.change import Update
from reconciler.model.conflict import Conflict
from reconciler.model.plan import Plan
from reconciler.model.value import Ref
from tests.histories.photo import VERSIONS, Photo, Seen
from tests.histories.sync import ROUNDS
from tests.histories.town import Town

STAMPS = ("updated_at", "updated_by")
# What says that a row is dead; a tenant's way of killing it is not the tool's.
DEATH = ("status", "deleted_at")
# An address, in an organisation.
Place = tuple[str, str]
FLAGS: Final = ("skip", "adopt", "take", "restore", "release")
_NOTED: Final = {
    "deleted_by_tenant": "restore",
    "released": "adopt",
    "orphaned": "release",
    "dangling_owner": "take",
}
_WAYS_OUT: Final[dict[str, tuple[str, ...]]] = {
    "edited_both": ("adopt", "skip"),
    "foreign_owner": ("take", "take", "skip"),
    "in_use": ("release", "skip"),
}


@dataclass
class Asking:
    """A request with its flags, each given at most once a row."""

    options: dict[str, Any]
    flags: dict[str, str] = field(default_factory=dict)

    def plan(self, town: Town, targets: tuple[str, ...]) -> Plan:
        """The plan that it asks for."""
        given: dict[str, list[str]] = {flag: [] for flag in FLAGS}
        for address, flag in sorted(self.flags.items()):
            action, _, keep = flag.partition("=")
            given[action].append(f"{address}=keep" if keep else address)
        return town.world.plan(*targets, template=f"agent_{town.template}", **self.options, **given)


def resolved(
    town: Town, targets: tuple[str, ...], options: dict[str, Any], chance: Random
) -> tuple[Asking, Plan]:
    """A plan without conflicts: each is resolved in a way that chance has chosen."""
    asking = Asking(options)
    plan = asking.plan(town, targets)
    for note in plan.notes:
        flag = _NOTED.get(note.about)
        if flag == "release" and note.address.kind.endswith(("_version", "_rule")):
            continue
        if flag and not options.get("destroy") and chance.random() < 0.5:
            asking.flags[note.address] = flag + "=keep" * (
                flag == "adopt" and chance.random() < 0.3
            )
    for change in plan.changes:
        if change.action in ("update", "retire") and change.address.kind != "agent":
            owned = not change.address.kind.endswith(("_version", "_rule"))
            if owned and chance.random() < 0.15:
                asking.flags[change.address] = chance.choice(("release", "skip"))
    for _ in range(ROUNDS):
        if asking.flags:
            plan = asking.plan(town, targets)
        if not plan.conflicts:
            return asking, plan
        given = dict(asking.flags)
        for conflict in plan.conflicts:
            known = given.get(conflict.address)
            assert known != "skip", ("--skip does not resolve", conflict)
            way = "skip" if known else chance.choice(_ways_out(conflict))
            asking.flags[conflict.address] = way
    raise AssertionError(("these never end", plan.conflicts))


def _ways_out(conflict: Conflict) -> tuple[str, ...]:
    if conflict.reason == "user_authored":
        return ("adopt", "adopt=keep", "skip") if conflict.adoptable else ("skip",)
    return _WAYS_OUT.get(conflict.reason, ("skip",))


def there_and_back(
    town: Town, who: tuple[str, ...], options: dict[str, Any], chance: Random
) -> None:
    """Apply a plan, undo it, and undo that."""
    town.log.append(("plan", who, options))
    targets = tuple(town.organizations[one] for one in who)
    everybody = list(town.organizations.values())
    asking, plan = resolved(town, targets, options, chance)
    town.log.append(("flags", asking.flags))
    before, shown = Photo.take(town.world, everybody), _shown(town, targets)
    done = town.world.apply(plan)
    if done.revision is None:
        return
    first = Photo.take(town.world, everybody)
    used = frozenset(_used(town, plan, before))
    undo, back, left = _undone(town, done.revision, used)
    second = Photo.take(town.world, everybody)
    hold(before, second, plan, left)
    stays = {key: row for key, row in first.rows.items() if _at(first, row) in left}
    assert all(second.rows[key] == row for key, row in stays.items())
    if back is None or left:
        return
    again = asking.plan(town, targets)
    assert again.conflicts == (), again.conflicts
    meant = _meant(plan) - _regrouped(plan)
    assert _meant(again) == meant, sorted(_meant(again) ^ meant)
    if not _left_behind(plan):
        now = _shown(town, targets)
        assert now == shown, ("another plan than before", sorted(now ^ shown))
    _undone(town, back, frozenset())
    third = Photo.take(town.world, everybody)
    hold(first, third, undo)


def _undone(
    town: Town, revision: int, used: frozenset[Place]
) -> tuple[Plan, int | None, frozenset[Place]]:
    """Undo a revision; of rows that are `used` it may ask, and those are left as they are."""
    plan = library.plan_undo(town.world.dsn, revision, actor="user_ana")
    left = frozenset((one.address, one.target) for one in plan.conflicts)
    if left:
        asked = [one for one in plan.conflicts if one.reason != "in_use"]
        assert asked == [], asked
        assert left <= used, plan.conflicts
        skip = sorted({address for address, _ in left})
        plan = library.plan_undo(town.world.dsn, revision, actor="user_ana", skip=skip)
    assert plan.conflicts == (), plan.conflicts
    return plan, town.world.apply(plan).revision, left


def _used(town: Town, plan: Plan, before: Photo) -> Iterator[Place]:
    """What a plan brings back and the tenant's own rows used already, while it was dead.

    To retire it once more would hide those rows, and nobody knows when they began to use it.
    """
    back = {
        (one.address, to) for one in plan.changes if one.action == "restore" for to in one.targets
    }
    for (table, number), row in before.rows.items():
        entities = table == "entity_types" and town.world.sql(
            "SELECT FROM entities WHERE entity_type_id = %s", int(number)
        )
        if _at(before, row) in back and (entities or before.used(row, town.template)):
            yield _at(before, row)


def _shown(town: Town, targets: tuple[str, ...]) -> set[tuple[str, str, str]]:
    """What a sync says that nobody has resolved anything of, and that an undo asks for again."""
    plan = Asking({}).plan(town, targets)
    conflicts = {(one.reason, one.address, one.target) for one in plan.conflicts}
    notes = {(note.about, note.address, one) for note in plan.notes for one in note.targets}
    return _meant(plan) - _regrouped(plan) | conflicts | notes


def _regrouped(plan: Plan) -> set[tuple[str, str, str]]:
    """Where only a watcher's group was mended, which named no watcher: an undo does not know the
    id that it named, and leaves the watcher in a group of its own, so there is nothing to do again.
    """
    return {
        (change.action, change.address, target)
        for change in plan.changes
        if isinstance(change, Update)
        and [(one.column, one.before) for one in change.fields] == [("watcher_group_id", None)]
        and change.fields[0].after == Ref(ref=change.address)
        for target in change.targets
    }


def _left_behind(plan: Plan) -> bool:
    """Whether a plan creates what an undo cannot take away."""
    return any(
        change.action == "create" and change.address.kind.endswith(("_version", "view_template"))
        for change in plan.changes
    )


def _meant(plan: Plan) -> set[tuple[str, str, str]]:
    """What happens to which row; what was created is retired by an undo, and then restored.

    A version that was appended stays, so does a view template, and a rule comes back with what it
    belongs to: nothing happens to them again.
    """
    back = {
        (change.address.partition(".")[2], target)
        for change in plan.changes
        if change.address.kind == "relationship_type" and change.action in ("create", "restore")
        for target in change.targets
    }
    return {
        ("create" if change.action == "restore" else change.action, change.address, target)
        for change in plan.changes
        if not change.address.kind.endswith(("_version", "view_template"))
        for target in change.targets
        if change.address.kind != "relationship_rule" or (change.address.key[0], target) not in back
    }


def hold(before: Photo, after: Photo, plan: Plan, left: frozenset[Place] = frozenset()) -> None:
    """What was there before is there again, but for what a person left as it was."""
    wrongs = list(_wrongs(before, after, plan, left))
    assert wrongs == [], wrongs


def _wrongs(before: Photo, after: Photo, plan: Plan, left_alone: frozenset[Place]) -> Iterator[str]:
    named = {(_place(change.address), one) for change in plan.changes for one in change.targets}
    for key, was in before.rows.items():
        now = after.rows.get(key)
        address = before.address(was)
        if now is None:
            yield f"lost: {was}"
        elif now == was or (address, was.organization) in left_alone:
            continue
        elif was.table not in VERSIONS and (_place(address), was.organization) not in named:
            yield f"not named, and written: {was} became {now}"
        elif before.live(was):
            left = list(STAMPS)
            left += ["next_run_at"] if _rescheduled(plan, address) else []
            group = ("watchers", str(was.row.get("watcher_group_id")))
            # An id that names nothing is read as nothing, which is a group of one's own.
            left += ["watcher_group_id"] if group not in before.rows else []
            if was.without(*left) != now.without(*left):
                yield f"not as before: {_difference(was, now)}"
        elif after.live(now):
            yield f"{address} was dead, and lives: {now}"
        elif was.without(*STAMPS, *DEATH) != now.without(*STAMPS, *DEATH):
            yield f"dead, and not as before: {_difference(was, now)}"
    for key, now in after.rows.items():
        if key not in before.rows and not _may_remain(after, now):
            yield f"new, and still there: {now}"


def _at(photo: Photo, row: Seen) -> Place:
    return photo.address(row), row.organization


def _place(address: str) -> str:
    """An agent that is linked to no template has no name; there is one a target."""
    return "agent" if address.startswith("agent.") else address


def _may_remain(after: Photo, now: Seen) -> bool:
    """A version is history; an agent is unlinked; a view template cannot be retired."""
    if now.table in VERSIONS:
        return not now.row.get("is_current") or not after.live(after.above(now))
    if now.table == "agents":
        return now.row["template_agent_id"] is None
    if now.table == "view_templates":
        return now.row["managed_by_template_agent_id"] is None
    return not after.live(now)


def _rescheduled(plan: Plan, address: str) -> bool:
    return any(
        field.column == "schedule"
        for change in plan.changes
        if change.address == address and change.action not in ("create", "move")
        for field in change.fields
    )


def _difference(was: Seen, now: Seen) -> str:
    changed = {
        name: (value, now.row.get(name))
        for name, value in was.row.items()
        if now.row.get(name) != value and name not in STAMPS
    }
    return f"{was.table} {was.number} ({was.row.get('slug')}): {changed}"
