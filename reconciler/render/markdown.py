"""A plan for a change ticket: counts first, then what needs a decision or a second look.

Every text that comes from a database stands in a code span or a code block, where neither
markup nor a mention works; see `escape`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final

from reconciler.model.address import Address
from reconciler.model.change import Adopt, Change
from reconciler.model.conflict import Conflict
from reconciler.model.note import Note
from reconciler.model.plan import Drift, Plan
from reconciler.model.snapshot import Target
from reconciler.render import diff, escape, modes, notes, reasons, summaries, words
from reconciler.render.causes import capped, conflict_groups, left_behind_groups
from reconciler.render.fleet import DEVIATIONS_SHOWN, Deviation, Fleet
from reconciler.render.outline import (
    WIDE,
    Names,
    doubt_groups,
    drift_by_row,
    folded,
    grouped,
    note_groups,
    overwrites,
    place,
    risky,
    variants,
)
from reconciler.render.page import Page, block, table
from reconciler.render.remedies import Remedies, Remedy

DEFAULT_LIMIT: Final = 60_000

_ROWS_LISTED: Final = 50
_TARGETS_LISTED: Final = 10
_WIDTH: Final = 100
_FOLDED_FROM: Final = 6


def render(plan: Plan, *, verbose: bool, limit: int = DEFAULT_LIMIT) -> str:
    """The whole plan as Markdown of at most `limit` bytes, ending in a newline."""
    return _Markdown(plan, verbose=verbose, limit=limit).text()


class _Markdown:
    """One rendering of one plan."""

    def __init__(self, plan: Plan, *, verbose: bool, limit: int) -> None:
        self.plan = plan
        self.verbose = verbose
        self.names = Names(plan)
        self.fleet = Fleet(plan, self.names)
        self.remedies = Remedies(plan)
        self.folded = {} if verbose else folded(plan)
        self.hidden = {place(child) for some in self.folded.values() for child in some}
        self.variants, self.unshown = (set(), {}) if verbose else variants(plan.changes)
        self.page = Page(limit)

    def text(self) -> str:
        """The title, the counts, then the sections, the pressing ones first."""
        self.page.append(self.title())
        if self.plan.request.mode != "refresh":
            self.page.append(table(self.plan, _say))
        self.page.append(self.facts())
        self.page.section("Conflicts", "conflict", self.in_the_way(conflict_groups(self.plan)))
        self.page.section("Left out", "conflict", self.left_behind())
        risks = chain(self.risks(), map(self.doubt, doubt_groups(self.plan)))
        self.page.section("Look twice", "warning", risks)
        self.page.section("Changes", "change", map(self.change, self.shown()))
        if self.names.many:
            self.page.section("Targets", "target", self.deviations())
        elif not self.names.one:
            rows = Counter(target for change in self.plan.changes for target in change.targets)
            targets = (self.target(target, rows) for target in self.plan.targets)
            self.page.section("Targets", "target", targets)
        self.page.section("Drift", "drifted row", map(self.drift, drift_by_row(self.plan)))
        without = [(f"- {kind}", 1) for kind in words.left_out(self.plan, _say)]
        left = chain(map(self.notes, note_groups(self.plan)), without)
        self.page.section("Left alone", "note", left)
        return self.page.text()

    def shown(self) -> list[Change]:
        """The changes that have a line of their own."""
        return [
            change
            for change in self.plan.changes
            if place(change) not in self.hidden and id(change) not in self.variants
        ]

    def title(self) -> str:
        """The template and where it goes, or what else the plan is for."""
        return f"# Plan: {modes.title(self.plan, _say)}"

    def facts(self) -> str:
        """What follows from the counts, and what the plan was made from."""
        plan = self.plan
        gone = ", which no longer exists," if plan.template.gone else ""
        nothing = plan.empty and not plan.blocking
        lines = [modes.nothing(plan, _say) if nothing else words.total(plan)]
        if plan.blocking:
            lines.append(f"**{words.blocked(plan)}**")
        if plan.conflicts and (instead := words.without(plan)):
            lines.append(f"{instead}.")
        if not self.names.one:
            lines.append(f"Targets {self.fleet.headline()}.")
        compared = modes.compares(plan)
        fingerprint = f"fingerprint {_say(plan.fingerprint[:12])}, " if compared else ""
        lines.append(
            f"Made {words.day(plan.created_at)} in the name of {words.actor(plan, _say)} "
            f"from {_say(plan.template.agent_id)}{gone} of "
            f"{_say(plan.template.organization.slug)} in database {_say(plan.database.name)}; "
            f"{fingerprint}plan {_say(plan.plan_id[:12])}."
        )
        return "\n".join(lines)

    def in_the_way(self, groups: list[tuple[Conflict, ...]]) -> Iterator[tuple[str, int]]:
        """Conflicts, group by group."""
        shown, hidden = capped(groups, self.names, verbose=self.verbose)
        yield from map(self.conflicts, shown)
        if hidden:
            more = words.count(hidden, "more conflict")
            yield f"- {more} like these (`--verbose` shows all)", hidden

    def conflicts(self, group: Sequence[Conflict]) -> tuple[str, int]:
        """Conflicts with one explanation: the rows, why, and the ways out."""
        places: dict[Address, list[Conflict]] = defaultdict(list)
        for conflict in group:
            places[conflict.address].append(conflict)
        shown = dict(islice(places.items(), _ROWS_LISTED))
        rows = []
        for address, there in shown.items():
            uses = reasons.uses(there, _say) if len(places) > 1 else ""
            where = self.where([conflict.target for conflict in there])
            rows.append(_say(address) + (f" ({uses})" if uses else "") + where)
        if len(places) > len(shown):
            rows.append(f"and {len(places) - len(shown)} more")
        lines = [
            f"- **{group[0].reason}** {', '.join(rows)}: "
            + reasons.explanation(group, self.names, _say)
        ]
        slug = self.names.slug
        if evidence := diff.several(group, slug, width=_WIDTH, verbose=self.verbose):
            lines += [f"  {line}" for line in block(evidence)]
        listed = [conflict for conflict in group if conflict.address in shown]
        lines += map(_remedy, self.remedies.conflicts(group, listed))
        return "\n".join(lines), len(group)

    def left_behind(self) -> Iterator[tuple[str, int]]:
        """Who does not take part, and the conflicts that are why."""
        if self.plan.left_behind:
            shown = 0 if self.verbose else _TARGETS_LISTED
            yield f"{self.fleet.left_behind(_say, shown)}.", len(self.plan.left_behind)
        yield from self.in_the_way(left_behind_groups(self.plan))

    def risks(self) -> Iterator[tuple[str, int]]:
        """Changes that deserve a second look: of one row and for the same reason together."""
        some = grouped(((change.address, self.risk(change)), change) for change in risky(self.plan))
        for changes in some:
            where = self.where(sorted(one for change in changes for one in change.targets))
            yield f"- {_say(changes[0].address)}{where}: {self.risk(changes[0])}", len(changes)

    def risk(self, change: Change) -> str:
        """Why a change deserves a second look."""
        why = []
        if columns := overwrites(change):
            why.append(f"overwrites a local edit of {', '.join(map(_say, columns))}")
        if lost := summaries.lost(change, _say):
            why.append(lost)
        if isinstance(change, Adopt):
            why.append(summaries.summary(change, self.plan, _say))
        if len(change.targets) > WIDE:
            why.append(f"reaches {len(change.targets)} targets")
        return "; ".join(why)

    def change(self, change: Change) -> tuple[str, int]:
        """One row, and how many changes of the same row are not shown."""
        block, number = self.shown_change(change)
        others = self.unshown.get(id(change), ())
        if others:
            block += f"\n\n_{words.others(others, _say)} (`--verbose` shows all)_"
        return block, number + len(others)

    def shown_change(self, change: Change) -> tuple[str, int]:
        """A line for a new row, and the diff, folded if it is long, for another."""
        lines = diff.below(change, self.plan, width=_WIDTH, verbose=self.verbose)
        name = f"{words.SYMBOLS[change.action]} {change.address}"
        if not lines:
            return f"- {_say(name)} {self.summary(change, _say)}", 1
        shown = "\n".join(block(lines))
        if len(lines) < _FOLDED_FROM:
            return f"{_say(name)} {self.summary(change, _say)}\n\n{shown}", 1
        summary = f"{_html(name)} {self.summary(change, _html)}"
        return f"<details><summary>{summary}</summary>\n\n{shown}\n\n</details>", 1

    def deviations(self) -> Iterator[tuple[str, int]]:
        """Who gets something else than most of many targets, and why."""
        found = self.fleet.deviations()
        if found:
            yield f"{self.fleet.summary()}:", 0
        shown = found if self.verbose else found[:DEVIATIONS_SHOWN]
        for one in shown:
            yield self.deviation(one), len(one.targets)
        if hidden := found[len(shown) :]:
            targets = sum(len(one.targets) for one in hidden)
            more = words.count(targets, "more target")
            yield f"- {more}, in {len(hidden)} other ways (`--verbose` lists all)", targets

    def deviation(self, one: Deviation) -> str:
        """Targets that differ in the same way."""
        return "- " + self.fleet.says(one, _say, shown=_TARGETS_LISTED, verbose=self.verbose)

    def summary(self, change: Change, say: words.Say) -> str:
        """What a change amounts to, and how many targets it reaches."""
        reach = words.reach(change.targets, self.names, say)
        with_it = summaries.belongings(self.folded.get(place(change), ()))
        what = summaries.summary(change, self.plan, say, below=True)
        return ", ".join(filter(None, [what, with_it, reach]))

    def target(self, target: Target, changes: Mapping[str, int]) -> tuple[str, int]:
        """One of several targets: whether it has the template, and how much changes there."""
        name = f"{_say(target.organization.slug)} ({_say(target.organization.id)})"
        absent = words.absent(self.plan, target)
        way = "installed by reference" if target.reads is not None else "installed"
        state = f"{way} as {_say(target.agent_id)}" if target.agent_id else absent
        rows = changes[target.organization.id]
        return f"- {name}: {state}, {words.count(rows, 'change') if rows else 'no changes'}", 1

    def notes(self, group: Sequence[Note]) -> tuple[str, int]:
        """Notes of one sort, with what can be done about them."""
        remedies = self.remedies.notes(group, group[:_ROWS_LISTED])
        return "\n".join([self.noted(group), *map(_remedy, remedies)]), len(group)

    def doubt(self, group: Sequence[Note]) -> tuple[str, int]:
        """Notes to look at twice, with what to declare if rows were renamed."""
        lines = [self.noted(group)]
        if declared := notes.declaration(group[:_ROWS_LISTED]):
            lines.append(f"  {notes.DECLARE}")
            lines += [f"  {line}" for line in escape.fence(declared, "toml")]
        return "\n".join(lines), len(group)

    def drift(self, row: Sequence[Drift]) -> tuple[str, int]:
        """A row that drifted: what its columns were, and are on both sides."""
        lines = diff.drifted(
            row,
            width=_WIDTH,
            verbose=self.verbose,
            then=lambda one: modes.happens(one, self.plan),
        )
        name = _say(row[0].address) + self.where(row[0].targets)
        return "\n".join([name, "", *block(lines)]), 1

    def noted(self, group: Sequence[Note]) -> str:
        """Notes of one sort, with their rows."""
        some = notes.by_row(group)
        rows = []
        for row in some[:_ROWS_LISTED]:
            detail = notes.details(row, _say, verbose=self.verbose)
            address, targets = row[0].address, row[0].targets
            rows.append(_say(address) + (f" ({detail})" if detail else "") + self.where(targets))
        if len(some) > len(rows):
            rows.append(f"and {len(some) - len(rows)} more")
        return f"- {notes.title(group, _say)}: {', '.join(rows)}"

    def where(self, targets: Sequence[str]) -> str:
        """In which targets, where the plan has several; the first of them by name."""
        if self.names.one:
            return ""
        some = [_say(self.names.slug(target)) for target in targets[:_TARGETS_LISTED]]
        hidden = len(targets) - len(some)
        more = f" and {words.count(hidden, 'more target')}" if hidden else ""
        return f" in {', '.join(some)}{more}"


def _remedy(remedy: Remedy) -> str:
    flags = escape.code(" ".join(remedy.flags)) if remedy.flags else ""
    return f"  - {remedy.title}: {' — '.join(filter(None, [flags, remedy.effect]))}"


def _say(text: str) -> str:
    return escape.code(escape.shortened(text, escape.NAME_ROOM))


def _html(text: str) -> str:
    return escape.html(escape.shortened(text, escape.NAME_ROOM))
