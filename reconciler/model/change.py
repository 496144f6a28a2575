"""What a plan does to a row: one class a meaning, and the union of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.snapshot import RowOwner
from reconciler.model.value import Value, Values


class Operation(Noun):
    """One step of RFC 6902 (JSON Patch); `path` is a JSON Pointer (RFC 6901)."""

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = None


class FieldChange(Noun):
    """One column: what it is and what it will be.

    `operations` lead from before to after inside JSON, for people to read. `drift` says that
    the target differs from what was last applied, so that a local edit is overwritten.
    """

    column: str
    before: Value
    after: Value
    operations: tuple[Operation, ...] = ()
    drift: bool = False


class Predecessor(Noun):
    """The version that a new one follows where it was placed, and what differs between them.

    For people to read: a version is created whole, whatever it follows.
    """

    address: Address
    fields: tuple[FieldChange, ...]


class Create(Noun):
    """A row that the targets do not have yet. `ids` are minted, one a target, or empty."""

    action: Literal["create"] = "create"
    address: Address
    targets: tuple[str, ...]
    values: Values
    ids: tuple[str, ...] = ()
    predecessor: Predecessor | None = None


class Update(Noun):
    """A managed row whose compared columns differ; `before` is all of them.

    `kept` are the shared columns in which the tenant's edit stays, with the template's value,
    which the ledger must remember as the base.
    """

    action: Literal["update"] = "update"
    address: Address
    targets: tuple[str, ...]
    before: Values
    fields: tuple[FieldChange, ...]
    kept: Values = Field(default_factory=dict)


class Adopt(Noun):
    """A row of somebody else's that a person resolved to take over, by name.

    `owner` is who owned it before: None for the tenant's own people. `kept` are pointers that
    stay as they are, with the template's value, which the ledger must remember as the base.
    """

    action: Literal["adopt"] = "adopt"
    address: Address
    targets: tuple[str, ...]
    owner: RowOwner | None
    before: Values
    fields: tuple[FieldChange, ...]
    kept: Values = Field(default_factory=dict)


Change = Annotated[Create | Update | Adopt, Field(discriminator="action")]
