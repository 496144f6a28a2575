"""What may stand in a kind's TOML file; its JSON Schema is published under schemas/."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from reconciler.kinds.predicate import parse_predicate, revived
from reconciler.model.canonical import digest
from reconciler.model.kind import (
    Audit,
    Column,
    Dependent,
    Exclusion,
    History,
    Installs,
    Kind,
    NextRun,
    Owner,
    Parent,
    Pointer,
    Provided,
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
    """The kind that rows of this kind belong to, and the column that points at it.

    `by_key` is the column that holds the parent's key in releases without `column`.
    """

    kind: KindName
    column: Name
    by_key: Name | None = None


class InstallsDeclaration(_Strict):
    """This kind's rows install the template agent: its row is named by this column, and the
    entity by which they read catalogs, if they do, by another.
    """

    template: Name
    name: Name
    reference: Name | None = None


class OwnerDeclaration(_Strict):
    """The tracking columns."""

    agent: Name
    organization: Name


class DependentDeclaration(_Strict):
    """A table that is no kind, and whose rows use this kind's: this column holds their id."""

    table: Name
    db_schema: Annotated[Name, Field(alias="schema")] = "public"
    column: Name
    live: Annotated[str, AfterValidator(_predicate)] | None = None


class PointerDeclaration(_Strict):
    """A table of the tenants' own data whose rows point at this kind's, by this column, and are
    pointed elsewhere where a tenant has the vocabulary in another way (`--convert`).
    """

    table: Name
    db_schema: Annotated[Name, Field(alias="schema")] = "public"
    id: Name
    scope: Name
    column: Name


class AuditDeclaration(_Strict):
    """A table of the platform's own that is told of each change, and its columns."""

    table: Name
    db_schema: Annotated[Name, Field(alias="schema")] = "public"
    row: Name
    action: Name
    actor: Name
    before: Name
    after: Name


class QueriesDeclaration(_Strict):
    """Where SQL text stands inside a JSON column, and which tables it may read.

    `at` is a JSON Pointer (RFC 6901) in which `*` stands for every item of a list.
    """

    at: Annotated[str, Field(pattern=r"^(/[^/]*)+$")]
    tables: tuple[Name, ...]


class ColumnDeclaration(_Strict):
    """A managed column; an empty table means: the template's, a plain value.

    nullable      a reference that is null, with a note, where the target has no such row
    required      a row of the template in which it is null is a conflict
    itself        a reference to its own kind that is NOT NULL: at itself, if at nothing else
    installation  a reference that is always the installation in the target
    flag          not a column, but the row's own child in which this column is true
    follows       the reference without which it stays as it is
    sensitive     travels as a digest
    queries       where SQL text stands inside it
    """

    owner: ColumnOwner = "template"
    references: KindName | None = None
    nullable: bool = False
    required: bool = False
    itself: bool = False
    installation: bool = False
    flag: Name | None = None
    follows: Name | None = None
    sensitive: bool = False
    queries: QueriesDeclaration | None = None

    @model_validator(mode="after")
    def _make_sense(self) -> ColumnDeclaration:
        wrong = [
            f"{word} speaks of a reference, and there is none"
            for word in ("nullable", "itself", "installation", "flag")
            if getattr(self, word) and not self.references
        ]
        if self.nullable and (self.required or self.itself):
            wrong.append("a nullable reference can neither be required nor mean itself")
        if self.sensitive and (self.references or self.queries or self.owner == "shared"):
            wrong.append("a sensitive column can neither be a reference, shared, nor hold SQL")
        if self.owner == "tenant" and (self.installation or self.flag or self.itself):
            wrong.append("what the tenant writes is not compared, so it can only be plain")
        if wrong:
            raise ValueError("; ".join(wrong))
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
    provides: Provided | None = None
    key: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    where: Annotated[str, AfterValidator(_predicate)] | None = None
    mirrored: bool = True
    required: bool = True
    history: Literal["current", "all"] | None = None
    next_run: dict[Name, Name] = Field(default_factory=dict)
    live: Annotated[str, AfterValidator(_predicate)] | None = None
    retire: dict[Name, str] = Field(default_factory=dict)
    owner: OwnerDeclaration | None = None
    exclude: dict[Name, Annotated[str, AfterValidator(_prefix)]] = Field(default_factory=dict)
    optional: tuple[Name, ...] = ()
    dependents: tuple[DependentDeclaration, ...] = ()
    pointers: tuple[PointerDeclaration, ...] = ()
    audit: AuditDeclaration | None = None
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
            provides=self.provides,
            key=self.key or (),
            where=self.where,
            mirrored=self.mirrored,
            required=self.required,
            history=History(keep=self.history) if self.history else None,
            next_run=tuple(
                NextRun(column=column, schedule=schedule)
                for column, schedule in self.next_run.items()
            ),
            live=self.live,
            retire=tuple(
                Retire(column=column, value=value) for column, value in self.retire.items()
            ),
            revive=tuple(
                Retire(column=column, value=value)
                for column, value in (
                    revived(self.live) if self.live and self.retire else {}
                ).items()
            ),
            owner=Owner(**self.owner.model_dump()) if self.owner else None,
            exclude=tuple(
                Exclusion(column=column, prefix=prefix.removesuffix("..."))
                for column, prefix in self.exclude.items()
            ),
            audit=Audit(**self.audit.model_dump()) if self.audit else None,
            dependents=tuple(Dependent(**one.model_dump()) for one in self.dependents),
            pointers=tuple(Pointer(**one.model_dump()) for one in self.pointers),
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
        # What is not declared is no part of it: plans that were saved before go on fitting.
        silent = {"digest"} if kind.provides else {"digest", "provides"}
        return kind.model_copy(update={"digest": digest(kind.model_dump(exclude=silent))})
