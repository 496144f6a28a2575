"""What an apply did, in one or a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, assert_never

from reconciler.model.outcome import Outcome, Verdict
from reconciler.render import escape, words

_VERDICTS: Final[dict[Verdict, str]] = {
    "applied": "applied",
    "already_applied": "applied before",
    "nothing_to_do": "with nothing to do",
    "refused": "refused",
    "not_reached": "not reached",
}


def render(outcome: Outcome) -> str:
    """The outcome as text, ending in a newline.

    Of several waves, or where not all targets were applied now, first how many came to what.
    """
    lines = [*_targets(outcome)] if _mixed(outcome) else []
    lines.append(_headline(outcome))
    if outcome.template_moved:
        lines += [
            "The template has changed since the plan was made. What was reviewed is what was",
            "applied; a new plan shows the rest.",
        ]
    if outcome.undone:
        lines += [
            f"Undone since by revision {one.revision}: {words.count(one.targets, 'target')}."
            for one in outcome.undone
        ]
        lines.append("Make a new plan to bring it there again.")
    return "\n".join(lines) + "\n"


def _mixed(outcome: Outcome) -> bool:
    gone_on = outcome.status == "applied" and "already_applied" in outcome.targets.values()
    return len(outcome.waves) > 1 or outcome.status == "incomplete" or gone_on


def _targets(outcome: Outcome) -> Iterator[str]:
    counts = Counter(outcome.targets.values())
    told = [f"{counts[one]} {text}" for one, text in _VERDICTS.items() if counts[one]]
    yield f"Targets  {', '.join(told)}"
    yield f"Waves    {len(outcome.waves)}"
    if outcome.refused:
        slugs = [escape.name(one.slug) for one in outcome.refused]
        room = max(map(len, slugs))
        for slug, one in zip(slugs, outcome.refused, strict=True):
            yield f"  ! {slug.ljust(room)}  {one.reason.ljust(14)}  {escape.visible(one.why)}"
    yield ""


def _headline(outcome: Outcome) -> str:
    revision = _revisions(outcome)
    match outcome.status:
        case "applied":
            return f"Apply complete! {_rows(outcome)}.{revision}"
        case "incomplete":
            return f"Apply incomplete: {_rows(outcome)}.{revision}"
        case "already_applied":
            return f"Already applied: nothing was written{revision}."
        case "nothing_to_do":
            return "Nothing to do: the plan has no changes. Nothing was written."
        case _:
            assert_never(outcome.status)


def _rows(outcome: Outcome) -> str:
    rows: Counter[str] = Counter()
    for actions in outcome.counts.values():
        rows.update(actions)
    return words.amounts(rows, done=True)


def _revisions(outcome: Outcome) -> str:
    """` (revision 12)`, ` (revisions 12, 14 to 17)`."""
    if len(outcome.waves) < 2:
        return "" if outcome.revision is None else f" (revision {outcome.revision})"
    runs: list[list[int]] = []
    for number in sorted(wave.revision for wave in outcome.waves):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f" (revisions {', '.join(told)})"
