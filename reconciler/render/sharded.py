"""What several databases have in common: a summary, a section each, and a last line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import assert_never

from reconciler.model.plan import Plan
from reconciler.model.sharded import (
    Section,
    SectionOutcome,
    ShardedOutcome,
    ShardedPlan,
    ShardStatus,
)
from reconciler.model.status import Condition, Status
from reconciler.render import Format, escape, modes, outcome, status, words
from reconciler.render.terminal import Terminal


def render(plan: ShardedPlan, format: Format, *, color: bool, width: int, verbose: bool) -> str:  # noqa: A002  the word that the command line uses
    """The plan in this format, ending in a newline."""
    match format:
        case "text":
            return "\n".join(_text(plan, Terminal(width, color, 0), verbose=verbose)) + "\n"
        case "markdown":
            return "\n".join(_markdown(plan, verbose=verbose)) + "\n"
        case "json":
            from reconciler import shardfile

            return shardfile.dumps(plan)
        case _:
            assert_never(format)


def last_line(plan: ShardedPlan) -> str:
    """`3 databases: 10 to create, 1 to update, 0 to retire; 2 conflicts.`, and what follows."""
    counts = plan.counts()
    behind = sum(len(one.plan.left_behind) for one in plan.sections)
    parts = [
        words.amounts(counts.model_dump(), done=False),
        *([words.count(counts.conflicts, "conflict")] if counts.conflicts else []),
        *([f"{words.count(behind, 'target')} left out"] if behind else []),
    ]
    said = f"{words.count(len(plan.sections), 'database')}: {'; '.join(parts)}."
    blocked = " This plan can be applied in none of them until that is resolved."
    return said + (blocked if plan.blocking else "")


def render_outcome(found: ShardedOutcome) -> str:
    """What became of each section, ending in a newline."""
    return "\n".join(_outcome(found)) + "\n"


def render_status(found: Sequence[ShardStatus], *, color: bool, width: int, verbose: bool) -> str:
    """All of it, database by database, ending in a newline."""
    return "\n".join(_status(found, Terminal(width, color, 0), verbose=verbose)) + "\n"


def _text(plan: ShardedPlan, out: Terminal, *, verbose: bool) -> Iterator[str]:
    template = plan.sections[0].plan.template
    yield out.paint(
        "bold", f"{escape.name(template.name)} in {words.count(len(plan.sections), 'database')}"
    )
    yield from _table(
        [
            (one.database, words.count(len(one.plan.targets), "target"), _sum(one.plan))
            for one in plan.sections
        ]
    )
    for one in plan.sections:
        yield ""
        yield out.paint("bold", _heading(one))
        if _says_nothing(one.plan, verbose=verbose):
            yield modes.nothing(one.plan, escape.name)
            continue
        from reconciler.render import text

        shown = text.render(one.plan, color=out.color, width=out.width, verbose=verbose)
        yield shown.rstrip("\n")
    yield ""
    yield out.paint("bold", last_line(plan))


def _markdown(plan: ShardedPlan, *, verbose: bool) -> Iterator[str]:
    from reconciler.render import markdown

    template = plan.sections[0].plan.template
    number = words.count(len(plan.sections), "database")
    yield f"# Plan: {escape.code(template.name)} in {number}"
    yield ""
    yield "| database | targets | plan |"
    yield "|---|---|---|"
    for one in plan.sections:
        yield f"| {escape.code(one.database)} | {len(one.plan.targets)} | {_sum(one.plan)} |"
    room = markdown.DEFAULT_LIMIT // len(plan.sections)
    for one in plan.sections:
        yield ""
        yield f"# Database {escape.code(one.database)}"
        yield ""
        if _says_nothing(one.plan, verbose=verbose):
            yield modes.nothing(one.plan, escape.code)
            continue
        yield markdown.render(one.plan, verbose=verbose, limit=room).rstrip("\n")
    yield ""
    yield last_line(plan)


def _heading(section: Section) -> str:
    return f"Database  {escape.name(section.database)} ({escape.name(section.plan.database.name)})"


def _says_nothing(plan: Plan, *, verbose: bool) -> bool:
    """Whether one line says all that there is; what is left alone is a matter of --verbose."""
    silent = plan.empty and not plan.blocking and not plan.left_behind and not plan.drift
    return silent and not (verbose and plan.notes)


def _sum(plan: Plan) -> str:
    if plan.empty and not plan.conflicts:
        return f"no changes{words.behind(plan)}"
    return words.total(plan).removeprefix("Plan: ").rstrip(".")


def _outcome(found: ShardedOutcome) -> Iterator[str]:
    for one in found.sections:
        lines = _became(one).rstrip("\n").split("\n")
        yield f"{escape.name(one.database)}: {lines[0]}"
        yield from (f"  {line}".rstrip() for line in lines[1:])
    rows: Counter[str] = Counter()
    for one in found.sections:
        for actions in one.outcome.counts.values() if _now(one) and one.outcome else ():
            rows.update(actions)
    number = words.count(len(found.sections), "database")
    yield ""
    match found.status:
        case "applied":
            yield f"Apply complete in {number}! {words.amounts(rows, done=True)}."
        case "incomplete":
            well = ("applied", "already_applied", "nothing_to_do")
            done = sum(one.status in well for one in found.sections)
            amounts = words.amounts(rows, done=True)
            yield f"Apply incomplete: {done} of {number} done. {amounts}."
        case "already_applied":
            yield f"Already applied in {number}: nothing was written."
        case "nothing_to_do":
            yield f"Nothing to do in {number}: the plan has no changes. Nothing was written."
        case _:
            assert_never(found.status)


def _now(one: SectionOutcome) -> bool:
    """Whether what its outcome counts was written by this run."""
    return one.status in ("applied", "incomplete")


def _became(one: SectionOutcome) -> str:
    if one.outcome is not None:
        return outcome.render(one.outcome)
    match one.status:
        case "not_reached":
            return "Not reached: nothing was written."
        case "unknown":
            return f"Not known: {escape.lines(one.error)}"
        case _:
            return f"Refused: {escape.lines(one.error)}"


def _status(found: Sequence[ShardStatus], out: Terminal, *, verbose: bool) -> Iterator[str]:
    asked = [one.status for one in found if one.status]
    counts: Counter[Condition] = Counter()
    for told in asked:
        counts.update(told.counts)
    templates = {each.agent_id: each for told in asked for each in told.templates}
    whole = Status(
        installations=counts.total(), counts=dict(counts), templates=tuple(templates.values())
    )
    failed = sum(one.status is None for one in found)
    but = f"; {failed} could not be asked" if failed else ""
    number = words.count(len(found), "database")
    yield out.paint("bold", f"{number}: {status.summary(whole).rstrip('.')}{but}.")
    for one in found:
        yield ""
        yield out.paint("bold", f"Database  {escape.name(one.database)}")
        if one.status is None:
            yield f"{words.CONFLICT} {escape.lines(one.error)}"
        else:
            shown = status.render(one.status, color=out.color, width=out.width, verbose=verbose)
            yield shown.rstrip("\n")


def _table(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    left = max(len(escape.name(row[0])) for row in rows)
    middle = max(len(row[1]) for row in rows)
    for name, targets, said in rows:
        yield f"  {escape.name(name):<{left}}  {targets:>{middle}}  {said}"
