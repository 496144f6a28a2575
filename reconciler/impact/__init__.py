"""The impact of a catalog's change before it is published: `catalog_change`, a library call.

Who reads a catalog by reference gets what is published at once: there is no plan between the
publisher and the tenants. Nothing is written, and it is asked in nobody's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.database import catalog_use
from reconciler.database.asking import run
from reconciler.database.connection import Connection, Database, session, transaction
from reconciler.database.installations import find_organizations, organizations_by_id
from reconciler.database.platform import SETTINGS
from reconciler.errors import MissingGrantError, ReconcilerError, RefusedError
from reconciler.impact import change_file
from reconciler.impact.tally import Tally
from reconciler.impact.types import Changed, Vocabulary, changes, overlaid, vocabulary
from reconciler.impact.using import look
from reconciler.model.catalog_change import CatalogChange
from reconciler.model.impact import Impact, Shadowed, TenantImpact, TypeImpact
from reconciler.model.snapshot import Organization
from reconciler.progress import tell

_RIGHTS: Final = (
    "Judging what tenants keep takes more than planning does: SELECT on organization, agents, "
    "entities, entity_types, entity_relationships, entity_relationship_types and "
    "entity_relationship_type_rules."
)


def catalog_change(
    database: Database, change: str | Path | CatalogChange, *, catalog: str | None = None
) -> Impact:
    """What would become of the rows that are of a public catalog's types, whosever they are.

    `change` is a file (a name with a slash, one that ends in .json, or one that is there), what
    such a file says, or an organisation that holds all of the vocabulary as it is to be. Then
    `catalog` says which catalog it is for, by id or slug.

    Raises NotFoundError; RefusedError where `catalog` is none; ReconcilerError for a change that
    cannot be judged, with every reason.
    """
    given = change if isinstance(change, CatalogChange) else change_file.load(change)
    if given is None and catalog is None:
        raise ReconcilerError(
            f"{str(change)!r} is no file, so it is the organisation that holds the vocabulary as "
            "it is to be: say which catalog that is for",
            hint="Name it with --catalog ORG. A file is a name with a slash, or with .json in "
            "the end.",
        )
    if given is not None and catalog is not None:
        raise ReconcilerError(
            "a change that is written down names its catalog itself", hint="Leave out --catalog."
        )
    try:
        with session(database) as connection, transaction(connection, read_only=True):
            return _looked(connection, change, given, catalog)
    except MissingGrantError as error:
        raise MissingGrantError(error.message, hint=_RIGHTS) from error


def _looked(
    connection: Connection,
    change: str | Path | CatalogChange,
    given: CatalogChange | None,
    catalog: str | None,
) -> Impact:
    run(connection, [SETTINGS])
    catalog_use.fitting(connection)
    tell("reading", what="the catalog")
    if given is not None:
        (home,) = find_organizations(connection, [given.catalog])
        now = _now(connection, home)
        said = given.catalog if isinstance(change, CatalogChange) else str(change)
        return _impact(connection, home, said, changes(now, overlaid(now, given)))
    home, staged = find_organizations(connection, [str(catalog), str(change)])
    now = _now(connection, home)
    if home.id == staged.id:
        raise RefusedError(
            f"{home.slug} cannot become what it is already",
            hint="Name the organisation that holds the vocabulary as it is to be.",
        )
    to_be = vocabulary(*catalog_use.types_of(connection, staged.id))
    return _impact(connection, home, staged.slug, changes(now, to_be))


def _now(connection: Connection, home: Organization) -> Vocabulary:
    if not catalog_use.is_catalog(connection, home.id):
        raise RefusedError(
            f"{home.slug} is no public catalog, so nobody reads it by reference",
            hint="Name the catalog that the change is for.",
        )
    return vocabulary(*catalog_use.types_of(connection, home.id))


def _impact(
    connection: Connection, home: Organization, said: str, changed: tuple[Changed, ...]
) -> Impact:
    tallies = look(connection, changed)
    new = [one.address for one in changed if one.how == "new"]
    shadowed = catalog_use.shadows(
        connection,
        home.id,
        [one.key[0] for one in new if one.kind == "entity_type"],
        [one.key[0] for one in new if one.kind == "relationship_type"],
    )
    for kind, slug, organization, row in shadowed:
        for one in changed:
            if one.how == "new" and (one.address.kind, one.address.key[0]) == (kind, slug):
                tallies[one.address].shadows[organization] = row
    spoken_of = {whose for tally in tallies.values() for whose in tally.spoken_of}
    names = organizations_by_id(connection, sorted(spoken_of))
    types = tuple(_type(one, tallies[one.address], names, home) for one in changed)
    hit = {whose for tally in tallies.values() for whose, broken in tally.broken.items() if broken}
    return Impact(
        catalog=home,
        change=said,
        readers=catalog_use.readers_of(connection, home.id),
        broken=sum(tenant.broken for one in types for tenant in one.tenants),
        organizations=len(hit),
        types=types,
    )


def _type(
    changed: Changed, tally: Tally, names: dict[str, Organization], home: Organization
) -> TypeImpact:
    tenants = [
        TenantImpact(
            organization=names[whose],
            own=whose == home.id,
            broken=tally.broken[whose],
            already=tally.already[whose],
            findings=(
                *tally.findings(whose),
                *([Shadowed(id=tally.shadows[whose])] if whose in tally.shadows else []),
            ),
        )
        for whose in tally.spoken_of
    ]
    return TypeImpact(
        address=changed.address,
        change=changed.how,
        rows=sum(tally.rows.values()),
        organizations=len(tally.rows),
        now_unjudged=tally.now_unjudged,
        tenants=tuple(sorted(tenants, key=lambda one: one.organization.slug)),
    )
