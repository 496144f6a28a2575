"""What must be true after an apply, whatever happened before: a model that shares no code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model.plan import Plan
from tests.histories.photo import TRACKED, VERSIONS, Photo, Seen

RUNNING = ("connection_id", "scheduler_client_id", "entity_ids")
COMPARED = {
    "watchers": (
        "name", "description", "schedule", "sources", "model_config", "tags", "reaction_script",
        "reaction_script_compiled",
    ),
    "event_classifiers": ("name", "description", "attribute_key"),
    "view_templates": ("name",),
    "entity_types": ("name", "description", "metadata_schema", "icon", "color", "event_kinds"),
    "entity_relationship_types": ("name", "description", "metadata_schema", "is_symmetric"),
}  # fmt: skip
# What says whose a version row is, and not what it says.
PLACE = {"id", "watcher_id", "classifier_id", "view_template_id", "created_by", "created_at"}


@dataclass(frozen=True)
class Truth:
    """One apply: what was there before and after, and what the plan said.

    `adopted` are the addresses that a person took over by name; `touched` the slugs of rows that
    a tenant ever laid hands on, by organisation. Where somebody `moved` on since the plan was
    made, the targets are not held against the template. `taken_over` are versions of a tenant's
    own that were in force when the row was taken over: the row goes on from them.
    """

    before: Photo
    after: Photo
    plan: Plan
    template: str
    targets: tuple[str, ...]
    adopted: frozenset[str]
    touched: frozenset[tuple[str, str]] = frozenset()
    moved: bool = False
    taken_over: frozenset[tuple[str, str]] = frozenset()

    def wrongs(self) -> Iterator[str]:
        """Everything that does not hold."""
        for key, was in self.before.rows.items():
            now = self.after.rows.get(key)
            if now is None:
                yield f"lost: {was}"
            elif now == was:
                continue
            elif was.organization not in self.targets:
                yield f"somebody else's: {was} became {now}"
            else:
                yield from self._changed(was, now)
        for key, now in self.after.rows.items():
            if key not in self.before.rows:
                yield from self._new(now)
        for target in () if self.moved else self.targets:
            yield from self._as_the_template(target)

    def _named(self, address: str, organization: str) -> bool:
        return any(
            change.address == address and organization in change.targets
            for change in self.plan.changes
        )

    def _changed(self, was: Seen, now: Seen) -> Iterator[str]:
        photo = self.before
        address = photo.address(was)
        if was.table in VERSIONS:
            if was.without("is_current") != now.without("is_current"):
                yield f"a version was rewritten: {was} became {now}"
            above = photo.address(photo.above(was))
            if not self._named(above, was.organization):
                yield f"flagged without being named: {above}"
            if not self._follows(was) and above not in self.adopted:
                way = "up" if now.row["is_current"] else "down"
                yield f"the tenant's own version's flag went {way}: {was} became {now}"
            return
        if not self._named(address, was.organization):
            yield f"not in the plan: {was} became {now}"
        if not photo.ours(was) and address not in self.adopted:
            yield f"the tenant's own row changed: {was} became {now}"
        if not photo.live(was):
            yield f"a dead row was written: {was} became {now}"
        for column in (*RUNNING, "slug", "id", "organization_id", "created_by", "created_at"):
            if was.row.get(column) != now.row.get(column):
                yield f"{address}: {column} changed"
        if was.table == "watchers":
            yield from self._run(was, now)

    def _follows(self, version: Seen) -> bool:
        """Whether the row goes on from this version to the template's next."""
        return self.before.ours(version) or (version.table, version.number) in self.taken_over

    def now_taken_over(self) -> Iterator[tuple[str, str]]:
        """The versions in force, after it, of what a person took over by name."""
        for row in self.after.rows.values():
            versioned = row.table in ("watchers", "entity_types", "event_classifiers")
            if versioned and row.organization in self.targets:
                version = self.after.current(row)
                if version and self.after.address(row) in self.adopted:
                    yield version.table, version.number

    def _run(self, was: Seen, now: Seen) -> Iterator[str]:
        before, after = was.row["next_run_at"], now.row["next_run_at"]
        paused = before is None and was.row["schedule"] is not None
        if (was.row["schedule"] == now.row["schedule"] or paused) and before != after:
            yield f"next_run_at moved: {was} became {now}"
        moved = was.row["schedule"] != now.row["schedule"] and not paused
        if moved and (after is None) != (now.row["schedule"] is None):
            yield f"next_run_at does not follow the schedule: {was} became {now}"

    def _new(self, now: Seen) -> Iterator[str]:
        if now.organization not in self.targets:
            yield f"a row of somebody else's: {now}"
        if not self._named(self.after.address(now), now.organization):
            yield f"new and not in the plan: {now}"
        if not self.after.ours(now):
            yield f"new and not tagged: {now}"
        if now.table == "watchers":
            if (now.row["next_run_at"] is None) != (now.row["schedule"] is None):
                yield f"new, and next_run_at does not follow the schedule: {now}"
            if any(now.row[column] is not None for column in RUNNING):
                yield f"new, with what is the tenant's: {now}"
        if now.table in ("watchers", "event_classifiers") and self.after.current(now) is None:
            yield f"new, without a version in force: {now}"

    def _as_the_template(self, target: str) -> Iterator[str]:
        photo = self.after
        for table in TRACKED:
            models: dict[str, list[Seen]] = {}
            for row in photo.of(self.template, table):
                if photo.live(row):
                    models.setdefault(photo.address(row), []).append(row)
            here: dict[str, list[Seen]] = {}
            for row in photo.of(target, table):
                if photo.live(row):
                    here.setdefault(photo.address(row), []).append(row)
            for address, (model, *more) in models.items():
                if more or self._left(address, target):
                    continue
                for row in here.get(address, ()):
                    if photo.ours(row):
                        yield from self._equal(address, model, row)
                if not self._touched(target, address) and address not in here:
                    yield f"missing in {target}: {address}"

    def _touched(self, target: str, address: str) -> bool:
        top = address.split(".", 1)[1].split("/")[0]
        return (target, top) in self.touched

    def _left(self, address: str, target: str) -> bool:
        """Whether the plan says that it leaves the row alone."""
        return any(
            note.about in ("skipped", "with_parent", "deleted_by_tenant")
            and note.address == address
            and target in note.targets
            for note in self.plan.notes
        )

    def _equal(self, address: str, model: Seen, row: Seen) -> Iterator[str]:
        for column in COMPARED[row.table]:
            if model.row[column] != row.row[column]:
                yield f"{address}: {column} is {row.row[column]!r}, not {model.row[column]!r}"
        if row.table == "watchers":
            yield from self._group(address, model, row)
        if row.table not in ("view_templates", "entity_relationship_types"):
            yield from self._pointer(address, model, row)

    def _group(self, address: str, model: Seen, row: Seen) -> Iterator[str]:
        photo = self.after
        group = photo.rows.get(("watchers", str(row.row["watcher_group_id"])))
        if group is None or group.organization != row.organization:
            yield f"{address}: its group is nobody's: {row}"
            return
        wanted = photo.rows.get(("watchers", str(model.row["watcher_group_id"])))
        if wanted is None or not photo.live(wanted) or wanted.organization != self.template:
            return
        there = [
            one
            for one in photo.of(row.organization, "watchers")
            if photo.live(one) and one.row["slug"] == wanted.row["slug"]
        ]
        if there and group not in there:
            yield f"{address}: in the group of {group.row['slug']}, not {wanted.row['slug']}"

    def _pointer(self, address: str, model: Seen, row: Seen) -> Iterator[str]:
        photo, was = self.after, self.before.rows.get((row.table, row.number))
        wanted, have = photo.current(model), photo.current(row)
        earlier = self.before.current(was) if was else None
        moved = (have and have.number) != (earlier and earlier.number)
        if have and row.table == "watchers" and moved and photo.above(have) is not row:
            yield f"{address}: points at the version of another: {have}"
        if moved and earlier and not self._follows(earlier) and address not in self.adopted:
            yield f"{address}: moved from the tenant's own version to {have}"
        said = {
            note.about
            for note in self.plan.notes
            if note.address == address and row.organization in note.targets
        }
        as_wanted = (wanted and photo.address(wanted)) == (have and photo.address(have))
        if as_wanted and wanted and have:
            content = wanted.row.keys() - PLACE
            differs = any(wanted.row[column] != have.row[column] for column in content)
            if differs and moved and photo.ours(have):
                yield f"{address}: the version in force differs: {have}, not {wanted}"
        elif not as_wanted:
            if moved:
                yield f"{address}: moved to {have}, not to {wanted}"
            if not said & {"kept_edit", "held", "unlinked"} or not (
                self._touched(row.organization, address)
                or (wanted and self._touched(row.organization, photo.address(wanted)))
            ):
                yield f"{address}: points at {have}, not at {wanted}, and the plan says {said}"
        if (
            row.table == "watchers"
            and as_wanted
            and row.row["version"] != model.row["version"]
            and not self._touched(row.organization, address)
        ):
            yield f"{address}: version is {row.row['version']}"
