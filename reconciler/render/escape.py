"""Text from a database, made harmless: what does not print is shown, what is markup is not.

A slug may hold escape sequences that move a cursor, marks that turn the reading direction, or
a table row in Markdown. None of it may look like something that reconcile said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from reconciler.model.unseen import UNSEEN

_WORDS: Final = re.compile(r"[\w@.:+/-]{1,60}(?: [\w@.:+/-]{1,60}){0,9}")
NAME_ROOM: Final = 160
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# All that begins or ends a construct in CommonMark, in its GitHub and GitLab dialects, or in HTML.
_MARKUP: Final = re.compile(r"[^\w\s.,;=/%-]|[_]")


class Shown(str):
    """Text that is harmless, and in quotes where it must be, so that it needs no more of them."""

    __slots__ = ()


def visible(text: str) -> str:
    r"""The text on one line, with what does not print as an escape.

    >>> print(visible("a\x1b[31m\u202eb\n"))
    a\x1b[31m\u202eb\n
    """
    return UNSEEN.sub(_escape, text)


def lines(text: str) -> str:
    """As `visible`, for a message of our own that has several lines."""
    return "\n".join(visible(line) for line in text.split("\n"))


def hanging(text: str) -> str:
    """As `lines`, with all lines but the first indented, unless they are so already."""
    first, *rest = text.split("\n")
    return lines("\n".join([first, *(one if one.startswith("  ") else f"  {one}" for one in rest)]))


def name(text: str) -> str:
    r"""A name inside a sentence: plain if it is words, else quoted, so that it says no more.

    >>> name("Ana Diaz"), name("Ana; all is well")
    ('Ana Diaz', '"Ana; all is well"')
    """
    if isinstance(text, Shown) or (_WORDS.fullmatch(text) and visible(text) == text):
        return text
    return quoted(text)


def quoted(text: str) -> Shown:
    r"""The text in double quotes; a written `\n` and a line break look different.

    >>> print(quoted('say "a\\nb"\n'))
    "say \"a\\nb\"\n"
    """
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return Shown(f'"{shortened(inner, NAME_ROOM)}"')


def shortened(text: str, room: int, *, start: int = 0) -> str:
    """The text from `start` on, made harmless, in the room there is (0: any).

    What is left out is replaced by dots, with the size of the whole text in the end.
    """
    plain = visible(text[start:])
    if start <= 0 and (not room or len(plain) <= room):
        return plain
    dots = "…" if start > 0 else ""
    if len(dots + plain) <= room:
        return dots + plain
    ending = f"… ({size(text)})"
    left = room - len(dots) - len(ending)
    kept: list[str] = []
    for character in text[start:]:
        shown = visible(character)
        left -= len(shown)
        if left < 0:
            break
        kept.append(shown)
    return dots + "".join(kept) + ending


def size(text: str) -> str:
    """How long a text is, in bytes of UTF-8."""
    count = len(text.encode(errors="surrogatepass"))
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.1f} KB"


def html(text: str) -> str:
    """The text as code in HTML, where neither markup nor a mention of somebody works.

    Entities also hide it from Markdown, so it may stand in a table.
    """
    plain = _MARKUP.sub(lambda found: f"&#{ord(found[0])};", visible(text))
    return f"<code>{plain}</code>"


def code(text: str) -> str:
    """The text as a Markdown code span, also inside a table."""
    plain = visible(text)
    if plain.strip() != plain or not plain or "`" in plain or "|" in plain:
        return html(text)
    return f"`{plain}`"


def fence(content: Sequence[str], language: str = "diff") -> list[str]:
    """Lines as a Markdown code block, whose fence is longer than any inside it."""
    runs = re.findall("`+", "\n".join(content))
    mark = "`" * max(3, max(map(len, runs), default=0) + 1)
    return [f"{mark}{language}", *(visible(line) for line in content), mark]


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
