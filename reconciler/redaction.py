"""Texts without what is secret in connection strings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

# Greedy up to the last @, because a password that should have been percent-encoded has some.
_IN_URL: Final = re.compile(r"(?P<kept>://[^:/@\s]*:)(?P<secret>\S+)(?=@)")
_IN_WORDS: Final = re.compile(
    r"(?P<kept>\b(?:(?:pg|ssl)?password|oauth_client_secret|scram_(?:client|server)_key)\s*=\s*)"
    r"(?P<secret>'(?:[^'\\]|\\.)*'|[^\s&'\"]+)",
    re.IGNORECASE,
)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the passwords of connection strings, and without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    for pattern in (_IN_URL, _IN_WORDS):
        text = pattern.sub(r"\g<kept>***", text)
    return text


def secrets_in(conninfo: str) -> Iterator[str]:
    """The passwords of a connection string, as they stand there, but for quotes around them."""
    for pattern in (_IN_URL, _IN_WORDS):
        for match in pattern.finditer(conninfo):
            yield match["secret"].strip("'")
