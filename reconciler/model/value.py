"""What a column can hold in a snapshot and in a plan.

| in a plan file | meaning |
|---|---|
| `null` | SQL NULL |
| `true`, `false` | a boolean |
| `12` | a whole number |
| `"text"` | anything else, in PostgreSQL's own text form |
| `{"json": ...}` | a json or jsonb column; `{"json": null}` is JSON's null, not SQL's |
| `{"ref": "entity_type.account"}` | a foreign key, as the address of the row it points at |
| `{"ref": "watcher_version.a/2", "own": true}` | the same, at a version of the tenant's own |
| `{"sha256": "..."}` | a sensitive column, which never leaves the database |
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    model_serializer,
)
from pydantic import model_validator as validator

from reconciler.model.address import Address
from reconciler.model.base import Noun
from reconciler.model.canonical import Number, canonical, parse

# In a file a JSON value is embedded, never text: no two writings of one value.
FROM_FILE: Final = "file"


class Json(Noun):
    """A JSON value, kept as its canonical text so that comparing is exact and hashing works."""

    text: str

    def parsed(self) -> Any:
        """The value, with numbers as `Number`."""
        return parse(self.text)

    @validator(mode="before")
    @classmethod
    def _embedded(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, dict) and info.context == FROM_FILE and given.keys() != {"json"}:
            raise ValueError("a JSON value stands under the one key json")
        if isinstance(given, dict) and given.keys() == {"json"}:
            return {"text": canonical(given["json"])}
        return given

    @model_serializer
    def _embed(self) -> dict[str, Any]:
        return {"json": self.parsed()}


class Ref(Noun):
    """A foreign key by address; `organization` only where it points outside its own one.

    `own` says that it points at a version that the tenant published: another row than the
    template's, though its number is the same.
    """

    ref: Address
    organization: str | None = None
    own: bool = False

    @model_serializer
    def _short(self) -> dict[str, Any]:
        outside = {"organization": self.organization} if self.organization else {}
        return {"ref": str(self.ref), **outside, **({"own": True} if self.own else {})}


class Digest(Noun):
    """The SHA-256 of a sensitive column's text form, as 64 hexadecimal digits."""

    sha256: str


def _plain_number(given: Any) -> Any:
    return int(given) if isinstance(given, Number) else given


Value = Annotated[
    StrictBool | StrictInt | StrictStr | Json | Ref | Digest | None,
    BeforeValidator(_plain_number),
]
Values = dict[str, Value]

ColumnOwner = Literal["template", "tenant", "shared"]
