"""A plan for a change ticket: counts first, then what needs a decision or a second look.

Every text that comes from a database stands in a code span or a code block, where neither
markup nor a mention works; see `escape`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Final

from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change, Create
from reconciler.model.conflict import Conflict, EditedBoth, RewrittenVersion
from reconciler.model.note import Note
from reconciler.model.plan import Plan
from reconciler.model.snapshot import Target
from reconciler.render import diff, escape, notes, reasons, runs, words
from reconciler.render.layout import Line
from reconciler.render.outline import (
    WIDE,
    Names,
    conflict_groups,
    folded,
    note_groups,
    overwrites,
    place,
    risky,
    suspect_groups,
)

DEFAULT_LIMIT: Final = 60_000

_COLUMNS: Final = ("create", "update", "adopt", "retire", "conflict")
_SHOW_ALL: Final = "`reconcile show FILE --format text` shows all"
_ROWS_LISTED: Final = 50
_TARGETS_LISTED: Final = 10
_WIDTH: Final = 100
_FOLDED_FROM: Final = 6
# Headings, and what is said about what does not fit, must fit in any case.
_RESERVE: Final = 1_500


def render(plan: Plan, *, verbose: bool, limit: int = DEFAULT_LIMIT) -> str:
    """The whole plan as Markdown of at most `limit` bytes, ending in a newline."""
    return _Markdown(plan, verbose=verbose, limit=limit).text()


class _Page:
    """Blocks of Markdown, as many as fit."""

    def __init__(self, limit: int) -> None:
        self._left = limit - _RESERVE
        self._text = ""

    def text(self) -> str:
        """What fitted."""
        return self._text + "\n"

    def append(self, block: str) -> None:
        """Add a block that is needed in any case."""
        # Items of a list follow each other closely; everything else needs an empty line.
        listed = self._text.rpartition("\n")[2].startswith(("- ", "  ")) and block.startswith("- ")
        gap = "\n" if listed else "\n\n"
        added = (gap if self._text else "") + block
        self._left -= len(added.encode(errors="surrogatepass"))
        self._text += added

    def section(self, title: str, thing: str, items: Iterable[tuple[str, int]]) -> None:
        """Add a section of blocks, each with the number of things it is about."""
        hidden = 0
        started = False
        for block, number in items:
            if not started:
                self.append(f"## {title}")
                started = True
            if len(block.encode(errors="surrogatepass")) + 2 > self._left:
                hidden += number
            else:
                self.append(block)
        if hidden:
            are = "is" if hidden == 1 else "are"
            self.append(f"_{words.count(hidden, thing)} {are} not shown here; {_SHOW_ALL}._")


class _Markdown:
    """One rendering of one plan."""

    def __init__(self, plan: Plan, *, verbose: bool, limit: int) -> None:
        self.plan = plan
        self.verbose = verbose
        self.names = Names(plan)
        self.folded = {} if verbose else folded(plan)
        self.hidden = {place(child) for some in self.folded.values() for child in some}
        self.rows = Counter(target for change in plan.changes for target in change.targets)
        self.page = _Page(limit)

    def text(self) -> str:
        """The title, the counts, then the sections, the pressing ones first."""
        self.page.append(self.title())
        self.page.append(self.table())
        self.page.append(self.facts())
        self.page.section("Conflicts", "conflict", map(self.conflicts, conflict_groups(self.plan)))
        risks = chain(map(self.risk, risky(self.plan)), map(self.notes, suspect_groups(self.plan)))
        self.page.section("Look twice", "warning", risks)
        self.page.section("Changes", "change", map(self.change, self.shown()))
        if not self.names.one:
            self.page.section("Targets", "target", map(self.target, self.plan.targets))
        without = [(f"- {kind}", 1) for kind in words.left_out(self.plan, _say)]
        left = chain(map(self.notes, note_groups(self.plan)), without)
        self.page.section("Left alone", "note", left)
        return self.page.text()

    def shown(self) -> list[Change]:
        """The changes that have a line of their own."""
        return [change for change in self.plan.changes if place(change) not in self.hidden]

    def title(self) -> str:
        """The template and where it goes."""
        targets = self.plan.targets
        into = _say(targets[0].organization.slug) if self.names.one else f"{len(targets)} targets"
        return f"# Plan: {_say(self.plan.template.name)} for {into}"

    def table(self) -> str:
        """Rows by kind and action."""
        cells: dict[str, Counter[str]] = defaultdict(Counter)
        for change in self.plan.changes:
            cells[change.address.kind][change.action] += len(change.targets)
        for conflict in self.plan.conflicts:
            cells[conflict.address.kind]["conflict"] += 1
        lines = ["| | " + " | ".join(_COLUMNS) + " |", "|:--" + "|--:" * len(_COLUMNS) + "|"]
        lines += [
            _table_row(_say(kind), numbers) for kind, numbers in islice(cells.items(), _ROWS_LISTED)
        ]
        return "\n".join([*lines, _table_row("all", sum(cells.values(), Counter()))])

    def facts(self) -> str:
        """What follows from the counts, and what the plan was made from."""
        plan = self.plan
        nothing = plan.empty and not plan.conflicts
        lines = [words.no_changes(plan, _say) if nothing else words.total(plan)]
        if plan.conflicts:
            lines.append(f"**{words.blocked(plan)}**")
        if not self.names.one:
            lines.append(f"Targets {words.fleet(plan)}.")
        lines.append(
            f"Made {words.day(plan.created_at)} in the name of {words.actor(plan, _say)} "
            f"from {_say(plan.template.agent_id)} of "
            f"{_say(plan.template.organization.slug)} in database {_say(plan.database.name)}; "
            f"fingerprint {_say(plan.fingerprint[:12])}, plan {_say(plan.plan_id[:12])}."
        )
        return "\n".join(lines)

    def conflicts(self, group: Sequence[Conflict]) -> tuple[str, int]:
        """Conflicts with one explanation: the rows, why, and the ways out."""
        places: dict[Address, list[str]] = defaultdict(list)
        for conflict in group:
            places[conflict.address].append(conflict.target)
        shown = dict(islice(places.items(), _ROWS_LISTED))
        rows = [_say(address) + self.where(targets) for address, targets in shown.items()]
        if len(places) > len(shown):
            rows.append(f"and {len(places) - len(shown)} more")
        lines = [
            f"- **{group[0].reason}** {', '.join(rows)}: "
            + reasons.explanation(group, self.names, _say)
        ]
        if isinstance(group[0], EditedBoth):
            sides = diff.sides(group[0], width=_WIDTH)
            lines += [f"  - {escape.code(str(side))}" for side in sides]
        elif isinstance(group[0], RewrittenVersion):
            fields = diff.fields(group[0].fields, width=_WIDTH, verbose=self.verbose)
            lines += [f"  {line}" for line in _block(fields)]
        listed = [conflict for conflict in group if conflict.address in shown]
        for remedy in reasons.remedies(listed):
            flags = f"{escape.code(' '.join(remedy.flags))} — " if remedy.flags else ""
            lines.append(f"  - {remedy.title}: {flags}{remedy.effect}")
        return "\n".join(lines), len(group)

    def risk(self, change: Change) -> tuple[str, int]:
        """Why a change deserves a second look."""
        why = []
        if columns := overwrites(change):
            why.append(f"overwrites a local edit of {', '.join(map(_say, columns))}")
        if isinstance(change, Adopt):
            why.append(words.summary(change, self.plan, _say))
        if len(change.targets) > WIDE:
            why.append(f"reaches {len(change.targets)} targets")
        return f"- {_say(change.address)}{self.where(change.targets)}: {'; '.join(why)}", 1

    def change(self, change: Change) -> tuple[str, int]:
        """One row: a line for a new one, and the diff, folded if it is long, for another."""
        lines = self.diff(change)
        name = f"{words.SYMBOLS[change.action]} {change.address}"
        if not lines:
            return f"- {_say(name)} {self.summary(change, _say)}", 1
        block = "\n".join(_block(lines))
        if len(lines) < _FOLDED_FROM:
            return f"{_say(name)} {self.summary(change, _say)}\n\n{block}", 1
        summary = f"{_html(name)} {self.summary(change, _html)}"
        return f"<details><summary>{summary}</summary>\n\n{block}\n\n</details>", 1

    def diff(self, change: Change) -> list[Line]:
        """The columns of a change: of new rows only schedules, unless all is asked for."""
        kind = change.address.kind
        explain = runs.explain(self.plan, kind)
        if not isinstance(change, Create):
            return diff.fields(change.fields, width=_WIDTH, verbose=self.verbose, explain=explain)
        if self.verbose:
            return diff.values(change.values, width=_WIDTH, explain=explain)
        if change.predecessor is not None:
            return diff.fields(change.predecessor.fields, width=_WIDTH, verbose=False)
        return [Line("", text) for text in runs.coming(self.plan, kind, change.values)]

    def summary(self, change: Change, say: words.Say) -> str:
        """What a change amounts to, and how many targets it reaches."""
        reach = words.reach(change.targets, self.names, say)
        with_it = words.belongings(self.folded.get(place(change), ()))
        return ", ".join(filter(None, [words.summary(change, self.plan, say), with_it, reach]))

    def target(self, target: Target) -> tuple[str, int]:
        """One of several targets: whether it has the template, and how much changes there."""
        name = f"{_say(target.organization.slug)} ({_say(target.organization.id)})"
        state = f"installed as {_say(target.agent_id)}" if target.agent_id else "not installed yet"
        rows = self.rows[target.organization.id]
        return f"- {name}: {state}, {words.count(rows, 'change') if rows else 'no changes'}", 1

    def notes(self, group: Sequence[Note]) -> tuple[str, int]:
        """Notes of one sort, with their rows."""
        rows = []
        for note in group[:_ROWS_LISTED]:
            detail = notes.detail(note, _say)
            rows.append(
                _say(note.address) + (f" ({detail})" if detail else "") + self.where(note.targets)
            )
        if len(group) > len(rows):
            rows.append(f"and {len(group) - len(rows)} more")
        return f"- {notes.title(group, _say)}: {', '.join(rows)}", len(group)

    def where(self, targets: Sequence[str]) -> str:
        """In which targets, where the plan has several; the first of them by name."""
        if self.names.one:
            return ""
        some = [_say(self.names.slug(target)) for target in targets[:_TARGETS_LISTED]]
        hidden = len(targets) - len(some)
        more = f" and {words.count(hidden, 'more target')}" if hidden else ""
        return f" in {', '.join(some)}{more}"


def _say(text: str) -> str:
    return escape.code(escape.shortened(text, escape.NAME_ROOM))


def _html(text: str) -> str:
    return escape.html(escape.shortened(text, escape.NAME_ROOM))


def _table_row(name: str, numbers: Counter[str]) -> str:
    return f"| {name} | " + " | ".join(str(numbers[column]) for column in _COLUMNS) + " |"


def _block(lines: Iterable[Line]) -> list[str]:
    return escape.fence([_diff_line(line) for line in lines])


def _diff_line(line: Line) -> str:
    """A line with its symbol in the first column, where highlighters look for it."""
    if line.symbol in ("+", "-", "~", " "):
        return f"{line.symbol} {line.text}"
    return f"  {line}"
