"""A text of several lines that changes, as a reviewer reads it."""

from __future__ import annotations

import time

import pytest

from reconciler.model.value import Value
from reconciler.render import diff, prose
from reconciler.render.escape import visible
from tests.fixtures.hostile import HOSTILE
from tests.fixtures.plans import description


def changed(before: Value, after: Value, *, width: int = 94, verbose: bool = False) -> list[str]:
    change = description(before, after).model_copy(update={"column": "prompt"})
    return [str(line) for line in diff.fields([change], width=width, verbose=verbose)]


def numbered(*numbers: int) -> str:
    return "".join(f"line {number}\n" for number in numbers)


def test_lines_that_change_stand_among_some_that_stay() -> None:
    before = numbered(*range(20))
    after = before.replace("line 10\n", "line ten\nand more\n")
    assert changed(before, after) == [
        "prompt   20 -> 21 lines, 2 changed",
        "    … 7 unchanged lines",
        "    │ line 7",
        "    │ line 8",
        "    │ line 9",
        "  - │ line 10",
        "  + │ line ten",
        "  + │ and more",
        "    │ line 11",
        "    │ line 12",
        "    │ line 13",
        "    … 6 unchanged lines",
    ]
    whole = changed(before, after, verbose=True)
    assert len(whole) == 1 + 22
    assert not [line for line in whole if "…" in line]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (None, "a\nb", ["prompt   NULL -> 2 lines", "  + │ a", "  + │ b"]),
        ("a\nb\n", "", ['prompt   2 lines -> ""', "  - │ a", "  - │ b"]),
        ("a", "a\nb", ["prompt   1 -> 2 lines, 1 changed", "    │ a", "  + │ b"]),
        ("a\nb", "a\nb\n", ["prompt   2 lines, 1 changed", "    │ a", "    │ b", "  + │"]),
        ("a", "a\n", ['prompt   "a" -> "a\\n"']),
        ("a\nb", 1, ['prompt   "a\\nb" -> 1']),
    ],
)
def test_texts_that_come_go_or_end_otherwise(before: Value, after: Value, shown: list[str]) -> None:
    assert changed(before, after) == shown


def test_of_a_long_text_its_size_is_said() -> None:
    before = "say(1);\n" * 300
    header = changed(before, before + "say(2);\n" * 20)[0]
    assert header == "prompt   2.3 KB -> 2.5 KB, 20 lines changed"
    assert prose.measure(before) == "2.3 KB"
    assert prose.measure("one\ntwo\n") == "2 lines"
    assert prose.measure("x" * 300) == "300 bytes"


def test_a_local_edit_that_is_overwritten_is_marked() -> None:
    [line] = diff.fields([description("a\nb", "a\nc", drift=True)], width=94, verbose=False)[:1]
    assert str(line) == "description   2 lines, 1 changed   (overwrites a local edit)"


def test_of_a_text_that_is_rewritten_both_sides_are_shown() -> None:
    shown = changed(numbered(*range(30)), numbered(*range(100, 130)))
    assert shown[0] == "prompt   30 lines, 30 changed"
    assert [line for line in shown if "…" in line] == [
        "  - … 18 more lines",
        "  + … 18 more lines",
    ]
    assert len(shown) == 1 + 2 * 13
    assert len(changed(numbered(*range(30)), numbered(*range(100, 130)), verbose=True)) == 61


def test_what_is_beyond_forty_lines_is_counted() -> None:
    before = numbered(*range(200))
    after = "".join(
        f"LINE {number}\n" if number % 5 == 0 else f"line {number}\n" for number in range(200)
    )
    shown = changed(before, after)
    told = sum(line.startswith(("  - ", "  + ")) for line in shown)
    assert len(shown) == 1 + 40 + 1
    assert shown[-1] == f"  … {80 - told} more changed lines (--verbose shows all)"
    verbose = changed(before, after, verbose=True)
    assert sum(line.startswith(("  - ", "  + ")) for line in verbose) == 80


def test_long_lines_are_cut_where_they_part() -> None:
    same = "(same)" * 200
    shown = changed(f"a\n{same}old()\nz", f"a\nshort\n{same}new()\nz")
    removed, added = [line for line in shown if "(same)" in line]
    assert "old()" in removed
    assert "new()" in added
    assert max(map(len, shown)) <= 94


def test_one_long_line_is_no_prose() -> None:
    script = "!function(){" + "a();" * 9000
    first, second = changed(script + "b()", script + "c()")
    assert first.endswith('b()"')
    assert second.endswith('c()"')
    assert len(first) <= 94
    first, second = changed(script, "!" + script)
    assert "KB)" in first


@pytest.mark.parametrize(
    ("before", "after"), [("\tx", "\\tx"), ("x", "x "), ("x", "x\r"), ("\u202ex", "\\u202ex")]
)
def test_what_looks_alike_is_told_apart(before: str, after: str) -> None:
    removed, added = changed(f"a\n{before}", f"a\n{after}")[-2:]
    assert removed.removeprefix("  - ") != added.removeprefix("  + ")
    assert removed.rstrip() == removed
    assert added.rstrip() == added


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("verbose", [False, True])
def test_every_line_of_a_text_is_harmless_and_barred(hostile: str, verbose: bool) -> None:
    shown = changed(f"a\n{hostile}", f"{hostile}\nb\nprompt   2 lines", verbose=verbose)
    assert all(visible(line) == line for line in shown)
    assert all("│" in line for line in shown[1:])
    whole = list(map(str, prose.lines(hostile + "\n")))
    assert all(visible(line) == line and line.startswith("  │") for line in whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([number % 99 for number in range(990)], [-number % 99 for number in range(990)]),
        ([number % 2 for number in range(199)], [-number % 3 for number in range(199)]),
        ([0] * 50_000, [0] * 49_000 + [1]),
        (range(50_000), range(50_000, 100_000)),
    ],
)
def test_no_text_takes_long(before: list[int], after: list[int]) -> None:
    started = time.process_time()
    changed(numbered(*before), "new\n" + numbered(*after))
    assert time.process_time() - started < 3
