"""The library's calls that make plans: what a request and its flags come to; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reconciler import differ, past, reader, target_list
from reconciler import kinds as kind_files
from reconciler import moved as renames
from reconciler import resolutions as resolving
from reconciler.database.connection import Connection, Database, session
from reconciler.errors import NotFoundError, ReconcilerError, RefusedError, SchemaMismatchError
from reconciler.model.plan import Plan
from reconciler.model.request import Request, Way
from reconciler.model.selection import Selection
from reconciler.model.snapshot import Snapshot
from reconciler.progress import tell
from reconciler.reader.selecting import Listed
from reconciler.resolutions import Flags


def plan(
    database: Database,
    template: str,
    targets: Sequence[str] | Selection,
    *,
    actor: str | None = None,
    name: str | None = None,
    adopt: Sequence[str] = (),
    skip: Sequence[str] = (),
    take: Sequence[str] = (),
    restore: Sequence[str] = (),
    release: Sequence[str] = (),
    prune: bool = False,
    destroy: bool = False,
    keep_rows: bool = False,
    mode: Way | None = None,
    convert: Way | None = None,
    moved: Path | None = None,
    show_drift: bool = False,
    refresh_only: bool = False,
    skip_conflicted: bool = False,
    kinds: Path | None = None,
    databases: str | None = None,
) -> Plan:
    """What installing the template into the targets, or re-syncing them, would do.

    `template` and `targets` are ids or slugs, or `targets` is a Selection: where it is a question
    that no organisation fits, the plan is empty. `actor` is a user's id or e-mail address, None
    to act as operator. `adopt`, `skip`, `take`, `restore` and `release` are addresses of rows, or
    patterns (see `reconciler.resolutions`). `prune` retires what the template no longer has, and
    `moved` is a file that declares which rows got another name there (see `reconciler.moved`).

    `mode` says how the template is installed where it is not yet: as rows of the target's own
    (`copy`, the default), or by reference to public catalogs (`reference`). `convert` changes how
    it is had where it is installed.

    `show_drift` says all that the targets changed since it was last applied, and `refresh_only`
    nothing but that.

    `destroy` uninstalls instead, and `keep_rows` then gives all rows to the tenant. That, and
    releasing rows, is possible where the template is private or gone, too.

    `skip_conflicted` leaves targets with an unresolved conflict out of the plan, whole, so that it
    can be applied to the others: they are in its `left_behind`, with their conflicts.

    `databases` is the file that names this database among others, where the plan is to be one
    section of a plan for all of them (see `reconciler.shards`).

    Nothing is written; conflicts are in the plan, not raised.
    Raises NotFoundError, RefusedError, NotAuthorisedError, SchemaMismatchError, KindError...
    """
    selection, listed = target_list.read(targets)
    refuse_nobody(selection)
    if sum((mode is not None, convert is not None, destroy, refresh_only)) > 1:
        raise ReconcilerError(
            "mode, convert, destroy and refresh_only each say what the plan is for",
            hint="Ask for one of them, and make another plan for the next.",
        )
    request = Request(
        template=template,
        **selection.model_dump(),
        actor=actor,
        name=name,
        kinds=str(kinds) if kinds else None,
        databases=databases,
        mode="destroy" if destroy else "refresh" if refresh_only else "sync",
        install=mode,
        convert=convert,
        drift=show_drift or refresh_only,
        prune=prune,
        keep_rows=keep_rows,
        skip_conflicted=skip_conflicted,
        moved=renames.load(moved, kind_files.load(kinds)) if moved else (),
        moved_file=str(moved) if moved else None,
    )
    flags: Flags = {
        "adopt": adopt,
        "skip": skip,
        "take": take,
        "restore": restore,
        "release": release,
    }
    with session(database) as connection:
        try:
            return _planned(connection, request, flags, listed)
        except (NotFoundError, RefusedError):
            if destroy or prune or not release or any((adopt, skip, take, restore)):
                raise
            # Rows can be given away whatever has become of the template.
            only = request.model_copy(update={"mode": "release"})
            return _planned(connection, only, flags, listed)


def refuse_nobody(selection: Selection) -> None:
    """Raise NotFoundError where nothing says which organisations are meant."""
    if selection.empty:
        raise NotFoundError(
            "no target was named",
            hint="Name at least one (--target ORG, --targets-from FILE), or say by what they are "
            "chosen (--installed, --where CONDITION).",
        )


def plan_undo(
    database: Database,
    revision: int,
    targets: Sequence[str] | Selection = (),
    *,
    actor: str | None = None,
    adopt: Sequence[str] = (),
    skip: Sequence[str] = (),
    release: Sequence[str] = (),
    skip_conflicted: bool = False,
    kinds: Path | None = None,
) -> Plan:
    """What takes back a revision, row by row, where its rows are still as it left them.

    In all its targets, or in those that are chosen of them, by ids and slugs or a Selection.
    The flags resolve what was touched since: `adopt` undoes it all the same, `skip` leaves it,
    and `release` gives away what the tenant uses. `skip_conflicted` is as in `plan`.

    Raises NotFoundError where there is no such revision, and what `plan` raises.
    """
    selection, listed = target_list.read(targets)
    if selection.installed:
        raise ReconcilerError(
            "what is undone is undone where it was applied, installed or not",
            hint="Leave out --installed; --target, --where and --exclude choose among its targets.",
        )
    _, applied = past.revision(database, revision)
    request = Request(
        template=applied.template.agent_id,
        **selection.model_dump(),
        actor=actor,
        kinds=str(kinds) if kinds else applied.request.kinds,
        mode="undo",
        revision=revision,
        skip_conflicted=skip_conflicted,
    )
    flags: Flags = {"adopt": adopt, "skip": skip, "release": release}
    with session(database) as connection:
        return _planned(connection, request, flags, listed, applied)


def _planned(
    connection: Connection,
    request: Request,
    flags: Flags,
    listed: Listed,
    undoing: Plan | None = None,
) -> Plan:
    """The plan that a request and flags ask for; `undoing` is the plan that is to be undone."""
    loaded = kind_files.load(Path(request.kinds) if request.kinds else None)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    resolutions, patterns = resolving.parse(flags, "", now)
    request = request.model_copy(update={"resolutions": tuple(resolutions)})
    tell("reading")
    snapshot, acting, fitted = reader.read(connection, loaded, request, undoing, listed)
    if undoing is not None:
        undoing = undoing.within(snapshot.organizations)
    resolutions, _ = resolving.parse(flags, acting.label, now)
    request = request.model_copy(update={"resolutions": tuple(resolutions)})
    tell("deciding", rows=len(snapshot.rows))
    if patterns:
        # What a pattern resolves must not be left behind before it could.
        everybody = request.model_copy(update={"skip_conflicted": False})
        first = differ.diff(snapshot, fitted, everybody, acting, now, undoing)
        expanded = resolving.expand(patterns, first, resolutions)
        request = request.model_copy(update={"resolutions": expanded})
    made = differ.diff(snapshot, fitted, request, acting, now, undoing)
    if acting.mode == "operator" and acting.signs_as is None:
        _refuse_operator(made, snapshot)
    return made


def _refuse_operator(made: Plan, snapshot: Snapshot) -> None:
    """Raise SchemaMismatchError where new rows must name a user, and an operator is none."""
    created = dict.fromkeys(
        change.address.kind for change in made.changes if change.action == "create"
    )
    needed = dict.fromkeys(snapshot.signed[kind] for kind in created if kind in snapshot.signed)
    if needed:
        raise SchemaMismatchError(
            f"an operator is no user, and {', '.join(needed)} must name one",
            hint="1. Name a user who is owner or admin of every target: --as USER.\n"
            "2. Or name, once, the user whose rows an operator's are: INSERT INTO "
            "reconcile.setting VALUES ('operator_user', 'USER_ID').",
        )
