"""What does not print: characters that move a cursor, turn the reading direction, or hide."""

from __future__ import annotations

import json
import re
from typing import Final

# Everything that is invisible, moves the cursor, breaks the line or looks like a space:
# C0 and C1 controls, spaces but the plain one, soft hyphen, zero-width and bidirectional
# marks, fillers, variation selectors, lone surrogates, private use, tags.
UNSEEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad"
    "\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    "\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
    "]"
)
# Between the strings of JSON only line breaks and plain spaces stand.
_IN_STRINGS: Final = re.compile(f"(?!\n){UNSEEN.pattern}")


def seen(text: str) -> str:
    r"""JSON text that means the same, with what does not print as an escape of JSON's.

    >>> print(seen('{"a": "\u202eb"}'))
    {"a": "\u202eb"}
    """
    return _IN_STRINGS.sub(lambda found: json.dumps(found[0])[1:-1], text)
