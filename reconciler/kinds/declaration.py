"""What may stand in a kind's TOML file; its JSON Schema is published under schemas/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from reconciler.kinds.predicate import parse_predicate
from reconciler.model.canonical import digest
from reconciler.model.kind import (
    Column,
    Exclusion,
    Installs,
    Kind,
    Owner,
    Parent,
    Retire,
    Stamp,
)
from reconciler.model.value import ColumnOwner

# PostgreSQL cuts longer identifiers without a word, so two could become one.
_IDENTIFIER_BYTES = 63


def _identifier(text: str) -> str:
    if not text or "\0" in text or len(text.encode()) > _IDENTIFIER_BYTES:
        raise ValueError(f"a name in PostgreSQL has 1 to {_IDENTIFIER_BYTES} bytes and no NUL")
    return text


def _prefix(text: str) -> str:
    if not re.fullmatch(r".+\.\.\.", text, re.DOTALL):
        raise ValueError("write the prefix and three dots, as '$...'")
    return text


def _predicate(text: str) -> str:
    parse_predicate(text)
    return text


Name = Annotated[str, AfterValidator(_identifier)]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=_IDENTIFIER_BYTES)]
Stamps = dict[Name, Literal["actor", "now"]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MintDeclaration(_Strict):
    """A text id that is minted when the plan is made: this prefix and twenty digits."""

    column: Name
    mint: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$")]


class ParentDeclaration(_Strict):
    """The kind that rows of this kind belong to, and the column that points at it."""

    kind: KindName
    column: Name


class InstallsDeclaration(_Strict):
    """This kind's rows install the template agent: its row is named by this column."""

    template: Name
    name: Name


class OwnerDeclaration(_Strict):
    """The tracking columns."""

    agent: Name
    organization: Name


class ColumnDeclaration(_Strict):
    """A managed column; an empty table means: the template's, a plain value."""

    owner: ColumnOwner = "template"
    references: KindName | None = None
    nullable: bool = False
    sensitive: bool = False

    @model_validator(mode="after")
    def _make_sense(self) -> ColumnDeclaration:
        if self.nullable and not self.references:
            raise ValueError("nullable speaks of a reference, and there is none")
        if self.sensitive and (self.references or self.owner == "shared"):
            raise ValueError("a sensitive column can neither be a reference nor shared")
        return self


class StampsDeclaration(_Strict):
    """Columns that are set, never compared: at create only, or at every write."""

    create: Stamps = Field(default_factory=dict)
    write: Stamps = Field(default_factory=dict)


class Declaration(_Strict):
    """One kind file."""

    kind: KindName
    title: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w -]+$")]
    table: Name
    db_schema: Annotated[Name, Field(alias="schema")] = "public"
    id: Name | MintDeclaration
    scope: Name | None = None
    parent: ParentDeclaration | None = None
    installs: InstallsDeclaration | None = None
    key: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    live: Annotated[str, AfterValidator(_predicate)] | None = None
    retire: dict[Name, str] = Field(default_factory=dict)
    owner: OwnerDeclaration | None = None
    exclude: dict[Name, Annotated[str, AfterValidator(_prefix)]] = Field(default_factory=dict)
    optional: tuple[Name, ...] = ()
    columns: dict[Name, ColumnDeclaration] = Field(default_factory=dict)
    stamps: StampsDeclaration = Field(default_factory=StampsDeclaration)

    def to_kind(self) -> Kind:
        """The kind that this file declares."""
        kind = Kind(
            name=self.kind,
            title=self.title,
            table=self.table,
            db_schema=self.db_schema,
            id=self.id if isinstance(self.id, str) else self.id.column,
            mint=None if isinstance(self.id, str) else self.id.mint,
            scope=self.scope,
            parent=Parent(**self.parent.model_dump()) if self.parent else None,
            installs=Installs(**self.installs.model_dump()) if self.installs else None,
            key=self.key or (),
            live=self.live,
            retire=tuple(
                Retire(column=column, value=value) for column, value in self.retire.items()
            ),
            owner=Owner(**self.owner.model_dump()) if self.owner else None,
            exclude=tuple(
                Exclusion(column=column, prefix=prefix.removesuffix("..."))
                for column, prefix in self.exclude.items()
            ),
            columns=tuple(
                Column(name=name, optional=name in self.optional, **column.model_dump())
                for name, column in self.columns.items()
            ),
            stamps=tuple(
                Stamp(column=column, value=value, on=on, optional=column in self.optional)
                for on, stamps in (("create", self.stamps.create), ("write", self.stamps.write))
                for column, value in stamps.items()
            ),
            digest="",
        )
        return kind.model_copy(update={"digest": digest(kind.model_dump(exclude={"digest"}))})


def between_fields(given: Mapping[str, Any]) -> list[str]:
    """What does not fit together in a file, whatever else is wrong with its fields."""

    def table(name: str) -> dict[str, Any]:
        found = given.get(name)
        return found if isinstance(found, dict) else {}

    has = given.keys()
    identity, installs, owner = table("id"), table("installs"), table("owner")
    columns, stamps = table("columns"), table("stamps")
    stamped = [
        name
        for on in ("create", "write")
        if isinstance(stamps.get(on), dict)
        for name in stamps[on]
    ]
    key = given.get("key") if isinstance(given.get("key"), list) else []
    mistakes: list[str] = []
    if ("scope" in has) == ("parent" in has):
        mistakes.append("name either scope (a column) or parent (a kind and a column)")
    if ("key" in has) == ("installs" in has):
        mistakes.append("name key (a list of columns), or installs and no key")
    if "installs" in has and not identity:
        mistakes.append("an installed row needs a minted id: id = { column = ..., mint = ... }")
    if installs and installs.get("name") not in columns:
        mistakes.append("installs.name must be one of the columns")
    if "owner" in has and "parent" in has:
        mistakes.append("a row with a parent belongs to the parent's owner: leave out owner")
    if not has & {"owner", "parent", "installs"}:
        mistakes.append("owner is missing: without the tracking columns nobody's row is safe")
    roles = [
        identity.get("column", given.get("id")),
        given.get("scope"),
        table("parent").get("column"),
        installs.get("template"),
        *owner.values(),
        *(key or ()),
        *columns,
        *stamped,
    ]
    names = [name for name in roles if isinstance(name, str)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        mistakes.append(f"column {name!r} has two roles")
    optional = given.get("optional")
    for name in optional if isinstance(optional, list) else []:
        if name not in (*columns, *stamped):
            mistakes.append(f"optional: {name!r} is neither a managed column nor a stamp")
    for name in table("exclude"):
        if name not in (key or ()):
            mistakes.append(f"exclude: {name!r} is not part of the key")
    return mistakes
