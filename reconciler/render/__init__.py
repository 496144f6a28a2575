"""Words for people: `render` turns a plan into text, and nothing here reads or writes a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, assert_never

if TYPE_CHECKING:
    from reconciler.model.plan import Plan
    from reconciler.model.sharded import ShardedPlan

Format = Literal["text", "markdown", "json"]
DEFAULT_WIDTH: Final = 100


def render(
    plan: Plan | ShardedPlan,
    format: Format,  # noqa: A002  the word that the command line uses
    *,
    color: bool = False,
    width: int = DEFAULT_WIDTH,
    verbose: bool = False,
) -> str:
    """The plan in this format, ending in a newline.

    color and width matter to `text` only. verbose shows every value in full.
    """
    from reconciler.model.plan import Plan

    if not isinstance(plan, Plan):
        from reconciler.render import sharded

        return sharded.render(plan, format, color=color, width=width, verbose=verbose)
    # Each format is imported when it is asked for, so that one costs nothing to another.
    match format:
        case "text":
            from reconciler.render import text

            return text.render(plan, color=color, width=width, verbose=verbose)
        case "markdown":
            from reconciler.render import markdown

            return markdown.render(plan, verbose=verbose)
        case "json":
            from reconciler import planfile

            return planfile.dumps(plan)
        case _:
            assert_never(format)
