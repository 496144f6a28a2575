"""A plan for a terminal, in Terraform's words and symbols; complete without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model.change import Change, Create
from reconciler.model.conflict import Conflict, EditedBoth, RewrittenVersion
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Target
from reconciler.render import diff, escape, notes, reasons, runs, words
from reconciler.render.layout import Line
from reconciler.render.outline import (
    Names,
    changes_by_kind,
    conflict_groups,
    folded,
    note_groups,
    place,
    suspect_groups,
)

CONFLICTS_SHOWN: Final = 50

_NOTES_SHOWN: Final = 5
_TARGETS_LISTED: Final = 5
_WIDEST_LEFT: Final = 62
_INDENT: Final = 6
_COLORS: Final = {
    "+": "32",
    "~": "33",
    "<-": "36",
    "->": "33",
    "-": "31",
    words.CONFLICT: "31",
    "bold": "1",
}


def render(plan: Plan, *, color: bool, width: int, verbose: bool) -> str:
    """The whole plan as text, ending in a newline."""
    return "\n".join(_Text(plan, color=color, width=width, verbose=verbose).lines()) + "\n"


class _Text:
    """One rendering of one plan."""

    def __init__(self, plan: Plan, *, color: bool, width: int, verbose: bool) -> None:
        self.plan = plan
        self.color = color
        self.width = width
        self.verbose = verbose
        self.names = Names(plan)
        self.folded = {} if verbose else folded(plan)
        self.hidden = {place(child) for some in self.folded.values() for child in some}
        shown = [one for one in plan.changes if place(one) not in self.hidden]
        left = [len(words.row(one.address)) for one in (*shown, *plan.conflicts)]
        self.left = min(_WIDEST_LEFT, max(left, default=0))

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
        yield from self.suspects()
        yield from self.notes()
        yield ""
        if self.plan.empty and not self.plan.conflicts:
            yield self.paint("bold", words.no_changes(self.plan, escape.name))
        else:
            yield self.paint("bold", words.total(self.plan))
        if self.plan.conflicts:
            yield self.paint(words.CONFLICT, words.blocked(self.plan))
            yield f"Plan again with a flag for each:  {words.command(self.plan.request)} ..."

    def header(self) -> Iterator[str]:
        """Which template, into which targets, in whose name."""
        plan = self.plan
        template = plan.template
        yield (
            f"Template  {escape.name(template.name)} ({escape.name(template.agent_id)}) "
            f"in org {escape.name(template.organization.slug)}, "
            f"{words.count(plan.template_rows, 'row')}, "
            f"fingerprint {escape.visible(plan.fingerprint[:6])}…"
        )
        if len(plan.targets) == 1:
            yield f"Target    {_target(plan.targets[0])}"
        elif len(plan.targets) <= _TARGETS_LISTED:
            for index, target in enumerate(plan.targets):
                yield f"{'' if index else 'Targets':<10}{_target(target)}"
        else:
            yield f"Targets   {words.fleet(plan)}"
        if plan.unchanged:
            yield f"Unchanged {words.count(plan.unchanged, 'row')}"
        yield f"As        {words.actor(plan, escape.name)}"

    def change(self, change: Change) -> Iterator[str]:
        """One row: what happens to it, and below it the columns."""
        right = [words.summary(change, self.plan, escape.name)]
        right += [words.belongings(self.folded.get(place(change), ()))]
        right += [words.reach(change.targets, self.names, escape.name)]
        yield self.headline(words.SYMBOLS[change.action], words.row(change.address), right)
        room = self.width - _INDENT
        kind = change.address.kind
        explain = runs.explain(self.plan, kind)
        if not isinstance(change, Create):
            lines = diff.fields(change.fields, width=room, verbose=self.verbose, explain=explain)
        elif self.verbose:
            lines = diff.values(change.values, width=room, explain=explain)
        elif change.predecessor is not None:
            lines = diff.fields(change.predecessor.fields, width=room, verbose=False)
        else:
            lines = [Line("", text) for text in runs.coming(self.plan, kind, change.values)]
        yield from self.block(lines)
        if self.verbose and len(change.targets) > 1 and not self.names.one:
            slugs = ", ".join(escape.name(self.names.slug(target)) for target in change.targets)
            yield from self.wrapped(f"in {slugs}")

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
                yield self.headline(
                    words.CONFLICT, words.row(conflict.address), self.about(conflict)
                )
            if len(shown) < len(group):
                yield f"    … {len(group) - len(shown)} more like these"
            yield from self.wrapped(reasons.explanation(group, self.names, escape.name))
            room = self.width - _INDENT
            if isinstance(group[0], EditedBoth):
                yield from self.block(diff.sides(group[0], width=room))
            elif isinstance(group[0], RewrittenVersion):
                fields = diff.fields(group[0].fields, width=room, verbose=self.verbose)
                yield from self.block(fields)
            yield from self.remedies(shown)
        if hidden:
            yield ""
            yield f"  … {words.count(hidden, 'more conflict')}; --format json shows them all"

    def about(self, conflict: Conflict) -> list[str]:
        """Why, and in which target, at the right of a conflict."""
        slug = "" if self.names.one else f"in {escape.name(self.names.slug(conflict.target))}"
        return [conflict.reason, slug, reasons.since(conflict)]

    def remedies(self, group: Sequence[Conflict]) -> Iterator[str]:
        """The ways out of a group of conflicts, with the exact flags."""
        remedies = reasons.remedies(group)
        width = max(len(remedy.title) for remedy in remedies) + 3
        for remedy in remedies:
            start = " " * _INDENT + f"{remedy.title + ':':<{width}}"
            if not remedy.flags:
                yield start + remedy.effect
                continue
            effect = f"   ({remedy.effect})"
            flags = self.fill(remedy.flags, len(start), len(effect))
            flags[-1] += effect
            yield start + flags[0]
            yield from (" " * len(start) + line for line in flags[1:])

    def notes(self) -> Iterator[str]:
        """What the plan leaves alone, and why."""
        groups = note_groups(self.plan)
        without = words.left_out(self.plan, escape.name)
        if groups or without:
            yield ""
            yield "  Left alone:"
        for group in groups:
            yield from self.noted(group)
        for kind in without:
            yield from self.wrapped(kind)

    def suspects(self) -> Iterator[str]:
        """The queries inside rows that are written, where something is suspect about them."""
        groups = suspect_groups(self.plan)
        if groups:
            yield ""
            yield "  Look twice:"
        for group in groups:
            yield from self.noted(group)

    def noted(self, group: Sequence[Note]) -> Iterator[str]:
        """Notes of one sort, with their rows."""
        items = [self.note(note) for note in group]
        hidden = 0 if self.verbose else max(0, len(items) - _NOTES_SHOWN)
        if hidden:
            items = [*items[:_NOTES_SHOWN], f"and {hidden} more (--verbose shows all)"]
        yield from self.wrapped(f"{notes.title(group, escape.name)}: {'; '.join(items)}")

    def note(self, note: Note) -> str:
        """One row that is left alone."""
        detail = notes.detail(note, escape.name)
        where = words.reach(note.targets, self.names, escape.name)
        extra = ", ".join(part for part in (detail, where) if part)
        return words.row(note.address) + (f" ({extra})" if extra else "")

    def headline(self, symbol: str, left: str, right: Sequence[str]) -> str:
        """The first line about a row."""
        said = ", ".join(part for part in right if part)
        return f"{self.paint(symbol, f'{symbol:>3}')} {left:<{self.left}}   {said}"

    def block(self, lines: Sequence[Line]) -> Iterator[str]:
        """The lines of a diff, below the row that they belong to."""
        for line in lines:
            symbol = f"{self.paint(line.symbol, line.symbol)} " if line.symbol else ""
            yield " " * (_INDENT + line.indent) + symbol + line.text

    def wrapped(self, text: str) -> list[str]:
        """A sentence of any length, over as many lines as it needs."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=" " * _INDENT,
            subsequent_indent=" " * (_INDENT + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )

    def fill(self, flags: Sequence[str], used: int, ending: int) -> list[str]:
        """Flags in lines that fit, none of them broken in two."""
        found = [flags[0]]
        for flag in flags[1:]:
            if used + len(found[-1]) + 1 + len(flag) + ending > self.width:
                found.append(flag)
            else:
                found[-1] += f" {flag}"
        return found

    def paint(self, style: str, text: str) -> str:
        """The text in the colour of a symbol, if colour is wanted."""
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self.color and style in _COLORS else text


def _target(target: Target) -> str:
    organization = target.organization
    name = f"{escape.name(organization.slug)} ({escape.name(organization.id)})"
    if target.agent_id is None:
        return f"{name}: not installed yet"
    revision = f"revision {target.revision}" if target.revision else "no revision yet"
    facts = [escape.name(target.agent_id), revision, words.day(target.revised_at or "")]
    return f"{name}: installed as {', '.join(filter(None, facts))}"
