"""Public catalogs, and the templates through which agents read them by reference."""

from __future__ import annotations

from reconciler.model.base import Noun
from reconciler.model.snapshot import Organization


class Catalog(Noun):
    """An organisation that a template names as a catalog.

    public  whether it is one now: it may have turned private since, and is not read then
    """

    organization: Organization
    public: bool


class Reference(Noun):
    """The entity that stands for a template, and the catalogs that it reads, in order."""

    entity_id: int
    name: str
    catalogs: tuple[Catalog, ...] = ()
