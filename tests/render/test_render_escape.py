"""No text from a database does anything but be read."""

from __future__ import annotations

import pytest

from reconciler.render import escape
from tests.fixtures.hostile import HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ünïcödé, 漢字 and 🏦", "plain, with ünïcödé, 漢字 and 🏦"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b\x7f\x00", "\\x9b\\x7f\\x00"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202e\u2066\u2069\u200e\u200f", "\\u202e\\u2066\\u2069\\u200e\\u200f"),
        ("\u200b\u200d\ufeff\u2060\xad", "\\u200b\\u200d\\ufeff\\u2060\\xad"),
        ("\u2028\u2029\xa0\u3000", "\\u2028\\u2029\\xa0\\u3000"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("\U000e0041\U0001d173", "\\U000e0041\\U0001d173"),
    ],
)
def test_what_does_not_print_is_shown(text: str, shown: str) -> None:
    assert escape.visible(text) == shown


def test_our_own_line_breaks_stay() -> None:
    assert escape.lines("one\ntwo\x1b") == "one\ntwo\\x1b"


def test_a_written_escape_and_a_real_one_look_different_in_quotes() -> None:
    assert escape.quoted("\n") == '"\\n"'
    assert escape.quoted("\\n") == '"\\\\n"'
    assert escape.quoted('"') == '"\\""'


@pytest.mark.parametrize("text", ["ana@acme.test", "Ana Díaz", "agent_7k2d", "personal-finance"])
def test_names_that_are_words_need_no_quotes(text: str) -> None:
    assert escape.name(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, "", " ana", "ana; all is well", "a\u3164b", "(root)"])
def test_names_that_could_say_more_are_quoted(text: str) -> None:
    assert escape.name(text).startswith('"')
    assert escape.name(text).endswith('"')


def test_what_is_quoted_is_not_quoted_again() -> None:
    assert escape.name(escape.quoted("a; b")) == '"a; b"'


def test_long_texts_are_cut_with_their_size() -> None:
    assert escape.shortened("x" * 1434, 20) == "x" * 10 + "… (1.4 KB)"
    assert escape.shortened("x" * 20, 20) == "x" * 20
    assert escape.shortened("x" * 2000, 0) == "x" * 2000
    assert escape.shortened("\u202e" * 100, 31) == "\\u202e" * 3 + "… (300 bytes)"


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_code_holds_everything_in_one_span(text: str) -> None:
    span = escape.code(text)
    assert "|" not in span
    assert "\n" not in span
    if span.startswith("`"):
        assert "`" not in span[1:-1]
    else:
        inner = span.removeprefix("<code>").removesuffix("</code>")
        assert not set("<>`*[]|@") & set(inner)


def test_a_fence_is_longer_than_those_inside() -> None:
    first, *_, last = escape.fence(["````", "x ~~~"])
    assert first == "`````diff"
    assert last == "`````"
