"""Markdown for a change ticket: its order, its size, and that no data is markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model.plan import Plan
from reconciler.model.value import Value
from reconciler.render import markdown, render
from tests.fixtures import lifecycle, plans
from tests.fixtures.everything import everything
from tests.fixtures.golden import Golden
from tests.fixtures.hostile import hostile
from tests.render.hostile_lifecycle import hostile_lifecycle
from tests.render.hostile_versions import hostile_versions


@pytest.mark.parametrize(
    "make",
    [
        plans.worked,
        plans.watched,
        everything,
        plans.fleet,
        lifecycle.destroyed,
        lifecycle.undone,
        lifecycle.refreshed,
    ],
)
def test_golden(make: Callable[[], Plan], golden: Golden) -> None:
    golden(f"{make.__name__}.md", render(make(), "markdown"))


def test_what_needs_a_decision_comes_first() -> None:
    text = render(everything(), "markdown")
    assert re.findall(r"^#+ .*", text, re.MULTILINE) == [
        "# Plan: `personal-finance` for `acme`",
        "## Conflicts",
        "## Look twice",
        "## Changes",
        "## Drift",
        "## Left alone",
    ]
    assert text.index("| all |") < text.index("## Conflicts")


def test_two_targets_are_listed_with_what_changes_there_and_many_in_groups() -> None:
    text = render(plans.fleet(), "markdown")
    assert re.findall(r"^## .*", text, re.MULTILINE) == [
        "## Conflicts",
        "## Look twice",
        "## Changes",
        "## Targets",
        "## Left alone",
    ]
    listed = text.partition("## Targets\n\n")[2].partition("\n\n## ")[0].splitlines()
    assert listed[0] == "5 of 60 targets: the same change; 55 differ:"
    assert listed[-1] == (
        '- `tenant-007` and `tenant-008`: ! `entity_type "transaction"` (user_authored); '
        'also ~ `entity_type "asset"` (overwrites a local edit)'
    )
    settled = plans.plan(targets=[plans.target("acme"), plans.target("bolt", installed=False)])
    assert render(settled, "markdown").endswith(
        "## Targets\n\n- `acme` (`org_acme`): installed as `agent_7k2d`, no changes\n"
        "- `bolt` (`org_bolt`): not installed yet, no changes\n"
    )


def test_counts_are_rows_by_kind() -> None:
    text = render(plans.fleet(), "markdown")
    assert "| | create | update | retire | conflict |" in text
    assert "| `entity_type` | 2 | 69 | 0 | 55 |" in text


def test_what_seldom_happens_has_a_column_only_where_it_does() -> None:
    text = render(lifecycle.destroyed(), "markdown")
    assert "| | create | update | release | retire | conflict |" in text
    assert "| `entity_type` | 0 | 0 | 4 | 2 | 0 |" in text
    text = render(plans.plan([lifecycle.move()]), "markdown")
    assert "| | create | update | rename | retire | conflict |" in text


def test_risky_rows_are_named_with_the_reason() -> None:
    text = render(everything(), "markdown")
    assert "- `entity_type.account`: overwrites a local edit of `description`" in text
    assert "- `entity_type.holding`: taken over from the tenant's own people" in text
    assert "- `entity_type.voucher`: local edits of `description` and `icon` go with it\n" in text
    assert "may be a renamed one: `entity_type.current_account`" in text
    assert "reaches 60 targets" in render(plans.fleet(), "markdown")
    assert "## Look twice" not in render(plans.worked(), "markdown")


def test_long_diffs_are_folded_and_short_ones_are_not() -> None:
    short = render(plans.plan([plans.update(plans.description())]), "markdown")
    assert "<details>" not in short
    fields = [
        plans.description().model_copy(update={"column": f"column_{number}"}) for number in range(9)
    ]
    folded = render(plans.plan([plans.update(*fields)]), "markdown")
    assert folded.count("<details>") == folded.count("</details>") == 1


def _tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("make", [hostile, hostile_versions, hostile_lifecycle])
def test_no_text_from_the_database_is_markup(make: Callable[[], Plan], verbose: bool) -> None:
    made = make()
    tokens = list(_tokens(markdown.render(made, verbose=verbose, limit=10_000_000)))
    kinds = {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "em_open", "hr", "blockquote_open", "code_block"}
    headings = [
        tokens[place + 1].content
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]
    assert len(headings) == (5 if not made.drift else 6)
    # A head, the kinds and the sum: another one would be feigned by a pipe.
    table = 2 + len({change.address.kind for change in made.changes})
    assert sum(token.type == "tr_open" for token in tokens) == table
    written = [token.content for token in tokens if token.type in ("html_inline", "html_block")]
    tags = {tag for html in written for tag in re.findall(r"</?[^>]*>", html)}
    assert tags <= {"<code>", "</code>", "<details>", "</details>", "<summary>", "</summary>"}


@pytest.mark.parametrize("make", [hostile, hostile_versions, hostile_lifecycle])
def test_no_mention_or_address_stands_outside_code(make: Callable[[], Plan]) -> None:
    text = markdown.render(make(), verbose=True, limit=10_000_000)
    outside = [
        token.content
        for token in _tokens(re.sub(r"<code>.*?</code>", "", text))
        if token.type == "text"
    ]
    assert not re.search(r"@everyone|#1\b|https?://|evil|rm -rf|feigned", "\n".join(outside))


def _large(number: int, **values: Value) -> Plan:
    return plans.plan(
        [
            plans.update(
                *[
                    plans.description("x" * 90, "y" * 90).model_copy(
                        update={"column": f"c{column}"}
                    )
                    for column in range(10)
                ],
                key=f"key_{row}",
            )
            for row in range(number)
        ]
    )


def test_the_size_is_capped_and_what_is_missing_is_said() -> None:
    text = render(_large(200), "markdown")
    assert len(text.encode()) <= markdown.DEFAULT_LIMIT
    assert len(text.encode()) > markdown.DEFAULT_LIMIT * 0.9
    found = re.search(
        r"_(\d+) changes are not shown here; `reconcile show FILE --format text`", text
    )
    assert found
    assert int(found[1]) + text.count("<details>") == 200
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize(
    "make", [everything, hostile, hostile_versions, hostile_lifecycle, plans.fleet]
)
@pytest.mark.parametrize("limit", [8_000, 20_000])
def test_every_plan_keeps_to_the_limit(make: Callable[[], Plan], limit: int) -> None:
    text = markdown.render(make(), verbose=True, limit=limit)
    assert len(text.encode()) <= limit
    assert text.startswith("# Plan:")
