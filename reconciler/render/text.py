"""A plan for a terminal, in Terraform's words and symbols; complete without colour."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from reconciler.model.change import Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.render import diff, escape, heading, modes, notes, reasons, summaries, words
from reconciler.render.causes import capped, conflict_groups, entries, left_behind_groups
from reconciler.render.fleet import DEVIATIONS_SHOWN, Fleet, named
from reconciler.render.layout import Line
from reconciler.render.outline import (
    Names,
    changes_by_kind,
    doubt_groups,
    drift_by_row,
    folded,
    note_groups,
    place,
    variants,
)
from reconciler.render.remedies import Remedies
from reconciler.render.terminal import INDENT, Terminal

CONFLICTS_SHOWN: Final = 50

_NOTES_SHOWN: Final = 5
_TARGETS_LISTED: Final = 5
_TARGETS_NAMED: Final = 3
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
        self.fleet = Fleet(plan, self.names)
        self.remedies = Remedies(plan)
        self.folded = {} if verbose else folded(plan)
        self.hidden = {place(child) for some in self.folded.values() for child in some}
        shown = [one for one in plan.changes if place(one) not in self.hidden]
        self.variants, self.unshown = (set(), {}) if verbose else variants(plan.changes)
        behind = [one for left in plan.left_behind for one in left.conflicts]
        left = [len(words.row(one.address)) for one in (*shown, *plan.conflicts, *behind)]
        self.out = Terminal(width, color, min(_WIDEST_LEFT, max(left, default=0)))
        self.room = width - INDENT

    def lines(self) -> Iterator[str]:
        """The plan's lines: what it is about, what changes, what is in the way, what stays."""
        yield from self.header()
        for changes in changes_by_kind(self.plan):
            shown = [
                change
                for change in changes
                if place(change) not in self.hidden and id(change) not in self.variants
            ]
            if shown:
                yield ""
            for change in shown:
                yield from self.change(change)
        yield from self.deviations()
        yield from self.conflicts(conflict_groups(self.plan))
        yield from self.left_behind()
        yield from self.doubts()
        yield from self.drift()
        yield from self.notes()
        yield ""
        if self.plan.blocking and not self.plan.conflicts:
            yield self.out.paint(words.CONFLICT, words.blocked(self.plan))
        elif self.plan.empty and not self.plan.conflicts:
            yield self.out.paint("bold", modes.nothing(self.plan, escape.name))
        else:
            yield self.out.paint("bold", words.total(self.plan))
        if self.plan.conflicts:
            yield self.out.paint(words.CONFLICT, words.blocked(self.plan))
            yield from self.again(conflict_groups(self.plan))
            if instead := words.without(self.plan):
                yield instead

    def header(self) -> Iterator[str]:
        """What for, which template, into which targets, in whose name."""
        plan = self.plan
        template = plan.template
        if purpose := modes.purpose(plan, escape.name):
            yield self.out.paint("bold", purpose)
        gone = ", which no longer exists" if template.gone else ""
        yield (
            f"Template  {escape.name(template.name)} ({escape.name(template.agent_id)}{gone}) "
            f"in org {escape.name(template.organization.slug)}{heading.contents(plan)}"
        )
        lines = [heading.target(plan, target) for target in plan.targets[:_TARGETS_LISTED]]
        lines += map(heading.behind, plan.left_behind[:_TARGETS_LISTED])
        if self.names.one:
            yield f"Target    {lines[0]}"
        elif len(plan.targets) + len(plan.left_behind) <= _TARGETS_LISTED:
            yield from (f"{'' if at else 'Targets':<10}{line}" for at, line in enumerate(lines))
        else:
            yield f"Targets   {self.fleet.headline()}"
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
        if others := self.unshown.get(id(change)):
            yield f"    … {words.others(others, escape.visible)} (--verbose shows all)"

    def deviations(self) -> Iterator[str]:
        """Who gets something else than most of many targets, and why."""
        found = self.fleet.deviations() if self.names.many else []
        shown = found if self.verbose else found[:DEVIATIONS_SHOWN]
        if shown:
            yield ""
            yield f"  {self.fleet.summary()}:"
        for one in shown:
            said = self.fleet.says(one, escape.name, shown=_TARGETS_NAMED, verbose=self.verbose)
            yield from self.out.wrapped(said)
        if hidden := found[len(shown) :]:
            targets = words.count(sum(len(one.targets) for one in hidden), "more target")
            yield f"      … {targets}, in {len(hidden)} other ways (--verbose lists all)"

    def conflicts(self, groups: list[tuple[Conflict, ...]]) -> Iterator[str]:
        """What is in the way, grouped by whose it is, each group with its ways out."""
        left = sys.maxsize if self.verbose else CONFLICTS_SHOWN
        some, hidden = capped(groups, self.names, verbose=self.verbose)
        for group in some:
            rows = entries(group, self.names)
            shown = rows[:left]
            left -= len(shown)
            if not shown:
                hidden += len(group)
                continue
            yield ""
            for row in shown:
                about = self.about(row, group)
                yield self.out.headline(words.CONFLICT, words.row(row[0].address), about)
            if len(shown) < len(rows):
                yield f"    … {len(rows) - len(shown)} more like these"
            yield from self.out.wrapped(reasons.explanation(group, self.names, escape.name))
            lines = diff.several(group, self.names.slug, width=self.room, verbose=self.verbose)
            yield from self.out.block(lines)
            flags = self.remedies.conflicts(group, [one for row in shown for one in row])
            yield from self.out.remedies(flags)
        if hidden:
            yield ""
            yield f"  … {words.count(hidden, 'more conflict')}; --format json shows them all"

    def left_behind(self) -> Iterator[str]:
        """Who does not take part, why, and how to bring them along."""
        if not self.plan.left_behind:
            return
        groups = left_behind_groups(self.plan)
        yield ""
        yield f"  {self.fleet.left_behind(escape.name, 0 if self.verbose else _TARGETS_NAMED)}"
        yield from self.conflicts(groups)
        yield ""
        yield from ("  " + line for line in self.again(groups))

    def again(self, groups: Sequence[Sequence[Conflict]]) -> Iterator[str]:
        """How to plan again: the command to add flags to, or, for one row, a whole one."""
        request = self.plan.request
        command = words.command(request)
        short = words.shortened(request)
        places = f', and each of the {len(request.targets)} targets for "..."' if short else ""
        rows = {conflict.address for group in groups for conflict in group}
        each = "a flag for each" if len(rows) > 1 else "a flag for it"
        yield f"Plan again with {each} added{places}:  {command}"
        if len(groups) > 1 or len(rows) > 1 or short:
            return
        for remedy in self.remedies.conflicts(groups[0], groups[0]):
            if remedy.flags:
                to = remedy.title[0].lower() + remedy.title[1:]
                yield f"For example, to {to}:  {command} {escape.visible(remedy.flags[0])}"
                return

    def about(self, row: Sequence[Conflict], group: Sequence[Conflict]) -> list[str]:
        """Why, in which targets, and what else is said of each row, at the right of a conflict."""
        where = ""
        if not self.names.one:
            targets = [conflict.target for conflict in row]
            shown = 0 if self.verbose else _TARGETS_NAMED
            names = named(targets, self.names, escape.name, shown)
            where = f"in {names}"
            if len(targets) > _TARGETS_NAMED + 1:
                where = f"in {len(targets)} targets ({names})"
        uses = reasons.uses(row, escape.name) if len(group) > 1 else ""
        return [row[0].reason, where, reasons.since(row), uses]

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
