"""Does the template still read the catalogs that it read when the plan was made?"""

from __future__ import annotations

from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.database.search_path import references_of
from reconciler.errors import StalePlanError
from reconciler.model.change import Create, Retire
from reconciler.model.plan import Plan
from reconciler.reader.following import in_these


def still_read(connection: Connection, plan: Plan, opening: Opening) -> None:
    """Raise StalePlanError where an installation would read by another entity, or other catalogs,
    than those by which the template has it, or where what gives way would not be what is seen.
    """
    kind = opening.referring
    if kind is None or plan.request.mode != "sync":
        return
    wanted = {
        value
        for change in plan.changes
        if change.address.kind == kind.name
        for value in (
            [change.values.get(str(kind.by_reference))]
            if isinstance(change, Create)
            else [one.after for one in change.fields if one.column == kind.by_reference]
        )
        if value is not None
    }
    converts = plan.request.convert == "reference"
    if not wanted and not converts:
        return
    found = references_of(connection, plan.template)
    path = [one.organization.id for one in found[0].catalogs if one.public] if found else []
    home = plan.template.organization.id
    if len(found) != 1 or not path or not wanted <= {found[0].entity_id}:
        raise _stale("is not read by that entity, or reads no public catalog")
    if not converts:
        return
    if home not in path:
        raise _stale("does not read its own organisation any more")
    nearer = in_these(connection, opening, path[: path.index(home)])
    gone = [one.address for one in plan.changes if isinstance(one, Retire)]
    if hidden := [one for one in gone if one in nearer]:
        raise _stale(f"is read behind a nearer catalog, which has {hidden[0]}, too")


def _stale(what: str) -> StalePlanError:
    return StalePlanError(
        f"the template {what}: that has changed since the plan was made; nothing was written",
        hint="Make a new plan.",
    )
