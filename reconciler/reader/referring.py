"""Who has the template by reference: it has an installation, and none of the template's rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.database.connection import Connection
from reconciler.database.opening import Opening
from reconciler.database.search_path import references_of
from reconciler.errors import NotInitialisedError, RefusedError
from reconciler.model.catalog import Reference
from reconciler.model.request import Request
from reconciler.model.snapshot import Snapshot, Target, Template
from reconciler.reader.reading import Reading

_SHOWN = 5


def brought(
    connection: Connection,
    opening: Opening,
    request: Request,
    template: Template,
    targets: tuple[Target, ...],
) -> Snapshot:
    """What installing, or bringing up to date, is about.

    Where the template is had by reference, only the installation is looked at.
    """
    referring = _referring(request, targets)
    asked = "reference" in (request.install, request.convert)
    entity = _reference(connection, opening, template).entity_id if asked else None
    copies = tuple(one for one in targets if one.organization.id not in referring)
    snapshot = Reading(connection, opening, request, template, copies).compared()
    if referring:
        rest = tuple(one for one in targets if one.organization.id in referring)
        alone = replace(opening, kinds=tuple(one for one in opening.kinds if one.installs))
        read = Reading(connection, alone, request, template, rest).compared()
        snapshot = snapshot.beside(read)
    update = {"targets": targets, "reference": entity, "referring": referring}
    return snapshot.model_copy(update=update)


def _referring(request: Request, targets: Iterable[Target]) -> frozenset[str]:
    """The targets that are to have it by reference, once what is asked for is done.

    Raises RefusedError where it is installed in another way than it is asked for, or not installed
    where that is to change.
    """
    found = list(targets)
    copied = [one for one in found if one.agent_id is not None and one.reads is None]
    read = [one for one in found if one.reads is not None]
    if request.convert is not None:
        if missing := [one for one in found if one.agent_id is None]:
            raise RefusedError(
                f"--convert {request.convert}: {request.template} is not installed in "
                f"{_listed(missing)}",
                hint=f"Install it there in that way: --mode {request.convert}.",
            )
        return frozenset(_ids(found)) if request.convert == "reference" else frozenset()
    other = copied if request.install == "reference" else read
    if request.install is not None and other:
        way = "copy" if request.install == "reference" else "reference"
        raise RefusedError(
            f"--mode {request.install}: {request.template} is installed in {_listed(other)} "
            f"by {way}",
            hint=f"Say how it is to be had there from now on: --convert {request.install}.",
        )
    new = [one for one in found if one.agent_id is None] if request.install == "reference" else []
    return frozenset(_ids([*read, *new]))


def _reference(connection: Connection, opening: Opening, template: Template) -> Reference:
    """The entity by which the template is installed by reference.

    Raises NotInitialisedError where this database has no column for it, RefusedError where there is
    no such entity, or several, or where it reads no catalog.
    """
    if opening.referring is None:
        raise NotInitialisedError(
            "the agents cannot say that they read catalogs by reference",
            hint="Run `reconcile init`, or `reconcile init --print` and have the script applied.",
        )
    found = references_of(connection, template)
    where = f"{template.name} ({template.agent_id}) in {template.organization.slug}"
    if len(found) != 1:
        many = ", ".join(str(one.entity_id) for one in found[:_SHOWN])
        raise RefusedError(
            f"{where} cannot be installed by reference: "
            + (f"several entities stand for it ({many})" if found else "no entity stands for it"),
            hint="One entity of the type agent_template in its organisation stands for it: with "
            "the agent's id as agent_id in its metadata, where there are several.",
        )
    (only,) = found
    if not any(one.public for one in only.catalogs):
        raise RefusedError(
            f"{where} cannot be installed by reference: its entity {only.entity_id} reads no "
            "public catalog",
            hint="Relationships of the type uses_catalog, from that entity to one of each catalog, "
            "say what it reads.",
        )
    return only


def _ids(targets: Iterable[Target]) -> list[str]:
    return [one.organization.id for one in targets]


def _listed(targets: list[Target]) -> str:
    names = ", ".join(one.organization.slug for one in targets[:_SHOWN])
    return names + (f", and {len(targets) - _SHOWN} more" if len(targets) > _SHOWN else "")
