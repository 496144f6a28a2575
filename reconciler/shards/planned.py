"""One request, planned in several databases: a section each, from one and the same template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from reconciler import planning, resolutions, target_list
from reconciler.database.connection import Connection
from reconciler.database.templates import find_template
from reconciler.errors import NobodyLeftError, NotFoundError, RefusedError
from reconciler.model.note import Action
from reconciler.model.plan import Plan
from reconciler.model.selection import Selection
from reconciler.model.sharded import Section, ShardedPlan
from reconciler.shard_list import Databases, Shard
from reconciler.shards.everywhere import everywhere
from reconciler.shards.located import located

_FLAGS: Final[tuple[Action, ...]] = ("adopt", "skip", "take", "restore", "release")


def plan(
    databases: Databases, template: str, targets: Sequence[str] | Selection, **options: Any
) -> ShardedPlan:
    """What `reconciler.plan` would do in each of the databases, at once; options are the same.

    Whoever is named must be in exactly one of the databases, and only those databases take part;
    a question (`Selection(installed=True)`) is asked in all of them. The template has to be in
    each, with the same fingerprint. Each database is read at an instant of its own.

    Nothing is written. Raises what `reconciler.plan` raises, with the database's name; RefusedError
    where the templates differ.
    """
    selection, listed = target_list.read(targets)
    # A template that is private or gone can still be taken leave of.
    leaves = bool(options.get("destroy") or options.get("release"))

    def has_template(connection: Connection) -> None:
        if not leaves:
            _find(connection, template)

    def planned(shard: Shard, connection: Connection) -> Plan | None:
        try:
            made = planning.plan(
                connection, template, here[shard.name], databases=databases.file, **options
            )
        except NobodyLeftError as error:
            nobody.append(error)
            return None
        typed = made.request.model_copy(update=selection.model_dump())
        return made.model_copy(update={"request": typed})

    planning.refuse_nobody(selection)
    where = located(databases, selection, listed, has_template)
    here = {shard.name: part for shard, part in where}
    nobody: list[NobodyLeftError] = []
    found = everywhere([shard for shard, _ in where], planned)
    sections = tuple(
        Section(database=shard.name, plan=one)
        for (shard, _), one in zip(where, found, strict=True)
        if one is not None
    )
    if not sections:
        raise nobody[0]
    _refuse_different(sections)
    resolutions.refuse_meaningless(
        {name: options[name] for name in _FLAGS if options.get(name)},
        [one for section in sections for one in section.plan.request.resolutions],
    )
    return ShardedPlan(sections=sections).identified()


def _find(connection: Connection, template: str) -> None:
    try:
        find_template(connection, template)
    except NotFoundError as error:
        error.hint += (
            "\nThe template has to be in each of the databases, since what is installed refers to "
            "it there\n(agents.template_agent_id): publish it there, or leave that database out "
            "of the file."
        )
        raise


def _refuse_different(sections: Sequence[Section]) -> None:
    """Raise RefusedError unless all databases have the same template."""
    having: dict[str, list[str]] = {}
    for one in sections:
        if one.plan.request.mode in ("sync", "refresh"):
            having.setdefault(one.plan.fingerprint, []).append(one.database)
    if len(having) > 1:
        lines = [f"{print_[:12]}…  {', '.join(names)}" for print_, names in having.items()]
        raise RefusedError(
            "the template is not the same in all databases; its fingerprint is\n  "
            + "\n  ".join(lines),
            hint="1. Publish the same template in all of them, then plan again.\n"
            "2. Or plan those that have the same one, with a file that names only them.",
        )
