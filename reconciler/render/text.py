"""A plan for a terminal, in Terraform's words and symbols; complete without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Target
from reconciler.render import diff, escape, modes, notes, reasons, summaries, words
from reconciler.render.layout import Line
from reconciler.render.outline import (
    Names,
    changes_by_kind,
    conflict_groups,
    doubt_groups,
    drift_by_row,
    folded,
    note_groups,
    place,
)
from reconciler.render.remedies import Remedies
from reconciler.render.terminal import INDENT, Terminal

CONFLICTS_SHOWN: Final = 50

_NOTES_SHOWN: Final = 5
_TARGETS_LISTED: Final = 5
_DRIFTED_SHOWN: Final = 50
_WIDEST_LEFT: Final = 62

_Shown = TypeVar("_Shown")


def render(plan: Plan, *, color: bool, width: int, verbose: bool) -> str:
    """The whole plan as text, ending in a newline."""
    return "\n".join(_Text(plan, color=color, width=width, verbose=verbose).lines()) + "\n"


class _Text:
    """One rendering of one plan."""

    def __init__(self, plan: Plan, *, color: bool, width: int, verbose: bool) -> None:
        self.plan = plan
        self.verbose = verbose
        self.names = Names(plan)
        self.remedies = Remedies(plan)
        self.folded = {} if verbose else folded(plan)
        self.hidden = {place(child) for some in self.folded.values() for child in some}
        shown = [one for one in plan.changes if place(one) not in self.hidden]
        left = [len(words.row(one.address)) for one in (*shown, *plan.conflicts)]
        self.out = Terminal(width, color, min(_WIDEST_LEFT, max(left, default=0)))
        self.room = width - INDENT

    def lines(self) -> Iterator[str]:
        """The plan's lines: what it is about, what changes, what is in the way, what stays."""
        yield from self.header()
        for changes in changes_by_kind(self.plan):
            shown = [change for change in changes if place(change) not in self.hidden]
            if shown:
                yield ""
            for change in shown:
                yield from self.change(change)
        yield from self.conflicts()
        yield from self.doubts()
        yield from self.drift()
        yield from self.notes()
        yield ""
        if self.plan.empty and not self.plan.conflicts:
            yield self.out.paint("bold", modes.nothing(self.plan, escape.name))
        else:
            yield self.out.paint("bold", words.total(self.plan))
        if self.plan.conflicts:
            yield self.out.paint(words.CONFLICT, words.blocked(self.plan))
            yield from self.again()

    def header(self) -> Iterator[str]:
        """What for, which template, into which targets, in whose name."""
        plan = self.plan
        template = plan.template
        if purpose := modes.purpose(plan, escape.name):
            yield self.out.paint("bold", purpose)
        gone = ", which no longer exists" if template.gone else ""
        yield (
            f"Template  {escape.name(template.name)} ({escape.name(template.agent_id)}{gone}) "
            f"in org {escape.name(template.organization.slug)}{_contents(plan)}"
        )
        if len(plan.targets) == 1:
            yield f"Target    {_target(plan, plan.targets[0])}"
        elif len(plan.targets) <= _TARGETS_LISTED:
            for index, target in enumerate(plan.targets):
                yield f"{'' if index else 'Targets':<10}{_target(plan, target)}"
        else:
            yield f"Targets   {words.fleet(plan)}"
        if plan.unchanged:
            yield f"Unchanged {words.count(plan.unchanged, 'row')}"
        yield f"As        {words.actor(plan, escape.name)}"

    def change(self, change: Change) -> Iterator[str]:
        """One row: what happens to it, and below it the columns."""
        right = [summaries.summary(change, self.plan, escape.name, below=True)]
        right += [summaries.belongings(self.folded.get(place(change), ()))]
        right += [words.reach(change.targets, self.names, escape.name)]
        lines = diff.below(change, self.plan, width=self.room, verbose=self.verbose)
        yield self.out.headline(words.SYMBOLS[change.action], words.row(change.address), right)
        yield from self.out.block(lines)
        if self.verbose and len(change.targets) > 1 and not self.names.one:
            slugs = ", ".join(escape.name(self.names.slug(target)) for target in change.targets)
            yield from self.out.wrapped(f"in {slugs}")

    def conflicts(self) -> Iterator[str]:
        """What is in the way, grouped by whose it is, each group with its ways out."""
        left = CONFLICTS_SHOWN
        hidden = 0
        for group in conflict_groups(self.plan):
            shown = group[:left]
            left -= len(shown)
            if not shown:
                hidden += len(group)
                continue
            yield ""
            for conflict in shown:
                about = self.about(conflict, group)
                yield self.out.headline(words.CONFLICT, words.row(conflict.address), about)
            if len(shown) < len(group):
                yield f"    … {len(group) - len(shown)} more like these"
            yield from self.out.wrapped(reasons.explanation(group, self.names, escape.name))
            lines = diff.evidence(group[0], width=self.room, verbose=self.verbose)
            yield from self.out.block(lines)
            yield from self.out.remedies(self.remedies.conflicts(group, shown))
        if hidden:
            yield ""
            yield f"  … {words.count(hidden, 'more conflict')}; --format json shows them all"

    def again(self) -> Iterator[str]:
        """How to plan again: the command to add flags to, or, for one row, a whole one."""
        request = self.plan.request
        command = words.command(request)
        short = words.shortened(request)
        places = f', and each of the {len(request.targets)} targets for "..."' if short else ""
        rows = {conflict.address for conflict in self.plan.conflicts}
        groups = conflict_groups(self.plan)
        each = "a flag for each" if len(rows) > 1 else "a flag for it"
        yield f"Plan again with {each} added{places}:  {command}"
        if len(groups) > 1 or len(rows) > 1 or short:
            return
        for remedy in self.remedies.conflicts(groups[0], groups[0]):
            if remedy.flags:
                to = remedy.title[0].lower() + remedy.title[1:]
                yield f"For example, to {to}:  {command} {escape.visible(remedy.flags[0])}"
                return

    def about(self, conflict: Conflict, group: Sequence[Conflict]) -> list[str]:
        """Why, in which target, and what else is said of each row, at the right of a conflict."""
        slug = "" if self.names.one else f"in {escape.name(self.names.slug(conflict.target))}"
        uses = reasons.uses([conflict], escape.name) if len(group) > 1 else ""
        return [conflict.reason, slug, reasons.since(conflict), uses]

    def doubts(self) -> Iterator[str]:
        """Queries inside rows that are written, and rows that look renamed: look twice."""
        groups = doubt_groups(self.plan)
        if groups:
            yield ""
            yield "  Look twice:"
        for group in groups:
            yield from self.noted(group)
            if declared := notes.declaration(self.shown(group)):
                yield from self.out.block([Line("", notes.DECLARE, 2)])
                yield from self.out.block([Line("", line, 4) for line in declared])

    def drift(self) -> Iterator[str]:
        """What is otherwise than it was last applied: as it was, and what it is on both sides."""
        rows = drift_by_row(self.plan)
        shown = rows if self.verbose else rows[:_DRIFTED_SHOWN]
        if shown:
            yield ""
            yield "  Drift:"
        for row in shown:
            where = words.reach(row[0].targets, self.names, escape.name)
            yield " " * INDENT + words.row(row[0].address) + (f"   in {where}" if where else "")
            lines = diff.drifted(
                row,
                width=self.room - 2,
                verbose=self.verbose,
                then=lambda one: modes.happens(one, self.plan),
            )
            yield from self.out.block([Line(one.symbol, one.text, one.indent + 2) for one in lines])
        if len(shown) < len(rows):
            yield f"      … {len(rows) - len(shown)} more (--verbose shows all)"

    def notes(self) -> Iterator[str]:
        """What the plan leaves alone, and why."""
        groups = note_groups(self.plan)
        without = words.left_out(self.plan, escape.name)
        if groups or without:
            yield ""
            yield "  Left alone:"
        for group in groups:
            yield from self.noted(group)
            remedies = self.remedies.notes(group, group[:CONFLICTS_SHOWN])
            yield from self.out.remedies(remedies, INDENT + 2)
        for kind in without:
            yield from self.out.wrapped(kind)

    def noted(self, group: Sequence[Note]) -> Iterator[str]:
        """Notes of one sort, with their rows."""
        rows = notes.by_row(group)
        items = [self.note(row) for row in self.shown(rows)]
        if hidden := len(rows) - len(items):
            items.append(f"and {hidden} more (--verbose shows all)")
        yield from self.out.wrapped(f"{notes.title(group, escape.name)}: {'; '.join(items)}")

    def shown(self, group: Sequence[_Shown]) -> Sequence[_Shown]:
        """The notes of a group that are named."""
        return group if self.verbose else group[:_NOTES_SHOWN]

    def note(self, row: Sequence[Note]) -> str:
        """One row that is left alone."""
        detail = notes.details(row, escape.name, verbose=self.verbose)
        where = words.reach(row[0].targets, self.names, escape.name)
        extra = ", ".join(part for part in (detail, where) if part)
        return words.row(row[0].address) + (f" ({extra})" if extra else "")


def _contents(plan: Plan) -> str:
    """What the template holds, where the plan is about that."""
    if not modes.compares(plan):
        return ""
    rows = words.count(plan.template_rows, "row")
    return f", {rows}, fingerprint {escape.visible(plan.fingerprint[:6])}…"


def _target(plan: Plan, target: Target) -> str:
    organization = target.organization
    name = f"{escape.name(organization.slug)} ({escape.name(organization.id)})"
    if target.agent_id is None:
        return f"{name}: {words.absent(plan, target)}"
    revision = f"revision {target.revision}" if target.revision else "no revision yet"
    facts = [escape.name(target.agent_id), revision, words.day(target.revised_at or "")]
    return f"{name}: installed as {', '.join(filter(None, facts))}"
