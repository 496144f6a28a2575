"""A row's name: kind and key, the same in every organisation (`entity_type.account`)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

# A slug with a newline, a quote or a right-to-left mark must not be able to look like
# something else in a terminal, a ticket or a shell, so all but these is percent-encoded.
_PLAIN = "-_~.:@+$"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Address(str):
    """`kind.key`, or `kind.part/part` where a key has several parts (a parent's come first).

    >>> Address.of("relationship_rule", ("owns", "person", "account"))
    'relationship_rule.owns/person/account'
    >>> Address("entity_type.a%0Ab").key
    ('a\\nb',)
    """

    __slots__ = ()

    @classmethod
    def of(cls, kind: str, key: tuple[str, ...]) -> Address:
        """The address of the row of this kind with this key."""
        return cls(f"{kind}." + "/".join(quote(part, safe=_PLAIN) for part in key))

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address as it is written; raises ValueError if it is not `kind.key`."""
        kind, dot, key = text.partition(".")
        if not (dot and kind):
            raise ValueError(f"{text!r} is not an address: write kind.key, as entity_type.account")
        parts = tuple(unquote(part) for part in key.split("/"))
        if any(map(_UNSTORABLE.search, (kind, *parts))):
            raise ValueError(
                f"{text!r} is not an address: no text in PostgreSQL holds a NUL, or what is not "
                "Unicode"
            )
        return cls.of(kind, parts)

    @property
    def kind(self) -> str:
        """The kind's name, the part before the first dot."""
        return self.partition(".")[0]

    @property
    def key(self) -> tuple[str, ...]:
        """The key's parts, decoded; a parent's parts come first."""
        return tuple(unquote(part) for part in self.partition(".")[2].split("/"))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.parse,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )
